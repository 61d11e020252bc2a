//! Time, packages' repositories, SELinux.

use super::Facts;
use crate::kickstart::Kickstart;
use crate::profile::{GpgKey, Spec};

/// /etc/chrony.conf: the lab's servers, the rest as EL7 ships it.
pub fn chrony_conf(spec: &Spec) -> String {
    let mut text = String::from("# Time servers of the lab.\n");
    for server in &spec.network.ntp {
        text.push_str(&format!("server {server} iburst\n"));
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

/// yum's repository file: those that nodes reach. Signatures are checked where the lab file
/// names keys that a node can fetch and does not say otherwise; never on practice media, whose
/// key proves nothing.
pub fn repo_file(spec: &Spec, facts: &Facts) -> String {
    let mut text = String::from("# The lab's repositories, from the lab file.\n");
    for repository in &spec.repositories {
        let Some(baseurl) = &repository.baseurl else { continue };
        let id = &repository.id;
        text.push_str(&format!("\n[{id}]\nname={id}\nbaseurl={baseurl}\nenabled=1\n"));
        let urls = repository.gpgkey.iter().filter_map(|key| match key {
            GpgKey::Url(url) => Some(url.as_str()),
            GpgKey::Path(_) => None,
        });
        let urls: Vec<&str> = urls.collect();
        match repository.gpgcheck && !urls.is_empty() && !facts.practice {
            true => text.push_str(&format!("gpgcheck=1\ngpgkey={}\n", urls.join(" "))),
            false => text.push_str("gpgcheck=0\n"),
        }
    }
    text
}

/// /etc/selinux/config; Anaconda's default is enforcing, which needs labels that
/// images do not have, so without `selinux` in the kickstart it is permissive.
pub fn selinux_config(kickstart: &Kickstart) -> String {
    let mode = kickstart.selinux.map_or("permissive", |mode| mode.as_str());
    format!("SELINUX={mode}\nSELINUXTYPE=targeted\n")
}

/// /etc/adjtime (hwclock(8)): no drift known, and what the hardware clock keeps.
pub fn adjtime(utc: bool) -> String {
    format!("0.0 0 0.0\n0\n{}\n", if utc { "UTC" } else { "LOCAL" })
}
