//! Tests that start one guest at a time. They are one program, so that every core has a guest:
//! emulated, a guest keeps one core busy.

mod boot_password;
mod el7_guest;
mod layouts;
mod libvirt;
mod main_job;
