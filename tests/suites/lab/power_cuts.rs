//! Ten power cuts at random moments, some of them in a start: started again, each node gets ready,
//! and all know it. Three cuts, two in a start and one at rest, are in [`crate::all_nodes`]; `tests/long`
//! runs this.

use crate::power::{
    LATE, Moments, check, check_clock, check_nothing_is_installed_again, start_and_cut,
    up_arguments,
};
use lab_tests::half_kvm::{HalfKvm, Variant};
use lab_tests::lab::text;
use lab_tests::machines::{Machines, NODES};
use lab_tests::{doubles, product};
use std::thread::sleep;
use std::time::Duration;

#[test]
fn the_lab_gets_ready_whenever_its_power_was_cut() {
    if !product::may_take_long("a lab whose power is cut ten times") {
        return;
    }
    let lab = doubles::reference_lab(env!("CARGO_BIN_EXE_openstack_apis_double").as_ref());
    let double = env!("CARGO_BIN_EXE_qemu_half_kvm_double").as_ref();
    let qemu = HalfKvm::new(lab.directory().join("bin"), double, Variant::BootSector);
    qemu.lose_time_of(LATE);
    let machines = Machines::with_programs(&lab, qemu.directory());
    let up = up_arguments(&text(&lab.output()));
    // The moments are shares of a start, which is emulated wherever this runs.
    let up: Vec<&str> = up.iter().map(String::as_str).chain(["--accelerator", "tcg"]).collect();
    let mut random = Moments::new();
    let mut moments = || NODES.map(|node| (node, random.share()));

    // Three cuts of the first start.
    start_and_cut(&machines, &up, &moments());
    machines.ok(&up);
    check(&machines);
    check_clock(&machines);

    // Three cuts while the nodes are at rest, and three of the start that follows.
    for (node, moment) in moments() {
        sleep(Duration::from_secs(3).mul_f64(moment));
        machines.cut(node);
    }
    start_and_cut(&machines, &up, &moments());
    machines.ok(&up);
    check(&machines);

    // The tenth.
    check_nothing_is_installed_again(&machines, &up);
}
