//! Test harness: the project's binaries, oracles (tools we did not write), and guests in QEMU.

pub mod alone;
pub mod cases;
pub mod doubles;
pub mod fixture;
pub mod guest;
pub mod half_kvm;
pub mod kernel_double;
pub mod lab;
pub mod libvirtd;
pub mod machines;
pub mod mutation;
pub mod namespace;
pub mod openstack_double;
pub mod oracle;
pub mod parsers;
pub mod product;
pub mod programs;
pub mod pykickstart;
pub mod rawrpm;
pub mod repository_server;
pub mod rpm_double;
pub mod secrets;
pub mod server_double;
pub mod tree;
pub mod user;
pub mod web_lab;
