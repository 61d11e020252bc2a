//! The programs and services of a node that firstboot asks and changes.

pub mod answer_file;
pub mod chrony;
pub mod dhcp;
pub mod iptables;
pub mod neutron_switch;
pub mod openstack;
pub mod ovs;
pub mod ovsdb;
pub mod packstack;
pub mod remote_shell;
pub mod repositories;
pub mod systemd;
