//! ISO files as media: the practice images against their trees, several repositories in one image,
//! and images without Rock Ridge.

use builder::packages::media;
use formats::iso9660::{Iso, NodeKind};
use lab_tests::lab::text;
use lab_tests::{oracle, product};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The regular files below a directory, by path.
fn files(root: &Path) -> BTreeMap<String, PathBuf> {
    let list = oracle::ok(
        "find",
        [text(root), "-type".into(), "f".into(), "-printf".into(), "%P\\n".into()],
    );
    list.lines().map(|path| (path.to_owned(), root.join(path))).collect()
}

#[test]
fn practice_isos_hold_what_their_trees_hold() {
    let practice = product::practice();
    for part in ["os", "extras", "osp10"] {
        let image = practice.join(format!("practice-{part}.iso"));
        let iso = Iso::open(File::open(&image).expect("open")).expect("image");
        let mut expected = files(&practice.join(part));
        for (path, node) in iso.walk().expect("walk") {
            if node.kind != NodeKind::File {
                continue;
            }
            let path = String::from_utf8(path).expect("UTF-8");
            let Some(file) = expected.remove(&path) else {
                assert!(path.contains("boot.cat") || path.contains("isolinux"), "{path} in {part}");
                continue;
            };
            let mut bytes = Vec::new();
            iso.reader(&node).expect("reader").read_to_end(&mut bytes).expect("data");
            let same = bytes == fs::read(file).expect("file");
            // isolinux.bin has the boot information table in the image.
            assert!(same || path == "isolinux/isolinux.bin", "{path} in {part}");
        }
        assert!(expected.is_empty(), "not in {part}: {expected:?}");
    }
}

#[test]
fn one_image_with_several_repositories() {
    let medium =
        media::open(&text(&product::practice().join("practice-osp10.iso"))).expect("image");
    let found = medium.repositories().expect("repositories");
    let names = ["rhel-7-server-openstack-10-devtools-rpms", "rhel-7-server-openstack-10-rpms"];
    assert_eq!(found, names);
    for directory in found {
        assert!(medium.has(&format!("{directory}/repodata/repomd.xml")));
    }
}

/// An image of the practice extras without Rock Ridge, made by genisoimage.
fn without_rock_ridge(directory: &Path, name: &str, options: &[&str]) -> PathBuf {
    let image = directory.join(name);
    let tree = text(&product::practice().join("extras"));
    let mut arguments = vec!["-quiet".to_owned(), "-o".to_owned(), text(&image)];
    arguments.extend(options.iter().map(|o| (*o).to_owned()));
    arguments.push(tree);
    oracle::ok("genisoimage", arguments);
    image
}

#[test]
fn images_with_joliet_or_short_names_are_media_as_well() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let tree = product::practice().join("extras");
    for (name, options) in [("joliet.iso", &["-J", "-joliet-long"][..]), ("short.iso", &["-T"][..])]
    {
        let image = without_rock_ridge(directory.path(), name, options);
        let medium = media::open(&text(&image)).expect("image");
        assert_eq!(medium.repositories().expect("repositories"), [""], "{name}");
        for (path, file) in files(&tree) {
            let bytes = medium.read(&path, 1 << 30).expect(&path);
            assert!(bytes == fs::read(file).expect("file"), "{path} in {name}");
        }
    }
}
