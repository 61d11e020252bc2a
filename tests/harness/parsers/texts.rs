//! Texts that a user, a mirror or an earlier imgbuild wrote.

use super::files::{file, path};
use builder::image::listing::{self, Listing};
use builder::lab::serve::{HttpRequest, RequestedBytes, parse_range, path_parts};
use builder::packages::media::{Variables, mirrors, repofile};
use builder::plan::Plan;
use builder::provenance::manifest::{Manifest, SCHEMA};
use builder::spec::{self, Request};
use builder::tree::selinux::spec as contexts;
use std::path::Path;

/// Reads a shipped profile, with the lab file at `lab` if one is given.
fn load(profile: &str, lab: Option<&Path>) -> bool {
    // The root directory has no profiles: what is not given is built in.
    let request = Request { lab, ..Request::new(profile, Path::new("/")) };
    spec::load(&request).is_ok()
}

pub(super) fn lab(data: &[u8]) -> bool {
    load("controller", Some(&path(&file(data, 0))))
}

pub(super) fn role(data: &[u8]) -> bool {
    let role = file(data, 0);
    let (path, lab) = (path(&role), crate::product::workspace().join("profiles/lab.toml"));
    load(path.to_str().unwrap_or_default(), Some(&lab))
}

/// The shipped roles, with the kickstarts at absolute paths: a file in memory has no neighbours.
pub(super) fn role_seeds() -> Vec<Vec<u8>> {
    let workspace = crate::product::workspace();
    let kickstarts = format!("\"{}/kickstart/", workspace.display());
    ["controller", "compute"]
        .map(|role| {
            let file = workspace.join(format!("profiles/{role}.toml"));
            let text = std::fs::read_to_string(file).expect("a shipped profile");
            text.replace("\"../kickstart/", &kickstarts).into_bytes()
        })
        .to_vec()
}

/// A kickstart as the nodes of a role have it: filled in, parsed and checked for each node.
pub(super) fn ks(data: &[u8]) -> bool {
    let kickstart = file(data, 0);
    let text = format!(
        "role = \"compute\"\nkickstart = \"{}\"\n[machine]\ncpus = 2\nmemory = \"8 GiB\"\n\
         disk = \"64 GiB\"\n[services]\nenabled = [\"chronyd\"]\ndisabled = [\"postfix\"]\n",
        path(&kickstart).display()
    );
    role(text.as_bytes())
}

/// A kickstart alone, and what is written of it again, which is one as well.
pub(super) fn ksfile(data: &[u8]) -> bool {
    let read = |data: &[u8]| {
        let kickstart = file(data, 0);
        spec::load_kickstart(&path(&kickstart), Path::new("/"), &[])
    };
    let Ok(alone) = read(data) else { return false };
    let normal = alone.kickstart.normalized();
    // What a template fills in may look like another one.
    if !alone.sample
        && let Err(errors) = read(normal.as_bytes())
    {
        panic!("the normal form is refused: {errors}\n{normal}");
    }
    true
}

pub(super) fn plan(data: &[u8]) -> bool {
    let Ok(plan) = Plan::read(&path(&file(data, 0))) else { return false };
    let again = Plan::read(&path(&file(plan.to_json().as_bytes(), 0)));
    assert_eq!(again.map(|plan| plan.digest()).ok(), Some(plan.digest()), "a plan changes");
    true
}

pub(super) fn manifest(data: &[u8]) -> bool {
    Manifest::read(&path(&file(data, 0)))
        .is_ok_and(|manifest| manifest.node_of(Path::new("openstack.qcow2")).is_ok())
}

pub(super) fn manifest_seeds() -> Vec<Vec<u8>> {
    let fixture = crate::product::workspace().join("tests/fixtures/plan/compute.json");
    let Ok(plan) = std::fs::read_to_string(fixture) else { return Vec::new() };
    let sum = "ab".repeat(32);
    let text = format!(
        r#"{{"schema":{SCHEMA},"generator":"imgbuild 0","plan_sha256":"{sum}","tree_sha256":"{sum}",
        "firstboot_sha256":"{sum}","practice_media":true,"trust":{{"repositories":[{{"id":"os",
        "gpgcheck":true,"keys":[{{"fingerprint":"ab","user":"u","file":"f"}}]}}],"packages":[]}},
        "packages":[{{"name":"a","nevra":"a-1-1.noarch","sha256":"{sum}","repository":"os","license":"MIT",
        "vendor":"","source":"a.src.rpm"}}],"nodes":[{{"name":"openstack","listing":"o.mtree.zst",
        "boot":[{{"name":"mbr","offset":0,"size":440,"sha256":"{sum}"}}]}}],
        "files":[{{"file":"openstack.qcow2","node":"openstack","size":1,"sha256":"{sum}"}}],
        "plan":{plan}}}"#
    );
    vec![text.into_bytes()]
}

pub(super) fn metalink(data: &[u8]) -> bool {
    mirrors::metalink(&String::from_utf8_lossy(data)).is_ok()
}

pub(super) fn metalink_seeds() -> Vec<Vec<u8>> {
    let sums = format!(
        "<hash type=\"sha256\">{}</hash><hash type=\"md5\">{}</hash>",
        "ab".repeat(32),
        "cd".repeat(16)
    );
    let text = format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/">
 <files><file name="repomd.xml"><size>3</size><verification>{sums}</verification>
  <resources maxconnections="1">
   <url protocol="https" type="https" preference="100">https://a.example/7/os/repodata/repomd.xml</url>
   <url protocol="http" preference="9">http://b.example/7/os/repodata/repomd.xml</url>
  </resources></file></files>
</metalink>"#
    );
    vec![text.into_bytes()]
}

