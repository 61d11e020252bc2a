//! A kickstart's text with everything that it includes, filled in and parsed.

use super::files::{InputFile, read_path};
use super::request::Request;
use super::storage::complete_storage;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::LabMachine;
use crate::kickstart::{
    self, Kickstart, SourceMap, SourceText, TemplateFacts, Text, expand_includes,
};
use std::iter;

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
    /// Whether any of the files names facts.
    pub is_template: bool,
}

/// Fills `file` and what it includes in with `facts`, where they name some, parses it, and
/// completes its storage for `machine`.
///
/// # Errors
/// Everything wrong with the files; what concerns putting them together comes first.
pub fn fill_in(
    file: &InputFile,
    request: &Request<'_>,
    facts: &TemplateFacts<'_>,
    machine: Option<&LabMachine>,
) -> Result<FilledKickstart, Vec<Diagnostic>> {
    let mut included: Vec<InputFile> = Vec::new();
    let (source, mut errors) = read_source(file, request, facts, &mut included)?;
    let SourceText { text, lines, .. } = source;
    let salt = facts.lab;
    let parsed = kickstart::parse(&Text { file: &file.name, text: &text, lines: &lines, salt });
    match parsed {
        Ok(mut kickstart) if errors.is_empty() => {
            complete_storage(&mut kickstart, machine, request.ignore_encryption, &file.name);
            let all = || iter::once(file).chain(&included);
            let is_template = all().any(|f| kickstart::is_template(&f.text));
            let foreign = all().filter(|f| !kickstart::is_template(&f.text));
            let warnings = foreign.filter_map(|f| kickstart::warn_of_braces(&f.name, &f.text));
            kickstart.warnings.extend(warnings);
            Ok(FilledKickstart { text, lines, kickstart, included, is_template })
        }
        parsed => {
            errors.extend(parsed.err().into_iter().flatten());
            Err(errors)
        }
    }
}

/// The file with everything that it includes, each filled in if it names facts.
fn read_source(
    file: &InputFile,
    request: &Request<'_>,
    facts: &TemplateFacts<'_>,
    included: &mut Vec<InputFile>,
) -> Result<(SourceText, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = |file: &InputFile| {
        let name = file.name.clone();
        let (text, lines) = match kickstart::is_template(&file.text) {
            true => kickstart::render(&name, &file.text, facts).map_err(|e| vec![e])?,
            false => (file.text.clone(), SourceMap::of_file(&name, &file.text)),
        };
        Ok::<_, Vec<Diagnostic>>(SourceText { name, text, lines })
    };
    Ok(expand_includes(&source(file)?, &mut |path, from| {
        let origin = included.iter().find(|f| f.name == from).unwrap_or(file);
        let given = request.includes.iter().find(|(name, _)| name == path);
        let next = match given {
            Some((_, given)) => read_path(given, request).map(Some),
            None if path.starts_with('/') || path.contains("://") => Ok(None),
            None => origin.included(path, request),
        };
        let Some(next) = next.map_err(|e| vec![e])? else { return Ok(None) };
        if !included.iter().any(|f| f.name == next.name) {
            included.push(next.clone());
        }
        source(&next).map(Some)
    }))
}
