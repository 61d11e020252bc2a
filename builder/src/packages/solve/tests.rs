use super::*;
use crate::packages::checksum::Checksum;
use crate::packages::repo::primary;
use formats::digest::DigestKind;

/// A catalog from lines `name version [arch]; provides …; requires …; conflicts …; obsoletes …`,
/// where a line `repository` begins another one.
fn catalog(lines: &[&str]) -> Catalog {
    let mut catalog = Catalog::default();
    for (repo, lines) in lines.split(|line| *line == "repository").enumerate() {
        let xml: String = lines.iter().map(|line| package(line)).collect();
        let xml = format!("<metadata>{xml}</metadata>");
        catalog.packages.extend(primary::parse(xml.as_bytes(), repo).unwrap());
    }
    catalog
}

fn package(line: &str) -> String {
    let mut parts = line.split("; ");
    let mut head = parts.next().unwrap().split_whitespace();
    let (name, version) = (head.next().unwrap(), head.next().unwrap());
    let arch = head.next().unwrap_or("x86_64");
    let sum = Checksum::of(DigestKind::Sha256, format!("{name}{version}{arch}").as_bytes());
    let sum = sum.hex();
    let mut xml = format!(
        "<package><name>{name}</name><arch>{arch}</arch><version epoch='0' ver='{version}' rel='1'/>\
         <checksum type='sha256'>{sum}</checksum><location href='{name}.rpm'/><format>\
         <rpm:provides><rpm:entry name='{name}' flags='EQ' epoch='0' ver='{version}' rel='1'/></rpm:provides>"
    );
    for part in parts {
        let mut words = part.split_whitespace();
        let kind = words.next().unwrap();
        if kind == "source" {
            xml += &format!("<rpm:sourcerpm>{}</rpm:sourcerpm>", words.next().unwrap());
            continue;
        }
        if kind == "file" {
            xml += &format!("<file>{}</file>", words.next().unwrap());
            continue;
        }
        xml += &format!("<rpm:{kind}>");
        for word in words {
            let signs = [(">=", "GE"), ("<", "LT"), ("=", "EQ")];
            let found = signs.iter().find_map(|(s, flag)| Some((word.split_once(s)?, flag)));
            xml += &match found {
                Some(((n, v), flag)) => {
                    format!("<rpm:entry name='{n}' flags='{flag}' epoch='0' ver='{v}'/>")
                }
                None => format!("<rpm:entry name='{word}'/>"),
            };
        }
        xml += &format!("</rpm:{kind}>");
    }
    xml + "</format></package>"
}

fn request(items: &[&str]) -> Request {
    Request { install: items.iter().map(|s| (*s).to_owned()).collect(), ..Request::default() }
}

fn names(catalog: &Catalog, request: &Request) -> Vec<String> {
    let solution = solve(catalog, request).unwrap_or_else(|e| panic!("{e}"));
    solution.packages.iter().map(|&id| catalog.packages[id].nevra()).collect()
}

#[test]
fn newest_native_and_only_what_is_needed() {
    let c =
        catalog(&["app 1; requires lib>=2", "lib 1", "lib 2", "lib 10", "lib 11 i686", "other 1"]);
    assert_eq!(names(&c, &request(&["app"])), ["app-1-1.x86_64", "lib-10-1.x86_64"]);
    assert_eq!(names(&c, &request(&["lib"])), ["lib-10-1.x86_64"]);
    assert_eq!(names(&c, &request(&["l?b"])), ["lib-10-1.x86_64"]);
    assert_eq!(names(&c, &request(&["lib.i686"])), ["lib-11-1.i686"]);
}

#[test]
fn an_obsoleted_package_is_replaced() {
    let c =
        catalog(&["old 1", "new 1; obsoletes old<2", "app 1; requires old", "x 1; provides old"]);
    assert_eq!(names(&c, &request(&["old"])), ["new-1-1.x86_64"]);
}

