//! Time, packages' repositories, SELinux, firewall.

use super::facts::Facts;
use crate::base::lab::GpgKey;
use crate::kickstart::{Firewall, Repo, Selinux};
use crate::packages::media::http::is_url;
use crate::spec::Spec;

/// /etc/chrony.conf: the lab's servers, the rest as EL7 ships it.
pub fn chrony_conf(spec: &Spec) -> String {
    let mut text = String::from("# Time servers of the lab.\n");
    for server in &spec.network.ntp {
        text.push_str(&format!("{}\n", server.chrony_line()));
    }
    text.push_str(
        "\n\
         # How fast or slow this machine's clock is.\n\
         driftfile /var/lib/chrony/drift\n\
         \n\
         # Step the clock if it is off by more than a second in the first three updates.\n\
         makestep 1.0 3\n\
         \n\
         # Keep the hardware clock right.\n\
         rtcsync\n\
         \n\
         logdir /var/log/chrony\n",
    );
    text
}

/// Where a node has the keys of a repository that yum would have to fetch.
pub fn key_path(repository: &str) -> String {
    format!("/etc/pki/rpm-gpg/RPM-GPG-KEY-{repository}")
}

/// yum's repository file: those that nodes reach. Signatures are checked where the lab file
/// names keys by address and does not say otherwise; never on practice media, whose key proves
/// nothing.
pub fn repo_file(spec: &Spec, facts: &Facts) -> String {
    let mut text = String::from("# The lab's repositories, from the lab file.\n");
    for repository in &spec.repositories {
        let Some(baseurl) = &repository.baseurl else { continue };
        let id = &repository.id;
        text.push_str(&format!("\n[{id}]\nname={id}\nbaseurl={baseurl}\nenabled=1\n"));
        let baked = facts.keys.get(id).map(|_| format!("file://{}", key_path(id)));
        let urls = repository.gpgkey.iter().filter_map(|key| match key {
            GpgKey::Url(url) if baked.is_some() && is_url(url) => None,
            GpgKey::Url(url) => Some(url.as_str()),
            GpgKey::Path(_) => None,
        });
        let urls: Vec<&str> = urls.chain(baked.as_deref()).collect();
        match repository.gpgcheck && !urls.is_empty() && !facts.practice {
            true => text.push_str(&format!("gpgcheck=1\ngpgkey={}\n", urls.join(" "))),
            false => text.push_str("gpgcheck=0\n"),
        }
        // It may be that nobody has it: the others are of use all the same.
        if !repository.required {
            text.push_str("skip_if_unavailable=1\n");
        }
        // yum itself knows `exclude`, its plugin `priorities` the rest.
        if let Some(priority) = repository.priority {
            text.push_str(&format!("priority={priority}\n"));
        }
        if !repository.exclude.is_empty() {
            text.push_str(&format!("exclude={}\n", repository.exclude.join(" ")));
        }
    }
    text
}

/// A yum repository file of the distribution with all its repositories switched off; they can be
/// switched on again by `yum --enablerepo`.
pub fn disable_repositories(file: &[u8]) -> Vec<u8> {
    let mut new = Vec::with_capacity(file.len());
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let key = line.split(|byte| *byte == b'=').next().unwrap_or_default();
        if key.len() < line.len() && key.trim_ascii().eq_ignore_ascii_case(b"enabled") {
            continue;
        }
        new.extend(line);
        if line.starts_with(b"[") && !line.starts_with(b"[main]") {
            new.extend(if line.ends_with(b"\n") { &b"enabled=0\n"[..] } else { b"\nenabled=0\n" });
        }
    }
    new
}

/// /etc/selinux/config for `selinux`.
pub fn selinux_config(mode: Selinux) -> String {
    format!("SELINUX={}\nSELINUXTYPE=targeted\n", mode.as_str())
}

/// /etc/adjtime (hwclock(8)): no drift known, and what the hardware clock keeps.
pub fn adjtime(utc: bool) -> String {
    format!("0.0 0 0.0\n0\n{}\n", if utc { "UTC" } else { "LOCAL" })
}

/// A file of `repo --install` (yum.conf(5)).
pub fn kickstart_repo(repo: &Repo) -> String {
    let name = &repo.name;
    let mut text = format!("[{name}]\nname={name}\nenabled=1\n");
    let mut line = |key: &str, value: Option<String>| {
        text.extend(value.filter(|v| !v.is_empty()).map(|v| format!("{key}={v}\n")));
    };
    line("baseurl", repo.baseurl.clone());
    line("mirrorlist", repo.mirrorlist.clone());
    line("cost", repo.cost.map(|c| c.to_string()));
    line("exclude", Some(repo.excluded.join(" ")));
    line("includepkgs", Some(repo.included.join(" ")));
    line("proxy", repo.proxy.clone());
    line("sslverify", repo.unverified.then(|| "0".to_owned()));
    text
}

/// firewalld's zones (firewalld.zone(5)) as firewall-offline-cmd would leave them: names
/// and texts.
pub fn firewall_zones(firewall: &Firewall) -> Vec<(&'static str, String)> {
    let zone = |short: &str, target: &str, description: &str, inside: String| {
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<zone{target}>\n  <short>{short}</short>\n  \
             <description>{description}</description>\n{inside}</zone>\n"
        )
    };
    let services = firewall.services.iter().map(|s| format!("  <service name=\"{s}\"/>\n"));
    let ports = firewall
        .ports
        .iter()
        .map(|(port, protocol)| format!("  <port protocol=\"{protocol}\" port=\"{port}\"/>\n"));
    let public = zone(
        "Public",
        "",
        "For use in public areas. Only selected incoming connections are accepted.",
        services.chain(ports).collect(),
    );
    let mut zones = vec![("public", public)];
    if !firewall.trusted.is_empty() {
        let interfaces = firewall.trusted.iter();
        let inside = interfaces.map(|i| format!("  <interface name=\"{i}\"/>\n")).collect();
        let description = "All network connections are accepted.";
        zones.push(("trusted", zone("Trusted", " target=\"ACCEPT\"", description, inside)));
    }
    zones
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_switched_off_and_nothing_else() {
        let file = b"# CentOS-Base.repo\xe9\n[base]\nname=CentOS-$releasever\nenabled = 1\n\
                     gpgcheck=1\n\n[updates]\nname=Updates\n#enabled=1\n\n[extras]";
        let new = b"# CentOS-Base.repo\xe9\n[base]\nenabled=0\nname=CentOS-$releasever\n\
                    gpgcheck=1\n\n[updates]\nenabled=0\nname=Updates\n#enabled=1\n\n[extras]\nenabled=0\n";
        assert_eq!(disable_repositories(file), new);
        assert_eq!(disable_repositories(new), new);
    }
}
