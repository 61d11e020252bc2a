use super::*;

const FILE: &str = "\
# a comment
[base]
name=CentOS-$releasever - Base
baseurl = http://mirror.example/$contentdir/${releasever}/os/$basearch/,
   https://other.example/os/
gpgcheck=1
gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7
       https://keys.example/second
exclude=kernel* *-debuginfo,python?
priority=10
timeout=5
proxy=proxy.example:3128
proxy_username=me
proxy_password=a:b
metadata_expire=6h

[extras]
name: Extras
mirrorlist=http://list.example/?release=$releasever&arch=$basearch&repo=extras
enabled=0 ; not now
proxy=_none_
skip_if_unavailable=yes

[main]
cachedir=/var/cache
";

#[test]
fn options_as_yum_reads_them() {
    let variables = Variables { releasever: "7.6.1810".into(), ..Variables::default() };
    let file = parse("x.repo", FILE, &variables).unwrap();
    assert!(file.warnings.is_empty(), "{:?}", file.warnings);
    let [base, extras] = file.sections.as_slice() else { panic!("two sections") };
    assert_eq!((base.id.as_str(), base.line, base.enabled), ("base", 2, true));
    assert_eq!(
        base.baseurls,
        ["http://mirror.example/centos/7.6.1810/os/x86_64/", "https://other.example/os/"]
    );
    assert_eq!(base.policy.signing.packages, Some(true));
    assert_eq!(base.policy.signing.keys.len(), 2);
    assert_eq!(base.policy.exclude, ["kernel*", "*-debuginfo", "python?"]);
    assert_eq!(base.policy.priority, Some(10));
    assert_eq!(base.settings.timeout, Duration::from_secs(5));
    assert!(base.settings.proxy == ProxyChoice::Url("http://me:a%3Ab@proxy.example:3128".into()));
    assert_eq!((extras.enabled, extras.optional), (false, true));
    assert_eq!(
        extras.mirrorlist.as_deref(),
        Some("http://list.example/?release=7.6.1810&arch=x86_64&repo=extras")
    );
    assert!(extras.settings.proxy == ProxyChoice::None);
    assert_eq!(extras.policy.signing.packages, None);
}

#[test]
fn everything_wrong_is_told_with_its_line() {
    let text = "stray\n[a]\nbaseurl=ftp://x/ http://$nowhere/\ngpgcheck=maybe\n[b]\nname=b\nwords\n\
        [a]\nbaseurl=http://x/\npriority=0\n";
    let error = parse("x.repo", text, &Variables::default()).err().unwrap().message;
    for part in [
        "x.repo:1:1: a line before the first [section]",
        "x.repo:3:1: baseurl: the variable $nowhere is not known",
        "x.repo:4:1: gpgcheck: `maybe` is neither yes nor no",
        "x.repo:5:1: repository `b` has no location",
        "x.repo:7:1: `words` is not `key=value`",
        "x.repo:8:1: repository `a` appears twice",
        "x.repo:10:1: priority: `0` is not such a number",
    ] {
        assert!(error.contains(part), "`{part}` in:\n{error}");
    }
    let error = parse("x.repo", "# nothing\n", &Variables::default()).err().unwrap();
    assert!(error.message.contains("no repository in this file"), "{error}");
}

#[test]
fn unknown_options_are_noted() {
    let text = "[a]\nbaseurl=http://x/\ngpgchek=0\n";
    let file = parse("x.repo", text, &Variables::default()).unwrap();
    let warning = file.warnings[0].to_string();
    assert!(warning.contains("x.repo:3:1: option `gpgchek` is not read"), "{warning}");
    assert!(warning.contains("did you mean `gpgcheck`?"), "{warning}");
}
