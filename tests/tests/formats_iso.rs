//! ISO 9660: the reader against real images and what other tools say of
//! them; the writer against xorriso and isoinfo.

#[path = "formats_iso/corpus.rs"]
mod corpus;
#[path = "formats_iso/made_by_xorriso.rs"]
mod made_by_xorriso;
#[path = "formats_iso/written.rs"]
mod written;

use builder::format::iso9660::{Error, Iso};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a tool in UTC and returns its output; fails, naming the Debian
/// package, when the tool is absent, and with its stderr when it fails.
fn run(package: &str, command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|e| panic!("{name} (Debian package {package}): {e}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{stderr}", output.status);
    output
}

fn open(path: &Path) -> Result<Iso, Error> {
    Iso::open(File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// One line of `xorriso -find / -exec lsdl`.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    mode: String,
    uid: u32,
    gid: u32,
    size: u64,
    path: String,
    target: Option<String>,
}

/// Reads xorriso's `lsdl` lines, sorted by path, without the root and without
/// the boot catalogue (mode `e`), which is no file of the tree.
fn parse_lsdl(text: &str) -> Vec<Listed> {
    let unquote = |s: &str| s.trim_matches('\'').replace(r#"'"'"'"#, "'");
    let mut listed: Vec<Listed> = text
        .lines()
        .filter(|line| !line.starts_with('e') && !line.ends_with(" '/'"))
        .map(|line| {
            let (head, quoted) = line.split_once(" '").unwrap_or_else(|| panic!("{line}"));
            let fields: Vec<&str> = head.split_whitespace().collect();
            let (path, target) = match quoted.split_once("' -> '") {
                Some((path, target)) => (path, Some(unquote(target))),
                None => (quoted, None),
            };
            Listed {
                mode: fields[0].to_owned(),
                uid: fields[2].parse().expect(line),
                gid: fields[3].parse().expect(line),
                size: fields[4].parse().expect(line),
                path: unquote(path).trim_start_matches('/').to_owned(),
                target,
            }
        })
        .collect();
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    listed
}

/// What xorriso lists of an image.
fn xorriso_lsdl(image: &Path) -> Vec<Listed> {
    let output = run(
        "xorriso",
        Command::new("xorriso")
            .args(["-indev"])
            .arg(image)
            .args(["-find", "/", "-exec", "lsdl", "--"]),
    );
    parse_lsdl(&String::from_utf8(output.stdout).unwrap())
}

/// Our reader's view of an image in the same form.
fn listed_by_us(iso: &Iso) -> Result<Vec<Listed>, Error> {
    use builder::format::iso9660::Kind;
    let mut listed = Vec::new();
    iso.walk(iso.root(), |path, node| {
        let (letter, target) = match &node.kind {
            Kind::Dir => ('d', None),
            Kind::File => ('-', None),
            Kind::Symlink(target) => ('l', Some(String::from_utf8_lossy(target).into_owned())),
            Kind::Special => ('?', None),
        };
        let mut mode = letter.to_string();
        for shift in [6, 3, 0] {
            for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
                mode.push(if node.mode >> shift & bit == 0 { '-' } else { letter });
            }
        }
        if node.mode & 0o4100 == 0o4100 {
            mode.replace_range(3..4, "s");
        }
        listed.push(Listed {
            mode,
            uid: node.uid,
            gid: node.gid,
            size: if letter == '-' { node.size } else { 0 },
            path: String::from_utf8_lossy(path).into_owned(),
            target,
        });
        Ok::<(), Error>(())
    })?;
    listed.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(listed)
}

/// `sha256sum` of every regular file, as lines `digest  path` in the order of paths.
fn digests_by_us(iso: &Iso, dir: &Path) -> String {
    use builder::format::iso9660::Kind;
    let out = dir.join("extracted");
    std::fs::create_dir(&out).unwrap();
    let mut paths = Vec::new();
    iso.walk(iso.root(), |path, node| {
        if node.kind == Kind::File {
            let path = String::from_utf8_lossy(path).into_owned();
            let target = out.join(&path);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            let mut file = File::create(&target).unwrap();
            std::io::copy(&mut iso.reader(node), &mut file)?;
            paths.push(path);
        }
        Ok::<(), Error>(())
    })
    .unwrap();
    paths.sort();
    if paths.is_empty() {
        return String::new();
    }
    let sums = run("coreutils", Command::new("sha256sum").current_dir(&out).args(&paths));
    std::fs::remove_dir_all(&out).unwrap();
    String::from_utf8(sums.stdout).unwrap()
}
