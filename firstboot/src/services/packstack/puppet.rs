//! puppet on the hosts of the lab, as packstack starts it there over ssh: `flock FILE puppet
//! apply … MANIFEST`, in the background, its output in the file `MANIFEST.running`, which
//! becomes `MANIFEST.finished`. It lives on when packstack is killed.

use crate::host::{Fault, Host, Program};
use crate::services::remote_shell::{NO_ANSWER, program_there};
use contract::spec::Spec;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How long one host may take to answer.
const LIMIT: Duration = Duration::from_secs(30);
/// How long puppet may take to end, its own time limit in [`STOP`] included.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Prints a line for each process of puppet's and each of its logs, and puppet's last notice.
/// The brackets keep the pattern from finding the shell that runs this.
const ASK: &str = r#"
command -v pgrep >/dev/null || { echo 'there is no pgrep' >&2; exit 255; }
pgrep -a -f '[p]uppet apply .*/var/tmp/packstack/' | sed 's/^/process /'
cd /var/tmp/packstack 2>/dev/null || exit 0
for log in */manifests/*.running */manifests/*.finished; do
    if [ -f "$log" ]; then stat -c 'log %n %s %Y' "$log"; fi
done
log=$(ls -t */manifests/*.running 2>/dev/null | head -n 1)
if [ -n "$log" ]; then grep -a 'Notice: ' "$log" | tail -n 1; fi
"#;

/// Ends every process of puppet's and what they started: yum gets the time to finish what
/// must not be torn.
const STOP: &str = r#"
next=$(pgrep -f '[p]uppet apply .*/var/tmp/packstack/')
all=$next
while [ -n "$next" ]; do
    next=$(pgrep -P "$(echo $next | tr ' ' ,)")
    all="$all $next"
done
kill -TERM $all 2>/dev/null
seconds=30
while [ "$seconds" -gt 0 ]; do
    left=
    for id in $all; do if kill -0 "$id" 2>/dev/null; then left="$left $id"; fi; done
    if [ -z "$left" ]; then exit 0; fi
    sleep 1
    seconds=$((seconds - 1))
done
kill -KILL $left
"#;

/// A process of puppet's that applies one of packstack's manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PuppetProcess {
    /// Its number.
    pub id: u32,
    /// The manifest's file name.
    pub manifest: String,
}

/// What a host answers about puppet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PuppetReport {
    /// The processes, the one that waits for another one's lock included.
    pub processes: Vec<PuppetProcess>,
    /// What puppet said last.
    pub notice: Option<String>,
}

impl PuppetReport {
    /// Reads the answer of a host.
    pub fn parse(text: &str) -> PuppetReport {
        let process = |line: &str| {
            let line = line.strip_prefix("process ")?;
            let manifest = line.rsplit('/').next()?.to_owned();
            Some(PuppetProcess { id: line.split(' ').next()?.parse().ok()?, manifest })
        };
        let notice = text.lines().filter_map(|line| line.split_once("Notice: ")).next_back();
        let notice = notice.map(|(_, text)| text.trim_end_matches("\u{1b}[0m").trim().to_owned());
        PuppetReport {
            processes: text.lines().filter_map(process).collect(),
            notice: notice.filter(|text| !text.is_empty()),
        }
    }
}

/// Asks the host at `address` about puppet; the answer changes whenever puppet gets on.
///
/// # Errors
/// When it does not let us in, or cannot tell.
pub fn ask(host: &Host, spec: &Spec, address: Ipv4Addr) -> Result<String, Fault> {
    if address != spec.node.address {
        return ask_over_ssh(host, address);
    }
    run(host, &program_here(ASK).time_limit(LIMIT))
}

/// As [`ask`], over ssh in any case: packstack logs in on its own node as well.
///
/// # Errors
/// As [`ask`].
pub fn ask_over_ssh(host: &Host, address: Ipv4Addr) -> Result<String, Fault> {
    run(host, &program_there(address, ASK).time_limit(LIMIT))
}

/// Ends puppet on the host at `address`.
///
/// # Errors
/// As [`ask`].
pub fn stop(host: &Host, spec: &Spec, address: Ipv4Addr) -> Result<(), Fault> {
    let own = address == spec.node.address;
    let program = if own { program_here(STOP) } else { program_there(address, STOP) };
    run(host, &program.time_limit(STOP_LIMIT)).map(drop)
}

/// A shell with `script` on this host.
fn program_here(script: &str) -> Program {
    Program::new("sh").args(["-c", script])
}

fn run(host: &Host, program: &Program) -> Result<String, Fault> {
    let output = host.run(program)?;
    match output.code {
        None | Some(NO_ANSWER) => Err(Fault::new(output.summary())),
        Some(_) => Ok(output.stdout),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_a_host_is_read() {
        let text = "process 4711 flock /var/tmp/packstack/ab/ps.lock puppet apply --modulepath \
                    /var/tmp/packstack/ab/modules /var/tmp/packstack/ab/manifests/192.168.1.11_compute.pp\n\
                    log ab/manifests/192.168.1.11_compute.pp.running 992 1795487280\n\
                    \u{1b}[mNotice: /Stage[main]/Keystone/Package[keystone]/ensure: created\u{1b}[0m\n";
        let report = PuppetReport::parse(text);
        let manifest = "192.168.1.11_compute.pp".to_owned();
        assert_eq!(report.processes, [PuppetProcess { id: 4711, manifest }]);
        let notice = "/Stage[main]/Keystone/Package[keystone]/ensure: created";
        assert_eq!(report.notice.as_deref(), Some(notice));
        assert_eq!(PuppetReport::parse(""), PuppetReport::default());
    }
}
