//! `imgbuild up` on a host whose KVM only half works: the processor is emulated, that is reported
//! and remembered, and a user who wants KVM and nothing else gets an error.

use lab_tests::half_kvm::{HalfKvm, Variant};
use lab_tests::lab::{Lab, text};
use lab_tests::libvirtd::{DIRECTORY, Libvirt};
use lab_tests::machines::{Machines, empty_image};
use lab_tests::product;
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};

/// A lab with nova01, whose disk is empty, and the doubles of its host.
struct Host {
    lab: Lab,
    half: HalfKvm,
}

impl Host {
    fn new(variant: Variant) -> Self {
        let lab = Lab::new();
        empty_image(&lab.output(), &[]);
        let double = env!("CARGO_BIN_EXE_qemu_half_kvm_double").as_ref();
        let half = HalfKvm::new(lab.directory().join("bin"), double, variant);
        Self { lab, half }
    }

    fn machines(&self) -> Machines<'_> {
        Machines::with_programs(&self.lab, self.half.directory())
    }

    /// Runs `imgbuild up`, which cannot bring an empty disk up within `limit` seconds, and returns
    /// its exit code, its standard error and how long it took.
    fn up(
        &self,
        machines: &Machines,
        limit: &str,
        more: &[&str],
    ) -> (Option<i32>, String, Duration) {
        let output = text(&self.lab.output());
        let up = ["up", "--output", &output, "--backend", "qemu", "--progress", "plain"];
        let started = Instant::now();
        let result = machines.run(&[&up[..], &["--timeout", limit], more].concat());
        let stderr = String::from_utf8_lossy(&result.stderr).into_owned();
        (result.status.code(), stderr, started.elapsed())
    }
}

fn node(machines: &Machines) -> Value {
    machines.status()["labs"][0]["nodes"][0].clone()
}

/// nova01 runs emulated, and has nothing on its disk that could report.
fn check_emulated(machines: &Machines, code: Option<i32>, stderr: &str) {
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("nova01: firstboot has not reported after 2 s"), "{stderr}");
    let is = node(machines);
    for (key, value) in [("accelerator", "tcg"), ("power", "on"), ("run_state", "running")] {
        assert_eq!(is[key], value, "{is:#}");
    }
    assert_eq!(is["stopped"], Value::Null, "{is:#}");
}

/// What was found is remembered: nothing is tried under KVM, and that is reported.
fn check_remembered(host: &Host, machines: &Machines) {
    machines.ok(&["destroy"]);
    let (code, stderr, _) = host.up(machines, "2", &[]);
    assert!(stderr.contains("KVM is known not to work here ("), "{stderr}");
    check_emulated(machines, code, &stderr);
    assert_eq!(host.half.calls(), ["machine tcg nova01"]);
    machines.ok(&["destroy"]);
}

const REFUSED: &str = "error: KVM does not work here: ";
const INTERNAL: &str = "KVM internal error. Suberror: 1, emulation failure";

#[test]
fn a_kvm_that_runs_a_boot_sector_and_no_kernel_is_refused_by_the_probe() {
    let host = Host::new(Variant::BootSector);
    let machines = host.machines();
    let why = format!("a guest fails at handling exceptions: {INTERNAL}");
    let (code, stderr, _) = host.up(&machines, "2", &[]);
    let note = format!("KVM does not work here ({why}): the processor is emulated");
    assert!(stderr.contains(&note), "{stderr}");
    check_emulated(&machines, code, &stderr);
    assert_eq!(host.half.calls(), ["probe kvm", "machine tcg nova01"]);
    check_remembered(&host, &machines);

    // With `--accelerator kvm` it is tried again.
    let (code, stderr, _) = host.up(&machines, "2", &["--accelerator", "kvm"]);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains(&format!("{REFUSED}{why}")), "{stderr}");
    assert!(stderr.contains("omit --accelerator to emulate"), "{stderr}");
    assert_eq!(host.half.calls(), ["probe kvm"]);
}

