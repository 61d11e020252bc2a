//! A lab of one's own to begin with: the shipped files, with the network, the number of computes
//! and the keys that were chosen.

use super::files::{RDO_LAB, SHIPPED};
use crate::base::lab::Subnet;
use crate::base::malformed::Malformed;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// How the shipped lab's addresses begin.
const PREFIX: &str = "192.168.1.";
/// Where the shipped lab's computes begin and end in its file.
const COMPUTES: [&str; 2] = ["[[node]]\nname    = \"nova01\"", "# --- Static routes"];
/// The shipped patterns of key files.
const KEYS: &str = "[\"~/.ssh/id_*.pub\"]";
/// The first compute's last part of the address.
const FIRST: u8 = 11;

/// What is chosen.
#[derive(Clone, Debug)]
pub struct Starter {
    /// The network.
    network: Subnet,
    /// How many computes.
    computes: u8,
    /// Files of public keys; those of the user's home where there are none.
    keys: Vec<String>,
    /// Whether OpenStack is RDO's, not the vendor's.
    rdo: bool,
}

impl Starter {
    /// How many computes there can be: their addresses follow each other in a /24.
    pub const COMPUTES: RangeInclusive<u8> = 1..=99;

    /// Takes the choice.
    ///
    /// # Errors
    /// When the network is not one of 256 addresses.
    pub fn new(network: Subnet, computes: u8, keys: Vec<String>) -> Result<Self, Malformed> {
        if network.prefix != 24 {
            let message = format!("{network} is not a /24 network, as in 192.168.7.0/24");
            return Err(message.into());
        }
        Ok(Self { network, computes, keys, rdo: false })
    }

    /// The same, with OpenStack from RDO's repositories in CentOS' archive.
    #[must_use]
    pub fn with_rdo(self, rdo: bool) -> Self {
        Self { rdo, ..self }
    }

    /// The files by their paths in the lab's directory.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let file = |(name, text): &(&'static str, &str)| match *name {
            "profiles/lab.toml" => (*name, self.lab_file(if self.rdo { RDO_LAB } else { text })),
            _ => (*name, (*text).to_owned()),
        };
        SHIPPED.iter().map(file).collect()
    }

    fn lab_file(&self, shipped: &str) -> String {
        let mut text = shipped.to_owned();
        if let [Some(start), Some(end)] = COMPUTES.map(|mark| text.find(mark)) {
            text.replace_range(start..end, &self.nodes());
        }
        if !self.keys.is_empty() {
            let keys = toml::Value::from(self.keys.clone());
            text = text.replace(KEYS, &keys.to_string());
        }
        let octets = self.network.address.octets();
        text.replace(PREFIX, &format!("{}.{}.{}.", octets[0], octets[1], octets[2]))
    }

    fn nodes(&self) -> String {
        let mut text = String::new();
        for number in 1..=self.computes {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "[[node]]\nname    = \"nova{number:02}\"\nrole    = \"compute\"\naddress = \"{PREFIX}{}\"\n",
                FIRST + number - 1
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Request, load};
    use std::fs;

    #[test]
    fn every_choice_is_a_lab_without_errors() {
        for (network, computes) in
            [("192.168.1.0/24", 2), ("10.0.7.0/24", 1), ("172.16.0.0/24", 99)]
        {
            let directory = tempfile::tempdir().unwrap();
            let key = directory.path().join("a \"key\".pub");
            fs::write(&key, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3W5MvYkXwuGGLOxyMVFOBaIZ9vcR0tzgKE5Z0b9Fgz x\n").unwrap();
            let subnet = Subnet::parse(network).unwrap();
            let keys = vec![key.to_string_lossy().into_owned()];
            for (name, text) in Starter::new(subnet, computes, keys).unwrap().files() {
                let path = directory.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            for (profile, nodes) in [("controller", 1), ("compute", usize::from(computes))] {
                let spec = load(&Request::new(profile, directory.path())).unwrap();
                assert_eq!(spec.nodes.len(), nodes);
                assert_eq!(spec.network.subnet, subnet);
                assert!(spec.nodes.iter().all(|node| subnet.contains(node.address)));
                assert_eq!(spec.authorized_keys.len(), 1);
                assert!(spec.inputs.iter().all(|input| !input.name.contains("built in")));
            }
        }
        assert!(Starter::new(Subnet::parse("10.0.0.0/16").unwrap(), 1, vec![]).is_err());
    }

    /// The lab that a file describes, without its repositories and name.
    fn rest(lab_file: &str) -> toml::Table {
        let mut table: toml::Table = lab_file.parse().unwrap();
        for key in ["name", "packages", "repository"] {
            table.remove(key);
        }
        table
    }

    #[test]
    fn rdos_lab_differs_in_its_repositories() {
        let shipped = SHIPPED.iter().find(|(name, _)| *name == "profiles/lab.toml").unwrap().1;
        assert_eq!(rest(RDO_LAB), rest(shipped));
        let subnet = Subnet::parse("10.0.7.0/24").unwrap();
        let starter = Starter::new(subnet, 1, vec![]).unwrap();
        let [rdo, other] = [true, false].map(|rdo| starter.clone().with_rdo(rdo).files());
        assert_eq!(rest(&rdo[0].1), rest(&other[0].1));
        assert_eq!(rdo[1..], other[1..]);
        assert!(rdo[0].1.contains("http://10.0.7.254/openstack-newton/"));
    }

    #[test]
    fn the_shipped_choice_is_the_shipped_lab() {
        let subnet = Subnet::parse("192.168.1.0/24").unwrap();
        for ((_, text), (_, shipped)) in
            Starter::new(subnet, 2, vec![]).unwrap().files().iter().zip(SHIPPED)
        {
            assert_eq!(text, shipped);
        }
    }
}
