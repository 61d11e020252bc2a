//! Debian's Depends as RPM Requires.
//!
//! rpm has no alternatives (as of 4.11) and orders versions slightly otherwise,
//! so: one alternative, no upper bounds, and no lower bound that rpm would
//! find unmet by the very package that meets it.

use super::closure::Index;
use super::deb::Control;
use super::version;
use formats::rpmfile::{Dependency, sense};

/// One alternative of a clause: `name (op version)`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Alternative {
    name: String,
    bound: Option<(String, String)>,
}

fn parse(text: &str) -> Option<Alternative> {
    let text = text.split('[').next()?.trim();
    let (name, rest) = match text.split_once('(') {
        Some((name, rest)) => (name, Some(rest.trim_end_matches(')').trim())),
        None => (text, None),
    };
    let name = name.trim().split(':').next()?.to_string();
    let bound = rest.map(|rest| {
        let at = rest.find(|c: char| !"<>=".contains(c)).unwrap_or(rest.len());
        (rest[..at].to_string(), rest[at..].trim().to_string())
    });
    (!name.is_empty()).then_some(Alternative { name, bound })
}

/// What a Debian package needs, as names and versions of the medium's RPMs.
/// Needs of packages that have no place on the medium are left out with them.
pub fn requires(control: &Control, own: &str, index: &Index) -> Vec<Dependency> {
    let mut found = Vec::new();
    for field in ["Pre-Depends", "Depends"] {
        for clause in control.get(field).split(',') {
            let alternatives: Vec<Alternative> = clause.split('|').filter_map(parse).collect();
            let real = alternatives.iter().find(|a| index.debian_version(&a.name).is_some());
            let any = alternatives.iter().find(|a| index.rpm_for(&a.name).is_some());
            let Some(chosen) = real.or(any) else { continue };
            let Some(rpm) = index.rpm_for(&chosen.name) else { continue };
            let dependency = dependency(chosen, rpm, index);
            if rpm != own && !found.contains(&dependency) {
                found.push(dependency);
            }
        }
    }
    found
}

fn dependency(chosen: &Alternative, rpm: &str, index: &Index) -> Dependency {
    let any = Dependency::any(rpm, 0);
    let Some((operator, wanted)) = &chosen.bound else { return any };
    let Some(evr) = index.versions.get(rpm) else { return any };
    // A bound on a virtual package says nothing about the RPM's own version.
    let Some(debian) = index.debian_version(&chosen.name) else { return any };
    match operator.as_str() {
        "=" if debian == wanted => Dependency::versioned(rpm, sense::EQUAL, evr.to_string()),
        ">=" | ">>" | ">" => {
            let bound = version::bound(wanted);
            if version::reaches(evr, &bound) {
                Dependency::versioned(rpm, sense::GREATER | sense::EQUAL, bound)
            } else {
                any
            }
        }
        _ => any,
    }
}

#[cfg(test)]
mod tests {
    use super::super::closure::tests::index_of;
    use super::*;

    #[test]
    fn maps_clauses() {
        let index = index_of(&[
            "Package: libc6\nVersion: 2.36-9+deb12u1\n",
            "Package: mount\nVersion: 2.38.1-5+b1\n",
            "Package: libpam0g\nVersion: 1.5.2-6\n",
            "Package: libpam-runtime\nVersion: 1.5.2-6\n",
            "Package: exim4\nVersion: 1\nProvides: mail-transport-agent\n",
        ]);
        let control = Control::parse(
            "Package: x\nPre-Depends: libc6 (>= 2.34)\n\
             Depends: perl:any, libpam0g (= 1.5.2-6), mount (>> 2.38.1-5) | busybox,\n \
             nothing | mail-transport-agent (>= 9), libc6 (<< 3), libc6 (>> 2.36-9+deb12u1~)\n",
        );
        let texts: Vec<String> =
            requires(&control, "x", &index).iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "glibc >= 2.34",
                "pam = 1.5.2-6.practice",
                "util-linux >= 2.38.1-5",
                "exim4",
                "glibc",
                "glibc >= 2.36-9+deb12u1~",
            ]
        );
        let pam = Control::parse("Package: y\nDepends: libpam0g (= 1.5.2-6)\n");
        assert!(requires(&pam, "pam", &index).is_empty(), "an RPM does not need itself");
    }

    #[test]
    fn parses_alternatives() {
        let parsed = parse(" a:any (>=1.0) [amd64] ").expect("a clause");
        assert_eq!(parsed.name, "a");
        assert_eq!(parsed.bound, Some((">=".into(), "1.0".into())));
        assert_eq!(parse("  "), None);
    }
}
