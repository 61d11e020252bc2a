//! The commit that a program is built from. A macro and not a build script: only the crate that
//! uses it, a program's `main.rs`, is compiled again after a commit, and not the whole library.

use proc_macro::TokenStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What can be given in place of git's answer, for a build from an archive.
const VARIABLE: &str = "IMGBUILD_COMMIT";

/// Expands to a text as in `37e9bf0a1b2c, 2026-11-25`: the commit and its day, with a `+` after
/// the commit where the programs' sources differ from it; empty without git or outside of a
/// repository, unless `IMGBUILD_COMMIT` has the text.
#[proc_macro]
pub fn built_from(_: TokenStream) -> TokenStream {
    let given = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let text = given.or_else(of_git).unwrap_or_default();
    // What the compiler has read, it looks at again: the variable, and what each commit changes.
    let tracked = log().map_or_else(String::new, |log| {
        format!("const _: &[u8] = include_bytes!({:?});", log.display().to_string())
    });
    let code =
        format!("{{ const _: Option<&str> = option_env!({VARIABLE:?}); {tracked} {text:?} }}");
    // It is well-formed: a block of constants and a text.
    code.parse().unwrap_or_default()
}

fn of_git() -> Option<String> {
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let day = git(&["log", "-1", "--format=%cs"])?;
    let sources = [
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        ":/builder",
        ":/firstboot",
        ":/Cargo.lock",
    ];
    let changed = if git(&sources)?.is_empty() { "" } else { "+" };
    Some(format!("{commit}{changed}, {day}"))
}

/// The log of HEAD, to which each commit and checkout adds a line.
fn log() -> Option<PathBuf> {
    let log = Path::new(&directory()?).join(git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    log.is_file().then_some(log)
}

/// The directory of the crate that is compiled.
fn directory() -> Option<String> {
    std::env::var("CARGO_MANIFEST_DIR").ok()
}

fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).current_dir(directory()?).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
