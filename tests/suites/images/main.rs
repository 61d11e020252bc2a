//! Built images, their trees and what a build leaves: judged by tools that are not ours, by
//! doubles, and after every kind of fault. No guest is started.

mod faults;
mod getting_in;
mod install_disk;
mod install_iso;
mod install_pxe;
mod kickstart_image;
mod kvm;
mod network_boot;
mod old_machines;
mod openstack_apis;
mod outputs;
mod progress;
mod puppet_el7;
mod roles;
mod rootless;
mod run_pre;
mod sandbox;
mod secrets;
mod selinux;
mod verify;
mod write_stick;
