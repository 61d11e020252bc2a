//! Where a lab's secrets are kept: one directory (0700) of files (0600). A file that exists is
//! used; one that is not is created, so that a rebuilt image holds the same secrets.

use super::exchange::{exchange, restore_interrupted};
use super::files::Files;
use super::items::{SecretItem, SecretKind};
use super::names::{
    self, ADMIN_PASSWORD, CA_CERTIFICATE, CA_KEY, COPY, DIRECTORY, LOCK, OPERATOR_PRIVATE,
    OPERATOR_PUBLIC, SSH_PRIVATE, SSH_PUBLIC, TLS, certificate_file, certificate_of, key_file,
    subject, subject_of,
};
use super::pki;
use super::values::{Identity, NodeSecrets, Secret, Subject, operator_pair, password, ssh_pair};
use crate::base::durable;
use crate::base::error::{Context, Error, Result};
use crate::base::files::names_in;
use crate::base::lab::LabNode;
use crate::base::private::{self, Scratch};
use contract::answers::{WORD_ALLOWED, find_word_violation};
use contract::node_files::lab_key_line;
use contract::peers::fingerprints::Fingerprints;
use contract::spec::Role;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// An ssh key pair: its files, whose it is, and how it is created with that as its comment.
struct SshKey {
    private: &'static str,
    public: &'static str,
    whose: &'static str,
    create: fn(&str) -> Result<(Secret, String)>,
}

const ROOT_SSH: SshKey =
    SshKey { private: SSH_PRIVATE, public: SSH_PUBLIC, whose: "root", create: ssh_pair };
const OPERATOR_SSH: SshKey = SshKey {
    private: OPERATOR_PRIVATE,
    public: OPERATOR_PUBLIC,
    whose: "operator",
    create: operator_pair,
};

/// The secrets of one lab, held exclusively as long as this lives.
pub struct Store {
    files: Files,
    lab: String,
    /// None for a directory that nobody else knows.
    _lock: Option<Flock<File>>,
}

impl Store {
    /// The directory of the secrets of `lab`, whose state is below `state`.
    pub fn directory(state: &Path, lab: &str) -> PathBuf {
        state.join(lab).join(DIRECTORY)
    }

    /// Whether a name in a lab's state directory is of its secrets.
    pub fn owns(name: &str) -> bool {
        name == DIRECTORY || name == LOCK || name.starts_with(COPY)
    }

    /// Whether the lab has any.
    pub fn exists(state: &Path, lab: &str) -> bool {
        Self::directory(state, lab).join(CA_KEY).exists()
    }