#[test]
fn a_machine_that_kvm_fails_is_started_again_emulated() {
    let host = Host::new(Variant::InternalError);
    let machines = host.machines();
    let (code, stderr, _) = host.up(&machines, "2", &[]);
    let why = format!("nova01: QEMU stopped its machine (internal-error): {INTERNAL}");
    assert!(stderr.contains(&format!("KVM does not work here: {why}")), "{stderr}");
    assert!(stderr.contains("the processor is emulated from now on, which is slow"), "{stderr}");
    check_emulated(&machines, code, &stderr);
    assert_eq!(host.half.calls(), ["probe kvm", "machine kvm nova01", "machine tcg nova01"]);
    check_remembered(&host, &machines);

    // Without emulation it is an error at once, and the machine stays for a look.
    let (code, stderr, took) = host.up(&machines, "600", &["--accelerator", "kvm"]);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains(&format!("{REFUSED}{why}")), "{stderr}");
    assert!(
        stderr.contains("`imgbuild up` without --accelerator starts these machines"),
        "{stderr}"
    );
    assert!(took < Duration::from_secs(300), "at once, not after {took:?}");
    let is = node(&machines);
    assert_eq!((&is["power"], &is["run_state"]), (&"on".into(), &"internal-error".into()));
    assert!(is["stopped"].as_str().is_some_and(|s| s.contains(INTERNAL)), "{is:#}");
    let status = machines.ok(&["status"]);
    assert!(status.contains("stopped") && status.contains(INTERNAL), "{status}");
    // `up` without that wish goes on with it.
    let (code, stderr, _) = host.up(&machines, "2", &[]);
    check_emulated(&machines, code, &stderr);
    // One that is stopped has no use for its power button.
    machines.ok(&["down", "--timeout", "1"]);
    host.up(&machines, "2", &["--accelerator", "kvm"]);
    let started = Instant::now();
    let down = machines.run(&["down", "--timeout", "600"]);
    let stderr = String::from_utf8_lossy(&down.stderr).into_owned();
    assert!(down.status.success() && stderr.contains(": its power is cut"), "{stderr}");
    assert!(started.elapsed() < Duration::from_secs(300), "{stderr}");
}

#[test]
fn a_machine_whose_system_does_not_begin_is_started_again_emulated() {
    let host = Host::new(Variant::Silent);
    let machines = host.machines();
    let (code, stderr, _) = host.up(&machines, "600", &["--accelerator", "kvm"]);
    assert_eq!(code, Some(3), "{stderr}");
    let why = "nova01: its system does not begin: nothing after \"Booting `CentOS Linux 7'\" on its \
               console in 3";
    assert!(stderr.contains(&format!("{REFUSED}{why}")), "{stderr}");
    assert_eq!(host.half.calls(), ["probe kvm", "machine kvm nova01"]);
    check_remembered(&host, &machines);
}

/// Everything is the same under libvirt: real libvirtd and virsh, except what the double of
/// virsh prints on a machine that KVM failed.
#[test]
fn libvirts_machine_that_kvm_fails_is_defined_again_emulated() {
    let host = Host::new(Variant::InternalError);
    host.half.add_virsh();
    let directory = host.lab.directory();
    fs::copy(product::imgbuild(), directory.join("imgbuild")).expect("imgbuild");
    let mut libvirt = Libvirt::new(directory);
    libvirt.start("virtlogd");
    libvirt.start("libvirtd");
    let usual = std::env::var("PATH").expect("PATH");
    let run = |arguments: &[&str]| {
        let mut command = libvirt.command(&format!("{DIRECTORY}/imgbuild"));
        command.args(arguments).env("IMGBUILD_STATE", format!("{DIRECTORY}/state"));
        command.env("PATH", format!("{DIRECTORY}/bin:{usual}"));
        let output = command.output().expect("nsenter starts");
        let [out, stderr] = [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s));
        (output.status.code(), out.into_owned(), stderr.into_owned())
    };
    let up = ["up", "--output", "/mnt/output", "--backend", "libvirt", "--progress", "plain"];
    let (kvm, auto) = (["--accelerator", "kvm", "--timeout", "600"], ["--timeout", "2"]);
    let stopped = "nova01: QEMU stopped its machine (internal-error)";

    let (code, _, stderr) = run(&[&up[..], &kvm].concat());
    assert_eq!(code, Some(3), "{stderr}");
    assert!(stderr.contains(&format!("{REFUSED}{stopped}")), "{stderr}");
    let status = run(&["status", "--json"]).1;
    let status: Value = serde_json::from_str(&status).unwrap_or_else(|e| panic!("{e}: {status}"));
    assert_eq!(status["labs"][0]["nodes"][0]["run_state"], "internal-error", "{status:#}");
    assert_eq!(run(&["destroy"]).0, Some(0));

    // Not known this time.
    fs::remove_file(directory.join("state/kvm.json")).expect("what is known of KVM");
    let (code, _, stderr) = run(&[&up[..], &auto].concat());
    assert!(stderr.contains(&format!("KVM does not work here: {stopped}")), "{stderr}");
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("nova01: firstboot has not reported after 2 s"), "{stderr}");
    assert_eq!(host.half.calls(), ["probe kvm", "probe kvm"]);
    assert_eq!(libvirt.look("nova01", "string(/domain/@type)"), "qemu");
    assert_eq!(libvirt.virsh_ok(&["domstate", "nova01"]).trim(), "running");
    assert!(!directory.join("bin/failed").exists(), "it was defined again, not by the double");
    assert_eq!(run(&["destroy"]).0, Some(0));
}
