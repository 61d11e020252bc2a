//! A shell on another host of the lab, by root's own key.

use crate::host::Program;
use std::net::Ipv4Addr;

/// ssh ends with this code when it fails itself.
pub const NO_ANSWER: i32 = 255;

/// A shell with `script` on the host at `address`: as packstack itself logs in, and never
/// with a question.
pub fn program_there(address: Ipv4Addr, script: &str) -> Program {
    let target = format!("root@{address}");
    Program::new("ssh")
        .args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR"])
        .args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"])
        .args([target.as_str(), script])
}