pub(super) fn mirrorlist(data: &[u8]) -> bool {
    mirrors::plain(&String::from_utf8_lossy(data), &Variables::default()).is_ok()
}

pub(super) fn mirrorlist_seeds() -> Vec<Vec<u8>> {
    vec![
        b"# mirrors\nhttp://a.example/7/os/$basearch/\nhttps://b.example/${releasever}/$ARCH\n"
            .to_vec(),
        b"ftp://c.example/\nhttp://d.example/$contentdir/$infra/$YUM0/$nothing\n".to_vec(),
    ]
}

pub(super) fn repofile(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    repofile::parse("fuzzed.repo", &text, &Variables::default()).is_ok()
}

pub(super) fn repofile_seeds() -> Vec<Vec<u8>> {
    let text = "[main]\nproxy=http://proxy:3128\n\n[base]\nname=CentOS-$releasever - Base\n\
                baseurl=http://a.example/$releasever/os/$basearch/\n  http://b.example/\n\
                gpgcheck=1\nrepo_gpgcheck = 0\ngpgkey=file:///etc/pki/KEY\nenabled=1\n\
                priority=10\nexclude=kernel* ,foo\ntimeout=30\nretries=3\n\
                metadata_expire=6h\n; a comment\n[updates]\nname=x\n\
                mirrorlist=http://m.example/?release=$releasever&arch=$basearch\nenabled=0\n\
                sslverify=false\nincludepkgs=a b\nusername=u\npassword=p\n";
    vec![text.as_bytes().to_vec()]
}

pub(super) fn mtree(data: &[u8]) -> bool {
    let Ok(listing) = listing::parse(&String::from_utf8_lossy(data)) else { return false };
    let again = listing::parse(&listing::to_text(&listing));
    assert_eq!(again, Ok(listing), "a listing changes when it is written");
    true
}

pub(super) fn mtree_seeds() -> Vec<Vec<u8>> {
    let text = format!(
        "#mtree\n. type=dir mode=755 uid=0 gid=0 time=1500000000.0\n\
         ./dev/x type=block mode=660 uid=0 gid=6 time=-5.0 device=native,259,70000\n\
         ./usr/a\\040b type=file mode=4755 uid=0 gid=0 time=1.0 size=3 sha256digest={} \
         tags=security.capability:0100ff,user.a\\072b:\n\
         ./link type=link mode=777 uid=0 gid=0 time=0.0 link=../a\\040b\\134c\n\
         ./fifo type=fifo mode=600 uid=1 gid=1 time=0.0\n",
        "ab".repeat(32)
    );
    let listing: Listing = listing::parse(&text).expect("a listing");
    vec![listing::to_text(&listing).into_bytes()]
}

pub(super) fn selinux(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let substitutions = contexts::Substitutions::parse(&text);
    let Ok(specs) = contexts::parse(&text, "file_contexts") else { return false };
    for path in [&b"/usr/bin/su"[..], b"/home/user/.ssh/key", b"/"] {
        let path = substitutions.apply(path).unwrap_or_else(|| path.to_vec());
        let matching =
            specs.iter().filter(|s| s.matches(&path, builder::tree::selinux::SeFileKind::File));
        let _ = matching.count();
    }
    true
}

pub(super) fn selinux_seeds() -> Vec<Vec<u8>> {
    vec![
        b"/.*\tsystem_u:object_r:default_t:s0\n/usr/bin/su\t--\tsystem_u:object_r:su_exec_t:s0\n\
          /home/[^/]+/\\.ssh(/.*)?\tsystem_u:object_r:ssh_home_t:s0\n/dev/null -c <<none>>\n\
          /(var/)?run/.*\\.pid -s x\n# comment\n"
            .to_vec(),
        b"/run /var/run\n/lib64 /usr/lib\n".to_vec(),
    ]
}

/// The head of a request to the repositories' server: no part of its path leads upwards, and what
/// is asked for is in the file.
pub(super) fn http_request(data: &[u8]) -> bool {
    const SIZE: u64 = 1000;
    let Ok(Some((request, length))) = HttpRequest::parse(data) else { return false };
    assert!(length <= data.len());
    if let Some(RequestedBytes::Bytes(range)) = request.range.map(|value| parse_range(&value, SIZE))
    {
        assert!(range.start < range.end && range.end <= SIZE, "{range:?}");
    }
    let Some(parts) = path_parts(request.path.as_bytes()) else { return false };
    let leads_away =
        |part: &String| part.contains(['/', '\0']) || matches!(&**part, "" | "." | "..");
    assert!(!parts.iter().any(leads_away), "{parts:?}");
    true
}

pub(super) fn http_request_seeds() -> Vec<Vec<u8>> {
    let lines = "Host: 192.168.1.254\r\nUser-Agent: urlgrabber/3.10 yum/3.4.3\r\nAccept: */*\r\n";
    let more = "Range: bytes=100-\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let tags = "If-None-Match: \"a\", W/\"b\"\r\nIf-Range: \"a\"\r\nConnection: close\r\n";
    [
        format!("GET /centos//repodata/repomd.xml HTTP/1.1\r\n{lines}\r\n"),
        format!("GET /a/libstdc%2B%2B-4.8.rpm?x=%2e%2e HTTP/1.1\r\n{lines}{more}\r\n"),
        format!("HEAD http://192.168.1.254:80/x/../y HTTP/1.1\r\n{lines}{tags}\r\n"),
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\nRange: bytes=-5\r\n\r\n".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}
