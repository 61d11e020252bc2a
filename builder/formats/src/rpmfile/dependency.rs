//! What packages need, offer and replace.

use std::fmt;

/// `rpmsenseFlags`: how a version is compared, and when a dependency is needed.
pub mod sense {
    /// Less than the version.
    pub const LESS: u32 = 1 << 1;
    /// Greater than the version.
    pub const GREATER: u32 = 1 << 2;
    /// Equal to the version.
    pub const EQUAL: u32 = 1 << 3;
    /// For `%posttrans`.
    pub const POSTTRANS: u32 = 1 << 5;
    /// Before the package, for whatever reason.
    pub const PREREQ: u32 = 1 << 6;
    /// A scriptlet's interpreter.
    pub const INTERPRETER: u32 = 1 << 8;
    /// For `%pre`.
    pub const SCRIPT_PRE: u32 = 1 << 9;
    /// For `%post`.
    pub const SCRIPT_POST: u32 = 1 << 10;
    /// For `%preun`.
    pub const SCRIPT_PREUN: u32 = 1 << 11;
    /// For `%postun`.
    pub const SCRIPT_POSTUN: u32 = 1 << 12;
    /// Found in a file that offers it.
    pub const FIND_PROVIDES: u32 = 1 << 15;
    /// A feature of rpm itself.
    pub const RPMLIB: u32 = 1 << 24;
    /// `config(NAME)`.
    pub const CONFIG: u32 = 1 << 28;
}

/// A named dependency with a range of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// A package, capability, file or `rpmlib()` feature.
    pub name: String,
    /// See [`sense`].
    pub flags: u32,
    /// `[epoch:]version[-release]`, empty for any.
    pub version: String,
}

impl Dependency {
    /// `name` in any version, needed when `flags` say.
    pub fn any(name: impl Into<String>, flags: u32) -> Self {
        Self { name: name.into(), flags, version: String::new() }
    }

    /// `name` in the versions that `flags` and `version` are.
    pub fn versioned(name: impl Into<String>, flags: u32, version: impl Into<String>) -> Self {
        Self { name: name.into(), flags, version: version.into() }
    }

    /// `<`, `<=`, `=`, `>=`, `>` or empty.
    pub fn relation(&self) -> &'static str {
        match self.flags & (sense::LESS | sense::GREATER | sense::EQUAL) {
            sense::LESS => "<",
            sense::GREATER => ">",
            sense::EQUAL => "=",
            10 => "<=",
            12 => ">=",
            _ => "",
        }
    }
}

/// As `rpm -q --requires` prints it.
impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (self.relation(), self.version.as_str()) {
            ("", _) | (_, "") => Ok(()),
            (relation, version) => write!(f, " {relation} {version}"),
        }
    }
}

/// A dependency that is there because of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileDependency {
    /// The file's position. These ascend.
    pub file: usize,
    /// `P` for what the file offers, `R` for what it needs.
    pub kind: u8,
    /// Position among the package's dependencies of that kind.
    pub position: usize,
}
