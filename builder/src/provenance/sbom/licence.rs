//! Licences as EL7's packages write them → SPDX licence expressions.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Short names of "Licensing: Good Licenses" of the Fedora project, which EL7's packages use,
/// and their SPDX identifiers. Names that stand for a family (`BSD`, `MIT`) are left out: SPDX
/// has none for those.
const KNOWN: [(&str, &str); 38] = [
    ("AFL", "AFL-3.0"),
    ("AGPLv3", "AGPL-3.0-only"),
    ("AGPLv3+", "AGPL-3.0-or-later"),
    ("ASL 2.0", "Apache-2.0"),
    ("Artistic 2.0", "Artistic-2.0"),
    ("Boost", "BSL-1.0"),
    ("CC0", "CC0-1.0"),
    ("CC-BY", "CC-BY-4.0"),
    ("CDDL", "CDDL-1.0"),
    ("EPL", "EPL-1.0"),
    ("FTL", "FTL"),
    ("GPL+", "GPL-1.0-or-later"),
    ("GPLv1+", "GPL-1.0-or-later"),
    ("GPLv2", "GPL-2.0-only"),
    ("GPLv2+", "GPL-2.0-or-later"),
    ("GPLv3", "GPL-3.0-only"),
    ("GPLv3+", "GPL-3.0-or-later"),
    ("ISC", "ISC"),
    ("LGPLv2", "LGPL-2.0-only"),
    ("LGPLv2+", "LGPL-2.0-or-later"),
    ("LGPLv2.1", "LGPL-2.1-only"),
    ("LGPLv2.1+", "LGPL-2.1-or-later"),
    ("LGPLv3", "LGPL-3.0-only"),
    ("LGPLv3+", "LGPL-3.0-or-later"),
    ("LPPL", "LPPL-1.3c"),
    ("MPLv1.0", "MPL-1.0"),
    ("MPLv1.1", "MPL-1.1"),
    ("MPLv2.0", "MPL-2.0"),
    ("OFL", "OFL-1.1"),
    ("OpenLDAP", "OLDAP-2.8"),
    ("OpenSSL", "OpenSSL"),
    ("PHP", "PHP-3.01"),
    ("Python", "Python-2.0"),
    ("QPL", "QPL-1.0"),
    ("SISSL", "SISSL"),
    ("Vim", "Vim"),
    ("W3C", "W3C"),
    ("zlib", "Zlib"),
];

/// The SPDX expression of a package's licence. What SPDX has no identifier for becomes a
/// `LicenseRef-`, whose words are added to `references`.
pub fn expression(words: &str, references: &mut BTreeMap<String, String>) -> String {
    let words = words.trim();
    if words.is_empty() {
        return "NOASSERTION".to_owned();
    }
    translate(words).unwrap_or_else(|| reference(words, references))
}

fn reference(words: &str, references: &mut BTreeMap<String, String>) -> String {
    let plain: String = words
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .take(40)
        .collect();
    // The digest keeps apart what the plain form does not.
    let digest = hex::encode(&Sha256::digest(words)[..4]);
    let id = format!("LicenseRef-{plain}-{digest}");
    references.insert(id.clone(), words.to_owned());
    id
}

/// `None` when a part has no SPDX identifier, or the parentheses do not match.
fn translate(words: &str) -> Option<String> {
    let spaced = words.replace('(', " ( ").replace(')', " ) ");
    let mut expression = String::new();
    let mut name: Vec<&str> = Vec::new();
    let mut depth = 0i32;
    let close = |name: &mut Vec<&str>, expression: &mut String| -> Option<()> {
        if !name.is_empty() {
            let whole = name.join(" ");
            expression.push_str(KNOWN.iter().find(|(known, _)| *known == whole)?.1);
            name.clear();
        }
        Some(())
    };
    for word in spaced.split_whitespace() {
        match word {
            "and" | "or" => {
                close(&mut name, &mut expression)?;
                expression.push_str(if word == "and" { " AND " } else { " OR " });
            }
            "(" if name.is_empty() => {
                depth += 1;
                expression.push('(');
            }
            ")" => {
                close(&mut name, &mut expression)?;
                depth -= 1;
                expression.push(')');
            }
            word => name.push(word),
        }
        if depth < 0 {
            return None;
        }
    }
    close(&mut name, &mut expression)?;
    let whole = depth == 0 && !expression.ends_with(' ') && !expression.starts_with(' ');
    (whole && !expression.contains("()") && !expression.contains(")(")).then_some(expression)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_translated_and_others_kept() {
        let mut references = BTreeMap::new();
        let mut spdx = |words: &str| expression(words, &mut references);
        assert_eq!(
            spdx("GPLv2+ and (LGPLv2+ or ASL 2.0)"),
            "GPL-2.0-or-later AND (LGPL-2.0-or-later OR Apache-2.0)"
        );
        assert_eq!(spdx(""), "NOASSERTION");
        for odd in ["BSD", "GPLv2 with exceptions", "(GPLv2", "GPLv2)", "and GPLv2", "()"] {
            assert!(spdx(odd).starts_with("LicenseRef-"), "{odd}");
        }
        assert_ne!(spdx("a b"), spdx("a-b"));
        assert!(references.values().any(|words| words == "GPLv2 with exceptions"));
    }
}
