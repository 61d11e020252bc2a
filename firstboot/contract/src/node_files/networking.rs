//! `/etc/sysconfig/network`.

use super::shell::assignments;
use crate::spec::Spec;

/// Whether there is networking at all: without this file network.service of
/// CentOS 7 ends at once with exit code 6.
pub const NETWORKING: &str = "/etc/sysconfig/network";

/// The content of `/etc/sysconfig/network`.
pub fn networking() -> String {
    "NETWORKING=yes\nNOZEROCONF=yes\n".to_owned()
}

/// What in the text of `/etc/sysconfig/network` is not as desired; empty if it will
/// do. A host name or gateway there would go before the node's own.
pub fn networking_differences(spec: &Spec, text: &str) -> Vec<&'static str> {
    let found = assignments(text);
    let unless = |key: &str, wanted: &str| found.get(key).is_none_or(|value| value == wanted);
    let checks = [
        ("NETWORKING", found.get("NETWORKING").is_some_and(|value| value == "yes")),
        ("HOSTNAME", unless("HOSTNAME", &spec.node.name)),
        ("GATEWAY", unless("GATEWAY", &spec.network.gateway.to_string())),
    ];
    checks.iter().filter(|(_, holds)| !holds).map(|(key, _)| *key).collect()
}
