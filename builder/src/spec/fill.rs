//! A kickstart's text with everything that it includes, filled in and parsed.

use super::files::InputFile;
use super::request::Request;
use super::storage::complete_storage;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::LabMachine;
use crate::kickstart::{
    self, Kickstart, SourceMap, SourceText, TemplateFacts, Text, expand_includes,
};

/// One node's kickstart.
pub struct FilledKickstart {
    /// Its text.
    pub text: String,
    /// Where its lines were written.
    pub lines: SourceMap,
    /// Its meaning.
    pub kickstart: Kickstart,
    /// Files that it includes, in the order of their first use.
    pub included: Vec<InputFile>,
}

/// Fills `file` and what it includes in with `facts`, if there are any, parses it, and completes
/// its storage for `machine`.
///
/// # Errors
/// Everything wrong with the files; what concerns putting them together comes first.
pub fn fill_in(
    file: &InputFile,
    request: &Request<'_>,
    facts: Option<&TemplateFacts<'_>>,
    machine: Option<&LabMachine>,
) -> Result<FilledKickstart, Vec<Diagnostic>> {
    let mut included: Vec<InputFile> = Vec::new();
    let (source, mut errors) = read_source(file, request, facts, &mut included)?;
    let SourceText { text, lines, .. } = source;
    let salt = facts.map_or("lab", |f| f.lab);
    let parsed = kickstart::parse(&Text { file: &file.name, text: &text, lines: &lines, salt });
    match parsed {
        Ok(mut kickstart) if errors.is_empty() => {
            complete_storage(&mut kickstart, machine, request.ignore_encryption, &file.name);
            Ok(FilledKickstart { text, lines, kickstart, included })
        }
        parsed => {
            errors.extend(parsed.err().into_iter().flatten());
            Err(errors)
        }
    }
}

/// The file with everything that it includes, filled in if there are facts.
fn read_source(
    file: &InputFile,
    request: &Request<'_>,
    facts: Option<&TemplateFacts<'_>>,
    included: &mut Vec<InputFile>,
) -> Result<(SourceText, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = |file: &InputFile| {
        let name = file.name.clone();
        let (text, lines) = match facts {
            Some(facts) => kickstart::render(&name, &file.text, facts).map_err(|e| vec![e])?,
            None => (file.text.clone(), SourceMap::of_file(&name, &file.text)),
        };
        Ok::<_, Vec<Diagnostic>>(SourceText { name, text, lines })
    };
    Ok(expand_includes(&source(file)?, &mut |path, from| {
        let origin = included.iter().find(|f| f.name == from).unwrap_or(file);
        let Some(next) = origin.included(path, request).map_err(|e| vec![e])? else {
            return Ok(None);
        };
        if !included.iter().any(|f| f.name == next.name) {
            included.push(next.clone());
        }
        source(&next).map(Some)
    }))
}
