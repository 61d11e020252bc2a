//! Everything that starts guests, with what needs the same images. It is one program, so that
//! every core has a guest: emulated, a guest keeps one core busy. Runs on the machine itself, not
//! in a new root.

mod all_nodes;
mod boot_password;
mod el7_guest;
mod install_iso;
mod journal;
mod layout_guests;
mod layouts;
mod libvirt;
mod main_job;
mod network_boot;
mod power;
mod power_cuts;
mod real_kickstarts;
mod repositories;
mod two_disks;
