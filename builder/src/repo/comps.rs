//! comps.xml: groups and environments. Source: libcomps and Anaconda's use of them.

use super::xml::{self, Token};

/// A package group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
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

/// Reads comps.xml.
///
/// # Errors
/// What is wrong with the XML and where.
pub fn parse(bytes: &[u8]) -> Result<(Vec<Group>, Vec<Environment>), String> {
    let (mut groups, mut environments) = (Vec::new(), Vec::new());
    let mut group: Option<Group> = None;
    let mut environment: Option<Environment> = None;
    let mut request = (String::new(), String::new());
    let mut optional_groups = false;
    xml::parse(bytes, |token| match token {
        Token::Start("group", _) => group = Some(Group::default()),
        Token::End("group", _) => groups.extend(group.take()),
        Token::Start("environment", _) => environment = Some(Environment::default()),
        Token::End("environment", _) => environments.extend(environment.take()),
        Token::Start("packagereq", attributes) => {
            request = (
                attributes.get("type").unwrap_or_else(|| "mandatory".to_owned()),
                attributes.get("requires").unwrap_or_default(),
            );
        }
        Token::Start("optionlist", _) => optional_groups = true,
        Token::End("optionlist", _) => optional_groups = false,
        Token::End(name, text) => match (name, &mut group, &mut environment) {
            ("id", Some(g), _) => text.clone_into(&mut g.id),
            ("id", None, Some(e)) => text.clone_into(&mut e.id),
            // The first one is the untranslated one.
            ("name", Some(g), _) if g.name.is_empty() => text.clone_into(&mut g.name),
            ("name", None, Some(e)) if e.name.is_empty() => text.clone_into(&mut e.name),
            ("groupid", _, Some(e)) if !optional_groups => e.groups.push(text.to_owned()),
            ("packagereq", Some(g), _) => match request.0.as_str() {
                "default" => g.default.push(text.to_owned()),
                "optional" => g.optional.push(text.to_owned()),
                "conditional" => g.conditional.push((text.to_owned(), request.1.clone())),
                _ => g.mandatory.push(text.to_owned()),
            },
            _ => {}
        },
        Token::Start(..) => {}
    })?;
    Ok((groups, environments))
}
