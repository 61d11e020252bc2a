//! The variables of yum's configuration.

use crate::base::malformed::Malformed;

/// What the variables of yum stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variables {
    /// `$releasever`.
    pub releasever: String,
    /// `$basearch` and `$arch`.
    pub basearch: String,
}

impl Default for Variables {
    fn default() -> Self {
        Self { releasever: "7".to_owned(), basearch: "x86_64".to_owned() }
    }
}

impl Variables {
    fn get(&self, name: &str) -> Option<String> {
        match name {
            "releasever" => Some(self.releasever.clone()),
            "basearch" | "arch" => Some(self.basearch.clone()),
            // What CentOS 7 has in /etc/yum/vars.
            "contentdir" => Some("centos".to_owned()),
            "infra" => Some("stock".to_owned()),
            // yum takes $YUM0 to $YUM9 from the environment.
            _ if name.starts_with("YUM") && name.len() == 4 => std::env::var(name).ok(),
            _ => None,
        }
    }

    /// A text with its variables, `$name` or `${name}`, replaced.
    ///
    /// # Errors
    /// Which variable is not known.
    pub fn expand(&self, text: &str) -> Result<String, Malformed> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let braced = after.strip_prefix('{').and_then(|a| a.split_once('}'));
            let (name, left) = braced.unwrap_or_else(|| {
                let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
                after.split_at(after.find(word).unwrap_or(after.len()))
            });
            match self.get(name) {
                Some(value) => out.push_str(&value),
                None if name.is_empty() => out.push('$'),
                None => return Err(format!("the variable ${name} is not known").into()),
            }
            rest = left;
        }
        out.push_str(rest);
        Ok(out)
    }
}
