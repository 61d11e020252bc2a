//! The files of a node that hold secrets, and the public parts that go with them.

use super::values::NodeSecrets;
use crate::plan::node::NodeFile;
use contract::node_files::{AUTHORIZED_KEYS, ROOT_KEY, ROOT_SSH};
use contract::peers::places;
use contract::spec::ADMIN_PASSWORD_FILE;

/// The files of a node with these secrets; `authorized` is what [`AUTHORIZED_KEYS`] of its
/// role's tree holds.
pub fn files(secrets: &NodeSecrets, authorized: &str) -> Vec<NodeFile> {
    let mut keys = authorized.to_owned();
    if !keys.is_empty() && !keys.ends_with('\n') {
        keys.push('\n');
    }
    if keys.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
        keys.push_str(secrets.operator_public.as_deref().unwrap_or_default());
    }
    keys.push_str(&secrets.ssh_authorized);
    let mut files = vec![
        NodeFile::directory(places::PKI, 0o700),
        NodeFile::text(places::CA_FILE, 0o644, secrets.ca.as_str()),
        NodeFile::text(places::CERTIFICATE_FILE, 0o644, secrets.identity.certificate.as_str()),
        NodeFile::text(places::KEY_FILE, 0o600, secrets.identity.key.expose()),
        NodeFile::text(places::FINGERPRINTS_FILE, 0o644, secrets.fingerprints.text()),
        NodeFile::directory(ROOT_SSH, 0o700),
        NodeFile::text(AUTHORIZED_KEYS, 0o600, keys),
    ];
    if let Some(private) = &secrets.ssh_private {
        files.push(NodeFile::text(ROOT_KEY, 0o600, private.expose()));
        files.push(NodeFile::text(format!("{ROOT_KEY}.pub"), 0o644, secrets.ssh_public.as_str()));
    }
    if let Some(password) = &secrets.admin_password {
        let text = format!("{}\n", password.expose());
        files.push(NodeFile::text(ADMIN_PASSWORD_FILE, 0o600, text));
    }
    files
}
