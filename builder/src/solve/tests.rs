use super::*;
use crate::repo::primary;

/// A catalog from lines `name version [arch]; provides …; requires …; conflicts …; obsoletes …`.
fn catalog(lines: &[&str]) -> Catalog {
    let mut xml = String::from("<metadata>");
    for line in lines {
        let mut parts = line.split(';');
        let mut head = parts.next().unwrap().split_whitespace();
        let (name, version) = (head.next().unwrap(), head.next().unwrap());
        let arch = head.next().unwrap_or("x86_64");
        xml += &format!(
            "<package><name>{name}</name><arch>{arch}</arch><version epoch='0' ver='{version}' rel='1'/>\
             <checksum type='sha256'>{name}{version}{arch}</checksum><location href='{name}.rpm'/><format>\
             <rpm:provides><rpm:entry name='{name}' flags='EQ' epoch='0' ver='{version}' rel='1'/></rpm:provides>"
        );
        for part in parts {
            let mut words = part.split_whitespace();
            let kind = words.next().unwrap();
            xml += &format!("<rpm:{kind}>");
            for word in words {
                let (name, condition) = match word.split_once(">=") {
                    Some((n, v)) => (n, format!("flags='GE' epoch='0' ver='{v}'")),
                    None => match word.split_once('<') {
                        Some((n, v)) => (n, format!("flags='LT' epoch='0' ver='{v}'")),
                        None => (word, String::new()),
                    },
                };
                xml += &format!("<rpm:entry name='{name}' {condition}/>");
            }
            xml += &format!("</rpm:{kind}>");
        }
        xml += "</format></package>";
    }
    xml += "</metadata>";
    Catalog { packages: primary::parse(xml.as_bytes(), 0).unwrap(), ..Catalog::default() }
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
    ]);
    let error = solve(&c, &request(&["app", "ap", "one", "two", "@core"])).unwrap_err().message;
    for part in [
        "middle-1-1.x86_64 (for app, requested) needs lib >= 3; there is only: lib-2-1.x86_64 provides lib = 2-1",
        "middle-1-1.x86_64 (for app, requested) needs nowhere, which no package on the media provides",
        "no package `ap` on the media; did you mean `app`?",
        "no group `@core` on the media",
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
fn the_closure_of_a_package() {
    let c =
        catalog(&["rpm 1; requires lib", "lib 1; requires base", "base 1", "app 1; requires rpm"]);
    let all: Vec<Id> = (0..4).collect();
    assert_eq!(closure(&c, &all, "rpm"), [0, 1, 2]);
}