#[test]
fn what_cannot_be_is_explained_all_at_once() {
    let c = catalog(&[
        "app 1; requires middle",
        "middle 1; requires lib>=3 nowhere",
        "lib 2",
        "one 1; conflicts two",
        "two 1",
        "rich 1; requires (a&#32;or&#32;b)",
    ]);
    let error =
        solve(&c, &request(&["app", "ap", "one", "two", "@core", "rich"])).unwrap_err().message;
    for part in [
        "middle-1-1.x86_64 (for app, requested) needs lib >= 3; there is only: lib-2-1.x86_64 provides lib = 2-1",
        "middle-1-1.x86_64 (for app, requested) needs nowhere, which no package on the media provides",
        "no package `ap` on the media; did you mean `app`?",
        "no group `@core` on the media",
        "rich-1-1.x86_64 (requested) needs (a or b): a rich dependency",
        "one-1-1.x86_64 (requested) conflicts with two, which two-1-1.x86_64 (requested) is",
    ] {
        assert!(error.contains(part), "{part}\n{error}");
    }
}

#[test]
fn what_is_wanted_if_available_never_fails() {
    let c = catalog(&["app 1", "broken 1; requires nowhere", "fine 1; requires app"]);
    let mut r = request(&["app"]);
    r.if_available = ["broken", "absent", "fine"].map(str::to_owned).to_vec();
    let solution = solve(&c, &r).unwrap();
    assert_eq!(solution.packages.len(), 2);
    assert_eq!(solution.skipped.len(), 2, "{:?}", solution.skipped);
}

#[test]
fn what_no_medium_has_is_named_once_and_what_is_required_is_never_left_out() {
    let c = catalog(&["app 1"]);
    let mut r = request(&["app", "absent", "absent", "@^e"]);
    r.required = vec!["kernel".to_owned()];
    let problems = attempt(&c, &r).unwrap().problems;
    assert_eq!(problems.len(), 3, "{problems:?}");
    r.ignore_missing = true;
    let solution = attempt(&c, &r).unwrap();
    assert_eq!(solution.problems, ["no package `kernel` on the media"]);
    assert_eq!(solution.skipped.len(), 2, "{:?}", solution.skipped);
    assert_eq!(solution.packages.len(), 1);
}

#[test]
fn the_closure_of_a_package() {
    let c =
        catalog(&["rpm 1; requires lib", "lib 1; requires base", "base 1", "app 1; requires rpm"]);
    let all: Vec<Id> = (0..4).collect();
    assert_eq!(closure(&c, &all, "rpm"), [0, 1, 2]);
}

#[test]
fn every_spelling_of_a_package() {
    let c = catalog(&[
        "app 1",
        "app 2",
        "app 2 i686",
        "lib 1 noarch; file /usr/bin/lib; provides cap=3",
    ]);
    let app1 = vec!["app-1-1.x86_64".to_owned()];
    for word in
        ["app-1", "app-1-1", "app-1-1.x86_64", "0:app-1-1.x86_64", "app-0:1-1.x86_64", "app-1*"]
    {
        assert_eq!(names(&c, &request(&[word])), app1, "{word}");
    }
    assert_eq!(names(&c, &request(&["app.i686"])), ["app-2-1.i686"]);
    assert_eq!(names(&c, &request(&["app"])), ["app-2-1.x86_64"]);
    for word in ["lib", "/usr/bin/lib", "/usr/bin/l*", "cap", "cap = 3", "cap >= 2", "ca?"] {
        assert_eq!(names(&c, &request(&[word])), ["lib-1-1.noarch"], "{word}");
    }
    assert!(solve(&c, &request(&["cap > 3"])).is_err());
}

#[test]
fn of_several_providers_yum_s_choice() {
    // Same source, then the longest common beginning, then the shortest name.
    let source = catalog(&[
        "app 1; source tool-1-1.src.rpm; requires cap",
        "appendix 1; provides cap",
        "tool-libs 1; source tool-1-1.src.rpm; provides cap",
    ]);
    assert_eq!(names(&source, &request(&["app"])), ["app-1-1.x86_64", "tool-libs-1-1.x86_64"]);
    let prefix =
        catalog(&["mail 1; requires mta", "postfix 1; provides mta", "mailer 1; provides mta"]);
    assert_eq!(names(&prefix, &request(&["mail"])), ["mail-1-1.x86_64", "mailer-1-1.x86_64"]);
    let short = catalog(&["x 1; requires mta", "sendmail 1; provides mta", "exim 1; provides mta"]);
    assert_eq!(names(&short, &request(&["x"])), ["exim-1-1.x86_64", "x-1-1.x86_64"]);
    // One that needs less wins before the name's length; a chosen one before all.
    let needs = catalog(&[
        "x 1; requires mta",
        "sendmail 1; provides mta",
        "exim 1; provides mta; requires sendmail",
    ]);
    assert_eq!(names(&needs, &request(&["x"])), ["sendmail-1-1.x86_64", "x-1-1.x86_64"]);
    assert_eq!(
        names(&short, &request(&["x", "sendmail"])),
        ["sendmail-1-1.x86_64", "x-1-1.x86_64"]
    );
    // What the asking package conflicts with is the last resort, an outdated version never.
    let conflict = catalog(&[
        "x 1; requires mta; conflicts exim",
        "sendmail 1; provides mta",
        "exim 1; provides mta",
    ]);
    assert_eq!(names(&conflict, &request(&["x"])), ["sendmail-1-1.x86_64", "x-1-1.x86_64"]);
    let outdated = catalog(&[
        "x 1; requires mta",
        "exim 1; provides mta",
        "exim 2",
        "sendmail 1; provides mta",
    ]);
    assert_eq!(names(&outdated, &request(&["x"])), ["sendmail-1-1.x86_64", "x-1-1.x86_64"]);
}