    /// Takes hold of the secrets of `lab`; their directory is created if it does not exist.
    ///
    /// # Errors
    /// An environment error when the directory cannot be used.
    pub fn open(state: &Path, lab: &str) -> Result<Self> {
        let directory = Self::directory(state, lab);
        let what = || format!("cannot store the lab's secrets in {}", directory.display());
        let lab_directory = state.join(lab);
        private::own_dir(&lab_directory)
            .or_environment(what)
            .map_err(|e| e.hint("give another directory by --state DIR"))?;
        let lock = private::open_lock(&lab_directory.join(LOCK)).or_environment(what)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, e)| match e {
            nix::errno::Errno::EINTR => Error::interrupted(),
            e => Error::environment(format!("{}: {e}", what())),
        })?;
        // With the lock held nobody is at work: these are of programs that were killed.
        restore_interrupted(&directory).or_environment(what)?;
        private::own_dir(&directory).or_environment(what)?;
        private::remove_dead(&lab_directory, COPY);
        private::remove_dead(&directory, durable::TEMPORARY);
        Ok(Self { files: Files(directory), lab: lab.to_owned(), _lock: Some(lock) })
    }

    /// The key that `ssh` logs in with where the user had none; it may not exist.
    pub fn operator_key(state: &Path, lab: &str) -> PathBuf {
        Self::directory(state, lab).join(OPERATOR_PRIVATE)
    }

    /// What the images of these nodes get, by node; what does not exist yet is created. Tells
    /// whether anything was. With `operator`, a key for logins from the user's machine is in it.
    ///
    /// # Errors
    /// An environment error when a file cannot be read or written; an input error when one is
    /// damaged.
    pub fn of_nodes(
        &self,
        all: &[LabNode],
        operator: bool,
    ) -> Result<(BTreeMap<String, NodeSecrets>, bool)> {
        let before = self.items()?.len();
        let ca = self.authority()?;
        let mut identities = BTreeMap::new();
        for subject in all.iter().map(subject).chain([names::operator()]) {
            let identity = self.identity(&ca, &subject)?;
            identities.insert(subject.name, identity);
        }
        let certificates = identities.iter().map(|(name, i)| (&**name, &*i.certificate));
        let fingerprints = pki::fingerprints(certificates)?;
        let (ssh_private, ssh_public) = self.ssh_key(&ROOT_SSH)?;
        let admin_password = self.admin_password()?;
        let operator_public = if operator { Some(self.ssh_key(&OPERATOR_SSH)?.1) } else { None };
        let controllers = all.iter().filter(|node| node.role == Role::Controller);
        let controllers: Vec<Ipv4Addr> = controllers.map(|node| node.address).collect();
        let ssh_authorized = lab_key_line(&controllers, &ssh_public);
        let mut nodes = BTreeMap::new();
        for node in all {
            let controls = node.role == Role::Controller;
            let Some(identity) = identities.remove(&node.name) else { continue };
            let secrets = NodeSecrets {
                ca: ca.certificate.clone(),
                identity,
                fingerprints: fingerprints.clone(),
                ssh_authorized: ssh_authorized.clone(),
                operator_public: operator_public.clone(),
                ssh_public: ssh_public.clone(),
                ssh_private: controls.then(|| ssh_private.clone()),
                admin_password: controls.then(|| admin_password.clone()),
            };
            nodes.insert(node.name.clone(), secrets);
        }
        Ok((nodes, self.items()?.len() > before))
    }

    /// The CA's certificate, the identity of the user's machine, and the fingerprints of the
    /// nodes' keys.
    ///
    /// # Errors
    /// An input error when the lab has no secrets yet.
    pub fn operator(&self) -> Result<(String, Identity, Fingerprints)> {
        if !self.files.path(CA_KEY).exists() {
            return Err(Error::input(format!("the lab {} has no secrets yet", self.lab))
                .hint("a build creates them and puts them into the images"));
        }
        let ca = self.authority()?;
        let own = self.identity(&ca, &names::operator())?;
        let mut certificates = Vec::new();
        for file in self.files.names()? {
            if let Some(subject) = subject_of(&file) {
                certificates.push((subject.name, self.files.read(&file)?.unwrap_or_default()));
            }
        }
        let all = certificates.iter().map(|(name, certificate)| (&**name, &**certificate));
        Ok((ca.certificate, own, pki::fingerprints(all)?))
    }

    /// The nodes that have certificates, by name.
    ///
    /// # Errors
    /// An environment error when the directory cannot be read.
    pub fn nodes(&self) -> Result<Vec<(String, Ipv4Addr)>> {
        let subjects = self.files.names()?.into_iter().filter_map(|file| subject_of(&file));
        Ok(subjects.filter_map(|s| Some((s.name, s.address?))).collect())
    }

    /// Everything that exists.
    ///
    /// # Errors
    /// An environment error when the directory cannot be read.
    pub fn items(&self) -> Result<Vec<SecretItem>> {
        let what = || format!("cannot read {}", self.files.0.display());
        let names = self.files.names()?;
        let mut items = Vec::new();
        for name in &names {
            let (kind, public) = match name.as_str() {
                SSH_PRIVATE => (SecretKind::Ssh, Some(SSH_PUBLIC.to_owned())),
                OPERATOR_PRIVATE => (SecretKind::OperatorSsh, Some(OPERATOR_PUBLIC.to_owned())),
                ADMIN_PASSWORD => (SecretKind::AdminPassword, None),
                CA_KEY => (SecretKind::Authority, Some(CA_CERTIFICATE.to_owned())),
                name => match name.strip_prefix(TLS).and_then(|n| n.strip_suffix(".key")) {
                    Some(who) => {
                        (SecretKind::Identity(who.to_owned()), certificate_of(&names, who))
                    }
                    None => continue,
                },
            };
            let path = self.files.path(name);
            let made = fs::metadata(&path).and_then(|m| m.modified()).or_environment(what)?;
            let public = public.map(|name| self.files.read(&name)).transpose()?.flatten();
            let fingerprint = public.map(|text| hex::encode(Sha256::digest(text)));
            items.push(SecretItem { kind, fingerprint, made });
        }
        Ok(items)
    }

    fn find<'a>(&self, items: &'a [SecretItem], name: &str) -> Result<&'a SecretKind> {
        let found = items.iter().map(|item| &item.kind).find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = items.iter().map(|item| item.kind.name()).collect();
            Error::input(format!("the lab {} has no secret `{name}`", self.lab))
                .hint(format!("its secrets: {}", known.join(", ")))
        })
    }

    /// The value of one: a password, or a private key in PEM.
    ///
    /// # Errors
    /// An input error for a name that does not exist; an environment error when it cannot be read.
    pub fn value(&self, name: &str) -> Result<Secret> {
        let items = self.items()?;
        let file = match self.find(&items, name)? {
            SecretKind::Authority => CA_KEY.to_owned(),
            SecretKind::Identity(who) => key_file(who),
            SecretKind::Ssh => SSH_PRIVATE.to_owned(),
            SecretKind::OperatorSsh => OPERATOR_PRIVATE.to_owned(),
            SecretKind::AdminPassword => ADMIN_PASSWORD.to_owned(),
        };
        Ok(Secret(self.files.read(&file)?.unwrap_or_default()))
    }

    /// Rotates secrets: all of them, or those of these names. A new CA means new
    /// certificates for all. The old ones stay until the new ones are whole.
    ///
    /// # Errors
    /// An input error for a name that does not exist; an environment error when writing fails.
    pub fn rotate(&self, names: &[String]) -> Result<Vec<SecretKind>> {
        let items = self.items()?;
        for name in names {
            self.find(&items, name)?;
        }
        let named = |kind: &SecretKind| names.is_empty() || names.iter().any(|n| n == kind.name());
        let all = named(&SecretKind::Authority);
        let wanted =
            |kind: &SecretKind| named(kind) || all && matches!(kind, SecretKind::Identity(_));
        let chosen: Vec<SecretKind> =
            items.into_iter().map(|i| i.kind).filter(|k| wanted(k)).collect();
        let subjects: Vec<Subject> =
            self.files.names()?.iter().filter_map(|n| subject_of(n)).collect();
        self.replaced(|new| {
            let ca = if all { new.put_authority()? } else { new.authority()? };
            for kind in &chosen {
                match kind {
                    SecretKind::Authority => {}
                    SecretKind::Ssh => drop(new.put_ssh_key(&ROOT_SSH)?),
                    SecretKind::OperatorSsh => drop(new.put_ssh_key(&OPERATOR_SSH)?),
                    SecretKind::AdminPassword => drop(new.put_admin_password()?),
                    SecretKind::Identity(who) => {
                        new.files.remove(&key_file(who))?;
                        for subject in subjects.iter().filter(|s| s.name == *who) {
                            new.files.remove(&certificate_file(subject))?;
                            new.identity(&ca, subject)?;
                        }
                    }
                }
            }
            Ok(())
        })?;
        Ok(chosen)
    }

    /// Lets `change` work on a copy, which then takes this directory's place at once.
    fn replaced(&self, change: impl FnOnce(&Store) -> Result<()>) -> Result<()> {
        let what = || format!("cannot replace {}", self.files.0.display());
        let beside = self.files.0.parent().unwrap_or(Path::new("."));
        let copy = Scratch::new(beside, COPY).or_environment(what)?;
        let new = Self { files: Files(copy.path().to_owned()), lab: self.lab.clone(), _lock: None };
        for name in self.files.names()? {
            // Files are never changed, only replaced.
            fs::hard_link(self.files.path(&name), new.files.path(&name)).or_environment(what)?;
        }
        change(&new)?;
        // The new directory's names first, then that it has the old one's place.
        durable::sync_dir(copy.path()).or_environment(what)?;
        // The old directory then has the temporary name, and is removed with it.
        exchange(copy.path(), &self.files.0).or_environment(what)?;
        durable::sync_dir(beside).or_environment(what)
    }

    fn authority(&self) -> Result<Identity> {
        match self.files.pair(CA_KEY, CA_CERTIFICATE)? {
            Some((key, certificate)) => Ok(Identity { certificate, key }),
            None => self.put_authority(),
        }
    }

    fn put_authority(&self) -> Result<Identity> {
        let new = pki::new_authority(&self.lab)?;
        // What the old one has signed is worth nothing.
        for name in self.files.names()?.iter().filter(|name| subject_of(name).is_some()) {
            self.files.remove(name)?;
        }
        self.files.write(CA_CERTIFICATE, &new.certificate)?;
        self.files.write(CA_KEY, new.key.expose())?;
        Ok(new)
    }

    /// A node's key stays when its address changes; the certificate then is another.
    fn identity(&self, ca: &Identity, subject: &Subject) -> Result<Identity> {
        let key = match self.files.read(&key_file(&subject.name))? {
            Some(key) => Secret(key),
            None => {
                let key = pki::key()?;
                self.files.write(&key_file(&subject.name), key.expose())?;
                key
            }
        };
        if let Some(certificate) = self.files.read(&certificate_file(subject))? {
            return Ok(Identity { certificate, key });
        }
        let certificate = pki::certificate(&self.lab, &ca.key, &key, subject)?;
        for old in self.files.names()? {
            if subject_of(&old).is_some_and(|other| other.name == subject.name) {
                self.files.remove(&old)?;
            }
        }
        self.files.write(&certificate_file(subject), &certificate)?;
        Ok(Identity { certificate, key })
    }

    fn ssh_key(&self, key: &SshKey) -> Result<(Secret, String)> {
        match self.files.pair(key.private, key.public)? {
            Some(pair) => Ok(pair),
            None => self.put_ssh_key(key),
        }
    }

    fn put_ssh_key(&self, key: &SshKey) -> Result<(Secret, String)> {
        let (private, public) = (key.create)(&format!("{} of {}", key.whose, self.lab))?;
        self.files.write(key.public, &public)?;
        self.files.write(key.private, private.expose())?;
        Ok((private, public))
    }

    fn admin_password(&self) -> Result<Secret> {
        match self.files.read(ADMIN_PASSWORD)? {
            Some(text) => {
                let password = text.trim_end();
                if let Some(why) = find_word_violation(password) {
                    let path = self.files.path(ADMIN_PASSWORD);
                    let hint = format!("put another one there, of {WORD_ALLOWED}");
                    return Err(Error::input(format!("{}: {why}", path.display())).hint(hint));
                }
                Ok(Secret(password.to_owned()))
            }
            None => self.put_admin_password(),
        }
    }

    fn put_admin_password(&self) -> Result<Secret> {
        let new = password();
        self.files.write(ADMIN_PASSWORD, &format!("{}\n", new.expose()))?;
        Ok(new)
    }
}

/// Names of the labs below `state` that have secrets, sorted.
///
/// # Errors
/// An environment error when the directory is there and cannot be read.
pub fn labs(state: &Path) -> Result<Vec<String>> {
    let mut names = names_in(state)?;
    names.retain(|name| Store::exists(state, name));
    Ok(names)
}

#[cfg(test)]
mod tests;
