//! firstboot against a double of a node, and against real programs.

// Tests report on standard error what they could not check.
#![allow(clippy::print_stderr)]

mod answers;
mod assets;
mod binary;
mod bridge;
mod chronyd;
mod cloud_double;
mod control_plane;
mod double;
mod engine;
mod environment;
mod journald;
mod keystone;
mod libvirtd;
mod logs;
mod namespace;
mod ovs_databases;
mod packstack;
mod packstack_kills;
mod packstack_puppet;
mod peer_lab;
mod peers;
mod peers_host_keys;
mod peers_keys;
mod peers_strangers;
mod peers_view;
mod prove;
mod real;
mod recorder;
mod remote;
mod status;
mod steps;
mod three_switches;
mod tree;
mod tunnels;
mod verify;
