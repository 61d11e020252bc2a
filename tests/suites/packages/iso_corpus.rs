//! ISO 9660 images as isoinfo and xorriso list them (recorded answers), and images that are wrong
//! in every way.

use formats::iso9660::{Iso, IsoError, IsoNode, IsoOptions, Names, NodeKind, plain_name, write};
use formats::tree::{Content, Entry, Tree};
use lab_tests::alone::is_alone;
use lab_tests::lab::text;
use lab_tests::{oracle, product};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The images of the corpus, unpacked into `directory`: path, and whether it is well-formed.
fn corpus(shared: &Path, directory: &Path) -> Vec<(PathBuf, bool)> {
    let table = fs::read_to_string(shared.join("corpus/iso/images.tsv")).expect("images.tsv");
    let unpack = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        let image = directory.join(fields[0]);
        let plain = text(&shared.join("corpus/iso/images").join(fields[0]));
        let command = format!("cat '{plain}' 2>/dev/null || zcat '{plain}.gz'");
        fs::write(&image, oracle::run("sh", ["-c", &command]).stdout).expect("image");
        (image, fields[3] == "well-formed")
    };
    table.lines().skip(1).map(unpack).collect()
}

fn name_of(image: &Path) -> String {
    image.file_name().expect("name").to_string_lossy().into_owned()
}

/// A line of isoinfo's listing, as far as names of this kind have a meaning for it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    path: String,
    /// `drwxr-xr-x`; the letter alone without Rock Ridge.
    mode: String,
    owner: (u32, u32),
    size: u64,
    /// First block; none where there is no data.
    block: Option<u64>,
}

/// isoinfo's listing. It shows every extent of a file by itself; they are put together.
fn isoinfo(listing: &str, names: Names) -> Vec<Line> {
    let (mut directory, mut lines): (String, Vec<Line>) = (String::new(), Vec::new());
    let mut continues = false;
    for line in listing.lines() {
        if let Some(path) = line.strip_prefix("Directory listing of /") {
            directory = path.trim_end().to_owned();
            continue;
        }
        let Some((about, rest)) = line.split_once('[') else { continue };
        let fields: Vec<&str> = about.split_whitespace().collect();
        // The block has 7 columns, the flags 4 (`FFFF` are the negative ones of an extent that
        // is continued, `00] ` others).
        let block = rest[..7].trim();
        let flags = rest[7..12].trim();
        let name = rest[12..].trim_end().trim_start();
        let name = name.split(" -> ").next().expect("name").trim_end();
        if matches!(name, "" | "." | "..") {
            continue;
        }
        let size = fields[4].parse().expect("size");
        let name = match names {
            Names::Plain => String::from_utf8(plain_name(name.as_bytes())).expect("ASCII"),
            // Nero gives Joliet names a version as well.
            _ => name.trim_end_matches(";1").to_owned(),
        };
        if continues {
            lines.last_mut().expect("an extent before").size += size;
        } else {
            let rock_ridge = names == Names::RockRidge;
            // isoinfo shows owners in octal.
            let number = |text: &str| {
                if rock_ridge { u32::from_str_radix(text, 8).expect("octal") } else { 0 }
            };
            let is_dir = fields[0].starts_with('d');
            lines.push(Line {
                path: format!("{directory}{name}"),
                mode: fields[0][..if rock_ridge { 10 } else { 1 }].to_owned(),
                owner: (number(fields[2]), number(fields[3])),
                size: if is_dir { 0 } else { size },
                block: block.parse().ok().filter(|_| size > 0),
            });
        }
        continues = flags == "FFFF";
    }
    lines.sort();
    lines
}

