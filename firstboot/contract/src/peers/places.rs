//! The port, the unit and the files of the peers' service.

/// The port on which the nodes announce themselves to each other.
pub const PORT: u16 = 7878;
/// The directory (mode 0700) with what follows. An image without it was built before nodes
/// could exchange their status.
pub const PKI: &str = "/etc/firstboot/pki";
/// The certificate of the lab's CA (PEM).
pub const CA_FILE: &str = "/etc/firstboot/pki/ca.crt";
/// The node's certificate (PEM): common name and DNS name are the node's name.
pub const CERTIFICATE_FILE: &str = "/etc/firstboot/pki/node.crt";
/// Its private key (PEM, PKCS #8), mode 0600.
pub const KEY_FILE: &str = "/etc/firstboot/pki/node.key";
/// The fingerprints of the keys of all nodes and of the user's machine. An image without it
/// was built before they were checked.
pub const FINGERPRINTS_FILE: &str = "/etc/firstboot/pki/fingerprints";
/// The name in the certificate of the user's machine, which may read and not announce.
pub const OPERATOR: &str = "operator.imgbuild";
/// The unit of the service.
pub const UNIT: &str = "firstboot-peers.service";
