//! `openstack_apis_double ADDRESS CONTROLLER COMPUTE…`: a double of the APIs of a cloud on
//! these hosts, for guests. It runs until it is killed.

use lab_tests::openstack_double::{Cloud, Double};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("ADDRESS CONTROLLER COMPUTE…");
    let address = next().parse().expect("an IPv4 address");
    let controller = next();
    Double::start(&Cloud { address, controller, computes: arguments.collect() });
    loop {
        std::thread::park();
    }
}
