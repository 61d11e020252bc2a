//! `%packages`, and the packages that other commands bring.

use crate::shipped::{Lab, request};
use builder::kickstart::{SourceMap, Text, parse};
use builder::spec::{Request, load};

#[test]
fn packages_are_those_that_any_node_of_the_role_needs() {
    let lab = Lab::new();
    let needs = |node: Option<&str>| {
        let request = Request { node, ..request("compute", lab.path()) };
        load(&request).unwrap_or_else(|e| panic!("{node:?}: {e}")).needs
    };
    assert!(!needs(None).contains(&"teamd"));
    let line =
        "{% if node.name == \"nova02\" %}network --device=team0 --teamslaves=eth1{% endif %}";
    lab.edit("kickstart/compute.ks", "\nzerombr\n", &format!("\n{line}\nzerombr\n"));
    for node in [None, Some("nova01"), Some("nova02")] {
        assert!(needs(node).contains(&"teamd"), "{node:?}");
    }
}

#[test]
fn files_that_packages_mark_can_be_left_out() {
    let text = "%packages --excludedocs --instLangs=en_US,cs\n%end\n";
    let lines = SourceMap::default();
    let kickstart = parse(&Text::new("ks", text, &lines, "lab")).expect(text);
    assert!(kickstart.packages.no_docs);
    assert_eq!(kickstart.packages.languages.as_deref(), Some("en_US:cs"));
}

/// A kickstart that knows nothing of the lab gives a node that can do its role's work.
#[test]
fn the_role_installs_what_it_needs_with_any_kickstart() {
    let lab = Lab::new();
    let kickstart = "rootpw --lock\n%packages\n-openvswitch\n%end\n";
    std::fs::write(lab.path().join("kickstart/controller.ks"), kickstart).expect("kickstart");
    let spec = load(&request("controller", lab.path())).expect(kickstart);
    assert!(spec.install.contains(&"openvswitch".to_owned()), "{:?}", spec.install);
    let words = "-openvswitch in %packages does not count";
    assert!(spec.warnings.iter().any(|w| w.message.contains(words)), "{:?}", spec.warnings);
}
