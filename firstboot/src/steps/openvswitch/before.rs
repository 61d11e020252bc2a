//! What the node had before its address moved to the bridge.

use super::routing::{ip, static_routes};
use crate::host::{Fault, Host};
use crate::services::ovs;
use contract::node_files::{self as files, BridgeSettings};
use contract::spec::{Spec, SpecBridge};

/// What the change replaces.
pub struct Old {
    bridge_file: Option<String>,
    interface_file: Option<String>,
    /// What both say beyond the spec: it stays.
    pub settings: BridgeSettings,
    /// Addresses of the interface other than the node's own, with their prefix lengths.
    further: Vec<String>,
}

/// What tells how a file differs from what it should be.
pub type Differences = fn(&Spec, &SpecBridge, &BridgeSettings, &str) -> Vec<String>;

impl Old {
    pub fn read(host: &Host, spec: &Spec, bridge: &SpecBridge) -> Result<Old, Fault> {
        let device = &spec.node.interface;
        let bridge_file = host.read(&files::ifcfg_path(&bridge.name))?;
        let interface_file = host.read(&files::ifcfg_path(device))?;
        let mut hardware = None;
        let mut further = Vec::new();
        if host.live() {
            hardware = host.read(&format!("/sys/class/net/{device}/address"))?;
            let own = (spec.node.address, spec.network.prefix);
            let interfaces = host.runner().interfaces()?;
            let found = interfaces.iter().filter(|one| one.name == *device);
            let found = found.flat_map(|one| &one.addresses).filter(|address| **address != own);
            further.extend(found.map(|(address, prefix)| format!("{address}/{prefix}")));
        }
        let settings = BridgeSettings::read(
            interface_file.as_deref().unwrap_or_default(),
            bridge_file.as_deref().unwrap_or_default(),
            hardware.as_deref().map(str::trim).filter(|address| !address.is_empty()),
        );
        further.extend(settings.ipv6_addresses().map(str::to_owned));
        Ok(Old { bridge_file, interface_file, settings, further })
    }

    /// Both files, the interface's first: whose, what it holds, and how it is judged. In this
    /// order a power cut between them leaves no two interfaces with the node's address; with
    /// none, the next boot's run gives it back to the interface.
    pub fn files<'a>(
        &'a self,
        spec: &'a Spec,
        bridge: &'a SpecBridge,
    ) -> [(&'a str, Option<&'a str>, Differences); 2] {
        [
            (&spec.node.interface, self.interface_file.as_deref(), files::port_differences),
            (&bridge.name, self.bridge_file.as_deref(), files::bridge_differences),
        ]
    }

    /// Gives `device` the node's address, the further ones, and the default routes.
    pub fn give_addresses(&self, host: &Host, spec: &Spec, device: &str) -> Result<(), Fault> {
        let own = format!("{}/{}", spec.node.address, spec.network.prefix);
        ip(host, &["address", "replace", &own, "brd", "+", "dev", device])?;
        for address in &self.further {
            ip(host, &["address", "replace", address, "dev", device])?;
        }
        Ok(())
    }

    pub fn set_default_routes(&self, host: &Host, spec: &Spec, device: &str) -> Result<(), Fault> {
        let gateway = spec.network.gateway.to_string();
        ip(host, &["route", "replace", "default", "via", &gateway, "dev", device])?;
        match self.settings.ipv6_gateway() {
            Some(gateway) => {
                ip(host, &["-6", "route", "replace", "default", "via", gateway, "dev", device])
            }
            None => Ok(()),
        }
    }

    /// Undoes the change as far as it was made.
    pub fn put_back(&self, host: &Host, spec: &Spec, bridge: &SpecBridge) -> Result<(), Fault> {
        let device = &spec.node.interface;
        for (name, text) in [(&bridge.name, &self.bridge_file), (device, &self.interface_file)] {
            match text {
                Some(text) => host.write(&files::ifcfg_path(name), text.as_bytes(), 0o644)?,
                None => host.remove(&files::ifcfg_path(name))?,
            }
        }
        ovs::delete_bridge(host, &bridge.name)?;
        ip(host, &["link", "set", "dev", device, "up"])?;
        self.give_addresses(host, spec, device)?;
        self.set_default_routes(host, spec, device)?;
        static_routes(host, device)
    }
}