fn mode(node: &IsoNode, names: Names) -> String {
    let mut mode = String::from(match node.kind {
        NodeKind::Dir => 'd',
        NodeKind::Symlink(_) => 'l',
        NodeKind::File | NodeKind::Other => '-',
    });
    if names == Names::RockRidge {
        for shift in [6, 3, 0] {
            for (bit, letter) in [(4, 'r'), (2, 'w'), (1, 'x')] {
                mode.push(if node.mode >> shift & bit == 0 { '-' } else { letter });
            }
        }
    }
    mode
}

fn ours(image: &Path, names: Names) -> Vec<Line> {
    let iso = Iso::with_names(File::open(image).expect("open"), &[names]).expect("image");
    assert_eq!(iso.names(), names);
    let line = |(path, node): (Vec<u8>, IsoNode)| Line {
        path: String::from_utf8_lossy(&path).into_owned(),
        mode: mode(&node, names),
        owner: (node.uid, node.gid),
        size: if node.kind == NodeKind::Dir { 0 } else { node.size },
        block: Some(node.extents[0].offset / 2048).filter(|_| node.size > 0),
    };
    let mut lines: Vec<Line> = iso.walk().expect("walk").into_iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn listings_are_isoinfo_s() {
    let Some(shared) = product::shared() else { return };
    let directory = tempfile::tempdir().expect("temporary directory");
    let mut compared = 0;
    for (image, well_formed) in corpus(&shared, directory.path()) {
        if !well_formed {
            continue;
        }
        for (kind, names) in [("l", Names::Plain), ("Rl", Names::RockRidge), ("Jl", Names::Joliet)]
        {
            let name = name_of(&image);
            let recorded = shared.join(format!("corpus/iso/expected/{name}.isoinfo-{kind}.txt"));
            let Ok(recorded) = fs::read(recorded) else { continue };
            let iso = Iso::with_names(File::open(&image).expect("open"), &[names]).expect(&name);
            // isoinfo lists plain names where an image has no others.
            if iso.names() != names {
                continue;
            }
            let listing = String::from_utf8_lossy(&recorded);
            assert_eq!(ours(&image, names), isoinfo(&listing, names), "{name} -{kind}");
            compared += 1;
        }
    }
    assert!(compared >= 15, "only {compared} listings compared");
}

/// `Mon DD  YYYY`, as xorriso shows times that are long ago.
fn day(time: i64) -> String {
    oracle::ok("date", ["-u", "-d", &format!("@{time}"), "+%b %e  %Y"]).trim_end().to_owned()
}

/// All of an image as `xorriso -lsdl` shows it, sorted.
fn listing(iso: &Iso) -> Vec<String> {
    let nodes = iso.walk().expect("walk");
    let mut lines: Vec<String> = Vec::new();
    for (path, node) in &nodes {
        let target = match &node.kind {
            NodeKind::Symlink(target) => {
                format!(" -> '{}'", String::from_utf8_lossy(target).trim_end_matches('/'))
            }
            _ => String::new(),
        };
        let size = if node.kind == NodeKind::File { node.size } else { 0 };
        let path = String::from_utf8_lossy(path);
        let (mode, day) = (mode(node, Names::RockRidge), day(node.mtime));
        lines.push(format!("{mode} {} {} {size} {day} '/{path}'{target}", node.uid, node.gid));
    }
    lines.sort();
    lines
}

/// What xorriso has listed, without the fields that are its own, sorted.
fn their_listing(listed: &str) -> Vec<String> {
    let mut theirs: Vec<String> = listed
        .lines()
        .filter_map(|line| {
            let (about, path) = line.split_once(" '/")?;
            let fields: Vec<&str> = about.split_whitespace().collect();
            let [mode, _, uid, gid, size, month, date, year] = fields.as_slice() else {
                return None;
            };
            // `e` is the boot catalogue, a file to all other readers.
            let mode = mode.replacen('e', "-", 1);
            let path = path.strip_suffix("/'").map_or(path.to_owned(), |p| format!("{p}'"));
            let line = format!("{mode} {uid} {gid} {size} {month} {date:>2}  {year} '/{path}");
            (path != "'").then_some(line)
        })
        .collect();
    theirs.sort();
    theirs
}

#[test]
fn listings_and_contents_are_xorriso_s() {
    let Some(shared) = product::shared() else { return };
    let directory = tempfile::tempdir().expect("temporary directory");
    let (mut listed, mut read) = (0, 0);
    for (image, _) in corpus(&shared, directory.path()).into_iter().filter(|(_, well)| *well) {
        let name = name_of(&image);
        // xorriso uncompresses zisofs; here such a file is not a plain file.
        if name.contains("zisofs") {
            let iso = Iso::open(File::open(&image).expect("open")).expect(&name);
            let nodes = iso.walk().expect("walk");
            assert_eq!(nodes.iter().filter(|(_, node)| node.kind == NodeKind::Other).count(), 2);
            continue;
        }
        let expected = |what: &str| {
            fs::read_to_string(shared.join(format!("corpus/iso/expected/{name}.{what}.txt")))
                .expect(&name)
        };
        let iso = Iso::open(File::open(&image).expect("open")).expect(&name);
        assert_eq!(listing(&iso), their_listing(&expected("xorriso-lsdl")), "{name}");
        listed += 1;
        for line in expected("sha256").lines() {
            let node = iso.lookup(&line[66..]).expect("lookup").expect("present");
            let file = directory.path().join("data");
            let copied = std::io::copy(
                &mut iso.reader(&node).expect("reader"),
                &mut File::create(&file).expect("file"),
            );
            assert_eq!(copied.expect("data"), node.size);
            assert_eq!(oracle::ok("sha256sum", [&file])[..64], line[..64], "{name}: {line}");
            read += 1;
        }
    }
    assert!(listed >= 7 && read > 20, "{listed} {read}");
}

/// Reads all that an image has in each way; errors are fine.
fn exercise(file: &File) {
    for names in [Names::RockRidge, Names::Joliet, Names::Plain] {
        let Ok(iso) = Iso::with_names(file.try_clone().expect("file"), &[names]) else { continue };
        let Ok(nodes) = iso.walk() else { continue };
        for (path, node) in nodes.iter().take(16) {
            let _found = iso.lookup(&String::from_utf8_lossy(path));
            if let Ok(reader) = iso.reader(node) {
                let _read = std::io::copy(&mut reader.take(1 << 20), &mut std::io::sink());
            }
        }
    }
}

#[test]
fn malformed_images_end_in_an_error() {
    let Some(shared) = product::shared() else { return };
    let directory = tempfile::tempdir().expect("temporary directory");
    for (image, _) in corpus(&shared, directory.path()).into_iter().filter(|(_, well)| !*well) {
        exercise(&File::open(&image).expect("open"));
    }
    let looped = directory.path().join("test_read_format_iso_rockridge_ce_loop.iso");
    let opened = Iso::open(File::open(looped).expect("open"));
    let error = opened.and_then(|iso| iso.walk().map(drop)).expect_err("a loop");
    assert!(matches!(error, IsoError::Malformed { offset, .. } if offset > 32768), "{error}");
    let descriptors = directory.path().join("volrecords.iso");
    let opened = Iso::open(File::open(descriptors).expect("open"));
    assert!(matches!(opened, Err(IsoError::NotIso)));
}

/// Ends the test run when the image that is being read takes minutes.
fn watchdog(at: &'static AtomicU64) {
    std::thread::spawn(move || {
        let mut last = (u64::MAX, 0);
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = at.load(Ordering::SeqCst);
            last = if now == last.0 { (now, last.1 + 1) } else { (now, 0) };
            if last.1 > 120 {
                let _ = std::io::Write::write_all(
                    &mut std::io::stderr(),
                    format!("image {now} has been read for {} s\n", last.1).as_bytes(),
                );
                std::process::abort();
            }
        }
    });
}

