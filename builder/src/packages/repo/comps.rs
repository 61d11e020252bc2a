//! comps.xml: groups and environments. Source: libcomps and Anaconda's use of them.

use crate::base::malformed::Malformed;
use crate::base::xml::{self, Token};
use std::io::Read;

/// A package group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompsGroup {
    /// Its id, `core`.
    pub id: String,
    /// Its title, `Core`.
    pub name: String,
    /// Members that are always installed.
    pub mandatory: Vec<String>,
    /// Members that are installed by default.
    pub default: Vec<String>,
    /// Members that are installed only on demand.
    pub optional: Vec<String>,
    /// Members that are installed when another package is: member, condition.
    pub conditional: Vec<(String, String)>,
}

/// An environment: groups that make a kind of installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its id, `minimal`.
    pub id: String,
    /// Its title, `Minimal Install`.
    pub name: String,
    /// Groups that belong to it.
    pub groups: Vec<String>,
}

impl CompsGroup {
    /// Adds what another repository says of the same group.
    pub fn merge(&mut self, other: Self) {
        add(&mut self.mandatory, other.mandatory);
        add(&mut self.default, other.default);
        add(&mut self.optional, other.optional);
        add(&mut self.conditional, other.conditional);
    }
}

impl Environment {
    /// Adds what another repository says of the same environment.
    pub fn merge(&mut self, other: Self) {
        add(&mut self.groups, other.groups);
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

/// Reads comps.xml.
///
/// # Errors
/// What is wrong with the XML and at which byte.
pub fn parse(bytes: &[u8]) -> Result<(Vec<CompsGroup>, Vec<Environment>), Malformed> {
    read(bytes)
}

/// As [`parse`], piece by piece.
pub(super) fn read(from: impl Read) -> Result<(Vec<CompsGroup>, Vec<Environment>), Malformed> {
    let mut reading = Reading::default();
    xml::parse(from, |token| reading.token(token))?;
    Ok((reading.groups, reading.environments))
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    groups: Vec<CompsGroup>,
    environments: Vec<Environment>,
    group: Option<CompsGroup>,
    environment: Option<Environment>,
    /// Type and condition of the member being read.
    member: (String, String),
    /// Within an environment's list of groups that are only offered.
    offered: bool,
}

impl Reading {
    fn token(&mut self, token: Token) -> Result<(), Malformed> {
        match token {
            Token::Start("group", _) => self.group = Some(CompsGroup::default()),
            Token::Start("environment", _) => self.environment = Some(Environment::default()),
            Token::Start("packagereq", attributes) => {
                self.member = (attributes.get("type")?, attributes.get("requires")?);
            }
            Token::Start("optionlist", _) => self.offered = true,
            Token::Start(..) => {}
            Token::End("optionlist", _) => self.offered = false,
            Token::End("group", _) => self.groups.extend(self.group.take()),
            Token::End("environment", _) => self.environments.extend(self.environment.take()),
            Token::End(name, text) => match (&mut self.group, &mut self.environment) {
                (Some(group), _) => of_group(group, name, text, &self.member),
                (None, Some(e)) => match name {
                    "id" => text.clone_into(&mut e.id),
                    "name" if e.name.is_empty() => text.clone_into(&mut e.name),
                    "groupid" if !self.offered => e.groups.push(text.to_owned()),
                    _ => {}
                },
                (None, None) => {}
            },
        }
        Ok(())
    }
}

fn of_group(group: &mut CompsGroup, name: &str, text: &str, (kind, condition): &(String, String)) {
    match name {
        "id" => text.clone_into(&mut group.id),
        // The first one is the untranslated one.
        "name" if group.name.is_empty() => text.clone_into(&mut group.name),
        "packagereq" => match kind.as_str() {
            "default" => group.default.push(text.to_owned()),
            "optional" => group.optional.push(text.to_owned()),
            "conditional" => group.conditional.push((text.to_owned(), condition.clone())),
            _ => group.mandatory.push(text.to_owned()),
        },
        _ => {}
    }
}
