//! The network of a cloud between its nodes, and what a node's switch lacks of it, as values.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// What Neutron's agents are to make between the nodes, by the answers that packstack was
/// given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// Whether the agents use Open vSwitch; without it there is no switch to judge.
    pub open_vswitch: bool,
    /// Kinds of tunnels, `vxlan` or `gre`; empty where the networks are VLANs or flat.
    pub tunnels: Vec<String>,
    /// Addresses of the nodes with an agent: those of networks and of guests.
    pub hosts: Vec<Ipv4Addr>,
    /// Whether the tunnels end at other addresses than these, of an interface of their own.
    #[serde(default)]
    pub elsewhere: bool,
    /// Whether a tunnel is made only once a network needs it.
    #[serde(default)]
    pub on_demand: bool,
}

/// A node's switch, judged since OpenStack is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchState {
    /// What the switch is judged by; announced by the controller alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlay: Option<Overlay>,
    /// What is wrong with the node's own switch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// On the controller: what is wrong on other nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}
