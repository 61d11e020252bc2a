//! A kickstart's text with everything that it includes, filled in and parsed.

use super::files::{InputFile, read_path};
use super::pre::{PreFiles, PreJob};
use super::request::Request;
use super::storage::complete_storage;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::{LabMachine, LabRepository};
use crate::kickstart::{
    self, Kickstart, SourceMap, SourceText, TemplateFacts, Text, expand_includes,
};
use std::iter;
use std::rc::Rc;

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

/// What a kickstart is filled in for.
#[derive(Clone, Copy)]
pub struct Filling<'a> {
    /// What the user asked for.
    pub request: &'a Request<'a>,
    /// What names in double braces stand for.
    pub facts: &'a TemplateFacts<'a>,
    /// The machine, where it is known.
    pub machine: Option<&'a LabMachine>,
    /// The lab's repositories.
    pub repositories: &'a [LabRepository],
}

/// Fills `file` and what it includes in with the facts, where they name some, parses it, and
/// completes its storage for the machine. What `%pre` writes is included where the request has
/// something that runs it: as an installer does, the scripts of what is there without them run
/// first.
///
/// # Errors
/// Everything wrong with the files; what concerns putting them together comes first.
pub fn fill_in(
    file: &InputFile,
    filling: &Filling<'_>,
) -> Result<FilledKickstart, Vec<Diagnostic>> {
    let Filling { request, facts, machine, .. } = *filling;
    let mut sources = Sources { filling, file, included: Vec::new(), pre: None };
    let (mut source, mut errors) = sources.expand()?;
    if sources.run_pre(&source, &errors)? {
        (source, errors) = sources.expand()?;
    }
    let pre_has_run = sources.pre.is_some();
    let included = sources.files();
    let SourceText { text, lines, .. } = source;
    let parsed =
        kickstart::parse(&Text { pre_has_run, ..Text::new(&file.name, &text, &lines, facts.lab) });
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

/// A file that is included.
struct IncludedFile {
    file: InputFile,
    /// Whether it is the installer's: what it names in turn is there, too.
    from_pre: bool,
}

/// The kickstart and what it includes.
struct Sources<'a> {
    filling: &'a Filling<'a>,
    file: &'a InputFile,
    included: Vec<IncludedFile>,
    /// What `%pre` has left.
    pre: Option<Rc<dyn PreFiles>>,
}

impl Sources<'_> {
    /// The file with everything that it includes, each filled in if it names facts.
    fn expand(&mut self) -> Result<(SourceText, Vec<Diagnostic>), Vec<Diagnostic>> {
        self.included.clear();
        let facts = self.filling.facts;
        let whole = fill_source(self.file, facts)?;
        Ok(expand_includes(&whole, &mut |path, from| {
            let Some(next) = self.find(path, from).map_err(|e| vec![e])? else { return Ok(None) };
            let text = fill_source(&next.file, facts)?;
            if !self.included.iter().any(|known| known.file.name == next.file.name) {
                self.included.push(next);
            }
            Ok(Some(text))
        }))
    }

    /// The file that `path` means where the file called `from` writes it.
    fn find(&self, path: &str, from: &str) -> Result<Option<IncludedFile>, Diagnostic> {
        let request = self.filling.request;
        let origin = self.included.iter().find(|known| known.file.name == from);
        let of_user = |file| IncludedFile { file, from_pre: false };
        if let Some((_, given)) = request.includes.iter().find(|(name, _)| name == path) {
            return read_path(given, request).map(|file| Some(of_user(file)));
        }
        if path.contains("://") {
            return Ok(None);
        }
        let (file, from_pre) = match origin {
            Some(origin) => (&origin.file, origin.from_pre),
            None => (self.file, false),
        };
        if !path.starts_with('/') && !from_pre {
            return Ok(file.included(path, request)?.map(of_user));
        }
        let Some(pre) = &self.pre else { return Ok(None) };
        let path = file.resolve(path, None);
        let name = path.to_string_lossy().into_owned();
        let text = pre.read(&name)?;
        let file = |text| InputFile { name, path, shipped: false, text };
        Ok(text.map(|text| IncludedFile { file: file(text), from_pre: true }))
    }

    /// Runs the `%pre` scripts of `source` if anything is missing that they may write, and
    /// something runs them. Whether they have run.
    fn run_pre(
        &mut self,
        source: &SourceText,
        errors: &[Diagnostic],
    ) -> Result<bool, Vec<Diagnostic>> {
        let Filling { request, facts, machine, repositories } = *self.filling;
        let (Some(runner), Some(machine)) = (request.pre, machine) else { return Ok(false) };
        let SourceText { text, lines, .. } = source;
        if !errors.is_empty() || !kickstart::has_inclusion(text) {
            return Ok(false);
        }
        let file = &self.file.name;
        let first = kickstart::first_pass(&Text::new(file, text, lines, facts.lab));
        let job = PreJob { file, text, first: &first, machine, repositories };
        self.pre = Some(runner.run(&job).map_err(|e| vec![e])?);
        Ok(true)
    }

    /// The files that are included, in the order of their first use.
    fn files(self) -> Vec<InputFile> {
        self.included.into_iter().map(|known| known.file).collect()
    }
}

/// The file's text, filled in if it names facts.
fn fill_source(file: &InputFile, facts: &TemplateFacts<'_>) -> Result<SourceText, Vec<Diagnostic>> {
    let name = file.name.clone();
    let (text, lines) = match kickstart::is_template(&file.text) {
        true => kickstart::render(&name, &file.text, facts).map_err(|e| vec![e])?,
        false => (file.text.clone(), SourceMap::of_file(&name, &file.text)),
    };
    Ok(SourceText { name, text, lines })
}