/// A small image with all kinds of records: long names, links over several areas, directories.
fn awkward() -> Vec<u8> {
    let mut tree = Tree::default();
    let mut put = |path: &str, content| tree.put(path, Entry::new(0o644, 1_500_000_000, content));
    for number in 0..40 {
        put(&format!("d/{number}-{}", "n".repeat(240)), Content::Bytes(vec![7; number * 99]));
    }
    put(&"l".repeat(250), Content::Symlink(vec!["e".repeat(199); 9].join("/").into_bytes()));
    put("1/2/3/4/5/6/7/8/9/10/bottom", Content::Bytes(b"deep".to_vec()));
    let options = IsoOptions { volume_id: "AWKWARD".into(), time: 1_500_000_000, boot: Vec::new() };
    let mut bytes = Vec::new();
    write(&mut std::io::Cursor::new(&mut bytes), &options, &tree).expect("image");
    bytes
}

#[test]
fn no_change_of_a_few_bytes_makes_it_hang_or_panic() {
    // Its memory is measured, and a watchdog may end it.
    if !is_alone("iso_corpus::no_change_of_a_few_bytes_makes_it_hang_or_panic") {
        return;
    }
    static AT: AtomicU64 = AtomicU64::new(0);
    watchdog(&AT);
    let directory = tempfile::tempdir().expect("temporary directory");
    let mut images = vec![awkward()];
    if let Some(shared) = product::shared() {
        let all = corpus(&shared, directory.path()).into_iter();
        let bytes = all.map(|(image, _)| fs::read(image).expect("image"));
        images.extend(bytes.filter(|bytes| bytes.len() < 2 << 20));
    }
    let path = directory.path().join("image");
    // A linear congruential generator: the same changes in every run.
    let mut state = 1u64;
    let mut random = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for image in &images {
        fs::write(&path, image).expect("image");
        let file = File::options().read(true).write(true).open(&path).expect("image");
        // Where anything but file contents is: descriptors and directories, at the front; one
        // byte in two of what is not zero there.
        let front = image.len().min(200 << 10);
        let used: Vec<usize> = (0..front).filter(|at| image[*at] != 0 && *at >= 32768).collect();
        if used.is_empty() {
            exercise(&file);
            continue;
        }
        for _ in 0..400 {
            AT.fetch_add(1, Ordering::SeqCst);
            let changes: Vec<usize> =
                (0..=random(3)).map(|_| used[random(used.len())] + random(3)).collect();
            for at in changes.iter().filter(|at| **at < image.len()) {
                let value = [0, 1, 0x7f, 0xff, random(256) as u8][random(5)];
                file.write_all_at(&[value], *at as u64).expect("change");
            }
            exercise(&file);
            for at in changes.iter().filter(|at| **at < image.len()) {
                file.write_all_at(&[image[*at]], *at as u64).expect("back");
            }
        }
        // Every length up to a little after the descriptors, then some.
        for length in (30_000..front).step_by(1500).rev() {
            AT.fetch_add(1, Ordering::SeqCst);
            file.set_len(length as u64).expect("cut");
            exercise(&file);
        }
    }
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("peak");
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("number");
    assert!(kib < 1 << 20, "{kib} KiB of memory were needed at some time");
}

#[test]
fn paths_that_no_system_has_are_refused() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let mut tree = Tree::default();
    let path = vec!["d".repeat(200); 25].join("/");
    tree.put(&path, Entry::new(0o644, 0, Content::Bytes(Vec::new())));
    let options = IsoOptions { volume_id: "DEEP".into(), time: 0, boot: Vec::new() };
    let image = directory.path().join("deep.iso");
    write(&mut File::create(&image).expect("file"), &options, &tree).expect("image");
    let iso = Iso::open(File::open(&image).expect("open")).expect("image");
    let error = iso.walk().expect_err("too long").to_string();
    assert!(error.contains("path longer than 4096 bytes"), "{error}");
}
