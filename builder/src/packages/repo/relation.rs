//! Dependencies and capabilities: names with version conditions, and which meets which.

use formats::rpmfile::Evr;
use std::cmp::Ordering;
use std::fmt;

/// How a dependency compares versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterEqual,
    /// `>`
    Greater,
}

impl Compare {
    /// By repodata's name; none for a relation without condition.
    pub fn of_flags(flags: &str) -> Option<Self> {
        Some(match flags {
            "LT" => Self::Less,
            "LE" => Self::LessEqual,
            "EQ" => Self::Equal,
            "GE" => Self::GreaterEqual,
            "GT" => Self::Greater,
            _ => return None,
        })
    }
}

/// A dependency or capability: a name, perhaps with a version condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Relation {
    /// Package name, file path, soname or other capability.
    pub name: String,
    /// The condition.
    pub version: Option<(Compare, Evr)>,
}

impl Relation {
    /// Reads `NAME` or `NAME SIGN [EPOCH:]VERSION[-RELEASE]`, as a user writes it.
    pub fn parse(text: &str) -> Self {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let bare = || Self { name: text.to_owned(), version: None };
        let [name, sign, version] = words[..] else { return bare() };
        let compare = match sign {
            "<" => Compare::Less,
            "<=" => Compare::LessEqual,
            "=" | "==" => Compare::Equal,
            ">=" => Compare::GreaterEqual,
            ">" => Compare::Greater,
            _ => return bare(),
        };
        Self { name: name.to_owned(), version: Some((compare, Evr::parse(version))) }
    }

    /// Whether `provided` meets this requirement, as rpm judges (`rpmdsCompare`): ranges have to
    /// overlap, and a capability without version meets any condition.
    pub fn met_by(&self, provided: &Relation) -> bool {
        if self.name != provided.name {
            return false;
        }
        let (Some((need, wanted)), Some((have, offered))) = (&self.version, &provided.version)
        else {
            return true;
        };
        let up = |c: Compare| matches!(c, Compare::Greater | Compare::GreaterEqual);
        let down = |c: Compare| matches!(c, Compare::Less | Compare::LessEqual);
        let exact =
            |c: Compare| matches!(c, Compare::Equal | Compare::GreaterEqual | Compare::LessEqual);
        match offered.compare(wanted) {
            Ordering::Less => up(*have) || down(*need),
            Ordering::Greater => down(*have) || up(*need),
            Ordering::Equal => {
                (exact(*have) && exact(*need))
                    || (up(*have) && up(*need))
                    || (down(*have) && down(*need))
            }
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let Some((compare, evr)) = &self.version else { return Ok(()) };
        let sign = match compare {
            Compare::Less => "<",
            Compare::LessEqual => "<=",
            Compare::Equal => "=",
            Compare::GreaterEqual => ">=",
            Compare::Greater => ">",
        };
        write!(f, " {sign} {evr}")
    }
}