#[test]
fn architectures() {
    let c = catalog(&[
        "app 1 i686; requires lib(32)",
        "lib 1 i686; provides lib(32)",
        "lib 1 x86_64; provides lib(64)",
        "tool 1 noarch",
        "tool 1 i686",
        "foreign 1 ppc64",
    ]);
    assert_eq!(names(&c, &request(&["app"])), ["app-1-1.i686", "lib-1-1.i686"]);
    assert_eq!(names(&c, &request(&["app", "lib"])).len(), 3);
    assert_eq!(names(&c, &request(&["tool"])), ["tool-1-1.noarch"]);
    let error = solve(&c, &request(&["foreign"])).unwrap_err().message;
    assert!(error.contains("not for x86_64"), "{error}");
}

#[test]
fn an_older_version_gives_way_to_the_one_that_is_needed() {
    let c = catalog(&["lib 1; requires old-only", "lib 2", "old-only 1", "app 1; requires lib>=2"]);
    // `app` is looked at before `lib`, whose own needs are gone with it.
    assert_eq!(names(&c, &request(&["lib-1", "app"])), ["app-1-1.x86_64", "lib-2-1.x86_64"]);
    let error = solve(&c, &request(&["lib-1", "lib-2"])).unwrap_err().message;
    assert!(error.contains("two versions of one package"), "{error}");
    let kernels = catalog(&["kernel 1", "kernel 2"]);
    assert_eq!(names(&kernels, &request(&["kernel-1", "kernel-2"])).len(), 2);
    let blocked = catalog(&["lib 1; provides x", "lib 2", "app 1; requires x"]);
    let error = solve(&blocked, &request(&["lib", "app"])).unwrap_err().message;
    assert!(error.contains("needs x, but lib-2-1.x86_64 (requested) is already chosen"), "{error}");
}

#[test]
fn obsoletes_within_the_set() {
    // `new` comes by itself and replaces what is chosen already.
    let c = catalog(&[
        "app 1; requires old-cap",
        "old 1; provides old-cap",
        "old 2; provides old-cap",
        "new 1; obsoletes old<2; provides old-cap",
        "all 1; requires new old-cap",
    ]);
    assert_eq!(names(&c, &request(&["all"])), ["all-1-1.x86_64", "new-1-1.x86_64"]);
    // A replacement that does not do what is needed is none.
    let c = catalog(&["app 1; requires cap", "old 1; provides cap", "new 1; obsoletes old"]);
    let error = solve(&c, &request(&["app"])).unwrap_err().message;
    assert!(
        error.contains("old-1-1.x86_64 provides cap, which new-1-1.x86_64 replaces"),
        "{error}"
    );
    let circle = catalog(&["a 1; obsoletes b", "b 1; obsoletes a"]);
    assert_eq!(names(&circle, &request(&["a"])), ["a-1-1.x86_64"]);
}

#[test]
fn conflicts_with_itself_do_not_count() {
    let c = catalog(&[
        "a 1; provides x; conflicts x",
        "a 1 i686; provides x; conflicts x",
        "b 1; conflicts a<1",
    ]);
    assert_eq!(names(&c, &request(&["a", "a.i686", "b"])).len(), 3);
}

