//! The firewall's rules on EL7: those at boot in a file, those in force in the kernel.
//! packstack's puppet rebuilds them on every host that it sets up.

use crate::host::Fault;
use crate::host::{Host, Program};

/// The rules at boot, as iptables-save writes them.
pub const RULES: &str = "/etc/sysconfig/iptables";

/// Opens TCP `port`, now and at boot, if the rules at boot do not; what was changed.
///
/// # Errors
/// When a rule cannot be added or the file cannot be written.
pub fn open_port(host: &Host, port: u16) -> Result<Option<String>, Fault> {
    let Some((_, content)) = host.read(RULES)?.and_then(|text| rules_with_port(&text, port)) else {
        return Ok(None);
    };
    let done = open_port_now(host, port)?;
    host.replace(RULES, content.as_bytes())?;
    Ok(Some(format!("{done}, {RULES} too")))
}

/// Opens TCP `port` now; what was changed.
///
/// # Errors
/// When the rule cannot be added.
pub fn open_port_now(host: &Host, port: u16) -> Result<String, Fault> {
    let number = port.to_string();
    let rule = ["-I", "INPUT", "1", "-p", "tcp", "-m", "tcp", "--dport", &number, "-j", "ACCEPT"];
    host.run_checked(&Program::new("iptables").args(rule))?;
    Ok(format!("iptables accepts port {port}"))
}

/// `text` (rules as iptables-save writes them) that lets TCP `port` in, and what was
/// wrong.
pub fn rules_with_port(text: &str, port: u16) -> Option<(String, String)> {
    let option = format!("--dport {port} ");
    let lets_in = |line: &str| {
        line.starts_with("-A INPUT ")
            && line.contains(&option)
            && line.trim_end().ends_with("-j ACCEPT")
    };
    if text.lines().any(lets_in) || !text.lines().any(|line| line.trim() == "*filter") {
        return None;
    }
    let rule = format!("-A INPUT -p tcp -m tcp --dport {port} -j ACCEPT\n");
    let (mut out, mut filter, mut placed) = (String::new(), false, false);
    for line in text.split_inclusive('\n') {
        if line.starts_with('*') {
            filter = line.trim() == "*filter";
        }
        // Before the first rule, so that no rejection comes first; the chains are declared.
        if filter && !placed && (line.starts_with("-A ") || line.trim() == "COMMIT") {
            out += &rule;
            placed = true;
        }
        out += line;
    }
    let wrong = format!("{RULES} does not accept the nodes' port {port}");
    placed.then_some((wrong, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_let_in_before_anything_is_rejected() {
        let rules = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j RETURN\nCOMMIT\n*filter\n\
                     :INPUT ACCEPT [0:0]\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\nCOMMIT\n";
        let (_, out) = rules_with_port(rules, 7878).unwrap();
        assert!(
            out.contains(
                "[0:0]\n-A INPUT -p tcp -m tcp --dport 7878 -j ACCEPT\n-A INPUT -j REJECT"
            )
        );
        assert_eq!(rules_with_port(&out, 7878), None);
        assert_eq!(rules_with_port("# nothing\n", 7878), None);
    }
}
