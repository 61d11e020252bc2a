//! What the kickstart names and packages bring: time zone, keymap, locale, looked up in the tree.

use crate::base::error::{Error, Result};
use crate::kickstart::Kickstart;
use crate::tree::sandbox::Sandbox;
use formats::tree::Tree;
use std::path::Path;

const ZONES: &str = "usr/share/zoneinfo";
const KEYMAPS: &str = "usr/lib/kbd/keymaps";
const LOCALES: &str = "usr/lib/locale/locale-archive";

/// Looks the names up, where what holds such names is installed. `root` is the tree's directory.
///
/// # Errors
/// An input error for each name that the tree does not have, at its line.
pub fn check(kickstart: &Kickstart, tree: &Tree, root: &Path) -> Result<()> {
    let mut missing = Vec::new();
    let mut miss = |command: &str, what: String| {
        let mut lines = kickstart.report.iter().rev();
        let line = lines.find(|l| l.command == command);
        let place = line.map(|l| format!("{}:{}: ", l.place.file, l.place.line));
        missing.push(format!("{}{command}: {what}", place.unwrap_or_default()));
    };
    if let Some(timezone) = &kickstart.timezone
        && tree.get(ZONES).is_some()
        && tree.get(&format!("{ZONES}/{}", timezone.zone)).is_none()
    {
        miss("timezone", format!("/{ZONES} of the image has no {}", timezone.zone));
    }
    if let Some(map) = &kickstart.keymap
        && tree.get(KEYMAPS).is_some()
        && !has_keymap(tree, map)
    {
        miss("keyboard", format!("/{KEYMAPS} of the image has no {map}"));
    }
    if let Some(locale) = &kickstart.lang
        && tree.get(LOCALES).is_some()
        && !has_locale(root, locale)?
    {
        miss("lang", format!("/{LOCALES} of the image has no {locale}"));
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::input(missing.join("\n"))
        .hint("write the name of one that is there, or install the package that brings it"))
}

fn has_keymap(tree: &Tree, map: &str) -> bool {
    let ends = [format!("/{map}.map.gz"), format!("/{map}.map")];
    let below = |name: &&Vec<u8>| name.starts_with(KEYMAPS.as_bytes());
    tree.entries.keys().filter(below).any(|name| ends.iter().any(|e| name.ends_with(e.as_bytes())))
}

/// By the tree's own locale(1).
fn has_locale(root: &Path, locale: &str) -> Result<bool> {
    let wanted = plain(locale);
    let mut found = ["C", "POSIX"].contains(&locale);
    let mut list = Sandbox::new(root, ["locale", "-a"]);
    list.data = true;
    list.must(&mut |line| found |= plain(line) == wanted)?;
    Ok(found)
}

/// A locale with its codeset as glibc compares it: `en_US.UTF-8` is `en_US.utf8`
/// (_nl_normalize_codeset).
fn plain(locale: &str) -> String {
    let (language, rest) = locale.split_once('.').unwrap_or((locale, ""));
    let (codeset, modifier) = rest.split_once('@').map_or((rest, None), |(c, m)| (c, Some(m)));
    let codeset: String =
        codeset.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    format!("{language}.{codeset}@{}", modifier.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kickstart::{SourceMap, Text, parse};
    use formats::tree::{Content, Entry};

    #[test]
    fn names_that_the_tree_lacks_are_named_with_their_lines() {
        let text = "lang en_US.UTF-8\nkeyboard nowhere\ntimezone Europe/Prague\n";
        let lines = SourceMap::default();
        let text = Text::new("a.ks", text, &lines, "lab");
        let kickstart = parse(&text).unwrap();
        let mut tree = Tree::default();
        let root = Path::new("/nowhere");
        // Where nothing of the kind is installed, nothing can be said.
        check(&kickstart, &tree, root).unwrap();
        let put = |tree: &mut Tree, path: &str, content: Content| {
            tree.put(path, Entry::new(0o644, 0, content));
        };
        put(&mut tree, ZONES, Content::Dir);
        put(&mut tree, KEYMAPS, Content::Dir);
        put(&mut tree, "usr/lib/kbd/keymaps/i386/us.map.gz", Content::Bytes(Vec::new()));
        let error = check(&kickstart, &tree, root).unwrap_err().to_string();
        assert!(error.contains("a.ks:2: keyboard: "), "{error}");
        assert!(error.contains("a.ks:3: timezone: "), "{error}");
        put(&mut tree, "usr/share/zoneinfo/Europe/Prague", Content::Bytes(Vec::new()));
        put(&mut tree, "usr/lib/kbd/keymaps/i386/nowhere.map.gz", Content::Bytes(Vec::new()));
        check(&kickstart, &tree, root).unwrap();
    }

    #[test]
    fn codesets_are_compared_as_glibc_does() {
        assert_eq!(plain("en_US.UTF-8"), plain("en_US.utf8"));
        assert_eq!(plain("sr_RS.UTF-8@latin"), plain("sr_RS.utf8@latin"));
        assert_ne!(plain("sr_RS.UTF-8@latin"), plain("sr_RS.utf8"));
    }
}