#[test]
fn a_deselected_package_stays_away_unless_needed() {
    let c = catalog(&["app 1; requires lib", "lib 1", "tool 1", "toolbox 1"]);
    let mut r = request(&["app", "lib", "tool", "toolbox"]);
    r.deselect = vec!["lib".to_owned(), "tool*".to_owned()];
    let solution = solve(&c, &r).unwrap();
    assert_eq!(solution.packages, [0, 1]);
    assert_eq!(
        solution.notes,
        ["-lib removes a package from the list, but others need it: \
             lib-1-1.x86_64 (for app, requested)"]
    );
    r.deselect.clear();
    r.exclude = vec!["lib".to_owned()];
    let error = solve(&c, &r).unwrap_err().message;
    assert!(
        error.contains("needs lib; there is only: lib-1-1.x86_64, which is excluded"),
        "{error}"
    );
    assert!(
        error.contains("no package `lib` on the media: the same request excludes it"),
        "{error}"
    );
}

fn with_groups() -> Catalog {
    let mut c =
        catalog(&["must 1", "usual 1", "rare 1", "addon 1", "lang 1", "app 1; requires lang"]);
    let comps = br#"<comps>
      <group><id>g</id><name>The Group</name><name xml:lang="de">Die Gruppe</name><packagelist>
        <packagereq type="mandatory">must</packagereq><packagereq type="default">usual</packagereq>
        <packagereq type="optional">rare</packagereq><packagereq type="mandatory">gone</packagereq>
        <packagereq type="conditional" requires="lang">addon</packagereq></packagelist></group>
      <group><id>h</id><name>Other</name><packagelist>
        <packagereq type="mandatory">rare</packagereq></packagelist></group>
      <environment><id>e</id><name>Everything</name><grouplist><groupid>g</groupid><groupid>h</groupid>
        <groupid>nowhere</groupid></grouplist><optionlist><groupid>x</groupid></optionlist></environment>
      </comps>"#;
    (c.groups, c.environments) = crate::packages::repo::comps::parse(comps).unwrap();
    c
}

#[test]
fn groups_and_environments() {
    let c = with_groups();
    let short = |r: &Request| -> Vec<String> {
        names(&c, r).iter().map(|n| n.split('-').next().unwrap().to_owned()).collect()
    };
    for word in ["@g", "@The Group", "@the*"] {
        assert_eq!(short(&request(&[word])), ["must", "usual"], "{word}");
    }
    let mut r = request(&["@g"]);
    r.without_defaults.insert("g".to_owned());
    assert_eq!(short(&r), ["must"]);
    let mut r = request(&["@g"]);
    r.with_optional.insert("g".to_owned());
    assert_eq!(short(&r), ["must", "rare", "usual"]);
    assert_eq!(short(&request(&["@^e"])), ["must", "rare", "usual"]);
    let mut r = request(&["@^Everything"]);
    r.without_groups = vec!["h".to_owned()];
    assert_eq!(short(&r), ["must", "usual"]);
    // The condition comes by a requirement.
    assert_eq!(short(&request(&["@g", "app"])), ["addon", "app", "lang", "must", "usual"]);
    let mut r = request(&["@g", "app"]);
    r.deselect = vec!["addon".to_owned(), "gone".to_owned()];
    assert_eq!(short(&r), ["app", "lang", "must", "usual"]);
    let skipped = solve(&c, &request(&["@^e"])).unwrap().skipped;
    assert_eq!(
        skipped,
        [
            "gone: a member of @g that is not on the media",
            "@nowhere: a group of the environment e that the media do not have"
        ]
    );
}

#[test]
fn repositories_with_priority_and_exclude() {
    let mut c = catalog(&["lib 1", "app 1", "repository", "lib 2", "app 2", "tool 1"]);
    let first = tempfile::tempdir().unwrap();
    let medium = crate::packages::media::open(first.path().to_str().unwrap()).unwrap();
    c.repos = ["one", "two"].map(|id| crate::packages::repo::Repo::empty(id, &medium, "")).to_vec();
    assert_eq!(names(&c, &request(&["lib"])), ["lib-2-1.x86_64"]);
    c.repos[0].priority = 10;
    assert_eq!(names(&c, &request(&["lib", "tool"])), ["lib-1-1.x86_64", "tool-1-1.x86_64"]);
    c.repos[0].exclude = vec!["li*".to_owned()];
    assert_eq!(names(&c, &request(&["lib", "app"])), ["app-1-1.x86_64", "lib-2-1.x86_64"]);
    c.repos[0].include = vec!["tool".to_owned()];
    assert_eq!(names(&c, &request(&["app", "tool"])), ["app-2-1.x86_64", "tool-1-1.x86_64"]);
}
