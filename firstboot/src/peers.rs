//! What this node knows of the others.

pub mod wire;

use crate::host::Host;
use crate::spec::{Role, Spec};
use std::net::SocketAddrV4;
use std::time::Duration;

/// The port on which the nodes announce themselves to each other.
pub const PORT: u16 = 7878;
/// The folder (mode 0700) with what follows. An image without it was built before nodes
/// could tell each other how they stand.
pub const PKI: &str = "/etc/firstboot/pki";
/// The certificate of the lab's CA (PEM).
pub const CA_FILE: &str = "/etc/firstboot/pki/ca.crt";
/// The node's certificate (PEM): common name and DNS name are the node's name.
pub const CERTIFICATE_FILE: &str = "/etc/firstboot/pki/node.crt";
/// Its private key (PEM, PKCS #8), mode 0600.
pub const KEY_FILE: &str = "/etc/firstboot/pki/node.key";
/// The name in the certificate of the user's machine, which may look and not announce.
pub const OPERATOR: &str = "operator.imgbuild";
/// ssh's port.
const SSH: u16 = 22;
/// How long a node may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// Which of the computes that packstack is to set up are not ready yet, in words; empty
/// when all are. A compute counts as ready here as soon as its ssh port answers: that is
/// what packstack needs of it, and nodes do not tell each other more yet.
pub fn computes_missing(host: &Host, spec: &Spec) -> Vec<String> {
    let computes = spec.hosts.iter().filter(|one| one.role == Role::Compute);
    let silent = computes.filter(|one| {
        let address = SocketAddrV4::new(one.address, SSH);
        host.runner().reach(address, LIMIT).is_err()
    });
    silent
        .map(|one| format!("{} ({}) does not answer on ssh port 22", one.name, one.address))
        .collect()
}
