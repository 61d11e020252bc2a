//! Filling in a kickstart's `{{ ... }}` for one node.

use super::source_map::SourceMap;
use crate::base::diagnostic::Diagnostic;
use crate::base::lab::{LabNetwork, LabNode, Services};
use crate::base::place::{Place, line_column};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, context};

/// What a kickstart may name.
#[derive(Clone, Copy, Debug)]
pub struct TemplateFacts<'a> {
    /// The lab's name.
    pub lab: &'a str,
    /// The node.
    pub node: &'a LabNode,
    /// The lab network.
    pub network: &'a LabNetwork,
    /// The role's units.
    pub services: &'a Services,
}

/// Names that [`TemplateFacts`] makes known, for hints.
const NAMES: &str = "lab.name node.name node.address node.role node.mac network.address \
    network.prefix network.netmask network.interface network.gateway network.dns network.ntp \
    services.enabled services.disabled";

/// Whether the text fills in any of the names. Others' templates have the same braces.
pub fn is_template(text: &str) -> bool {
    let roots = ["lab.", "node.", "network.", "services."];
    let names = |tag: &str| {
        tag.split([' ', '(', '|']).any(|word| roots.iter().any(|root| word.starts_with(root)))
    };
    [("{{", "}}"), ("{%", "%}")].into_iter().any(|(open, close)| {
        text.split(open).skip(1).any(|after| names(after.split(close).next().unwrap_or("")))
    })
}

/// A warning of the first name in double braces in a text that is not a template.
pub fn warn_of_braces(file: &str, text: &str) -> Option<Diagnostic> {
    let tag = |line: &str| {
        let start = line.find("{{")?;
        let inside = line[start + 2..].split_once("}}")?.0.trim();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (!inside.is_empty() && inside.chars().all(word))
            .then(|| (line[..start].chars().count() + 1, inside.to_owned()))
    };
    let (number, (column, name)) = text.lines().zip(1..).find_map(|(l, n)| Some((n, tag(l)?)))?;
    let message = format!("{{{{ {name} }}}} stays as it is: no such name is filled in");
    let place = Place::new(file, number, column);
    Some(Diagnostic::warning(place, message).hint(format!("known: {NAMES}")))
}

/// A template that would loop longer than this is a mistake.
const MAX_RENDERED: usize = 4 << 20;

/// Steps that a template may take, and the memory that it may ask for in units of 64 bytes: far
/// more than any kickstart needs, and less than a second.
const MAX_STEPS: u64 = 2_000_000;

fn texts<T: ToString>(list: &[T]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

impl TemplateFacts<'_> {
    fn values(&self) -> Value {
        let net = self.network;
        context! {
            lab => context! { name => self.lab },
            node => context! {
                name => self.node.name.as_str(),
                address => self.node.address.to_string(),
                role => self.node.role.as_str(),
                mac => self.node.mac.as_deref().unwrap_or(""),
            },
            network => context! {
                address => net.subnet.to_string(),
                prefix => net.subnet.prefix,
                netmask => net.subnet.netmask().to_string(),
                interface => net.interface.as_str(),
                gateway => net.gateway.to_string(),
                dns => texts(&net.dns),
                ntp => texts(&net.ntp),
            },
            services => context! {
                enabled => self.services.enabled.clone(),
                disabled => self.services.disabled.clone(),
            },
        }
    }
}

/// Marks the end of a template line in the second rendering; a private-use character.
const MARK: char = '\u{f8ff}';

/// Renders the template `text`.
///
/// # Errors
/// When it names something unknown or is not a template, at the template's line.
pub fn render(
    file: &str,
    text: &str,
    facts: &TemplateFacts<'_>,
) -> Result<(String, SourceMap), Diagnostic> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(MAX_STEPS));
    // `{#` is common in scripts (`${#list[@]}`); comments are `{## ... ##}` here.
    let syntax = SyntaxConfig::builder()
        .comment_delimiters("{##", "##}")
        .keep_trailing_newline(true)
        .build();
    environment.set_syntax(syntax.map_err(|e| describe_failure(file, text, &e))?);
    let values = facts.values();
    let rendered =
        environment.render_str(text, &values).map_err(|e| describe_failure(file, text, &e))?;
    if rendered.len() > MAX_RENDERED {
        return Err(Diagnostic::of_file(file, "the filled-in kickstart is larger than 4 MiB"));
    }
    let marked = environment.render_str(&mark_lines(text), &values).unwrap_or_default();
    let lines = SourceMap::of_rendered(file, text, &number_lines(&marked, &rendered));
    Ok((rendered, lines))
}

/// Appends its number to each line where that cannot change the template's meaning:
/// not on blank lines, nor within or right after a tag that trims what follows.
fn mark_lines(text: &str) -> String {
    let mut marked = String::new();
    let mut open: Option<&str> = None;
    for (line, number) in text.split_inclusive('\n').zip(1..) {
        let body = line.trim_end_matches(['\n', '\r']);
        open = find_open_tag(body, open);
        marked.push_str(body);
        let trimmed = body.trim_end();
        if open.is_none()
            && !trimmed.is_empty()
            && !trimmed.ends_with("-%}")
            && !trimmed.ends_with("-}}")
        {
            marked.push_str(&format!("{MARK}{number}{MARK}"));
        }
        marked.push_str(&line[body.len()..]);
    }
    marked
}

/// The closing mark of the tag still open after `line`, given the one open before it.
fn find_open_tag<'t>(mut line: &str, mut open: Option<&'t str>) -> Option<&'t str> {
    loop {
        if let Some(close) = open {
            match line.split_once(close) {
                Some((_, rest)) => line = rest,
                None => return open,
            }
        }
        let tags = [("{##", "##}"), ("{{", "}}"), ("{%", "%}")];
        let first = tags.iter().filter_map(|(o, c)| Some((line.find(o)?, o.len(), *c))).min()?;
        line = &line[first.0 + first.1..];
        open = Some(first.2);
    }
}

/// Template line of each rendered line: marked ones for sure, others count on from
/// the line before. If marking changed the number of lines, lines count as they are.
fn number_lines(marked: &str, rendered: &str) -> Vec<usize> {
    let count = rendered.lines().count();
    if marked.lines().count() != count {
        return (1..=count).collect();
    }
    let mut last = 0;
    let mut numbers = Vec::with_capacity(count);
    for line in marked.lines() {
        let number = line.split(MARK).nth(1).and_then(|n| n.parse().ok());
        last = number.unwrap_or(last + 1);
        numbers.push(last);
    }
    numbers
}

fn describe_failure(file: &str, text: &str, error: &minijinja::Error) -> Diagnostic {
    let (line, column) = match error.range() {
        Some(range) => line_column(text, range.start),
        None => (error.line().unwrap_or(1), 1),
    };
    let place = Place::new(file, line, column);
    let named = error.range().and_then(|r| text.get(r)).unwrap_or("").trim();
    match error.kind() {
        ErrorKind::UndefinedError if !named.is_empty() => {
            Diagnostic::error(place, format!("`{named}` is not known here"))
                .hint(format!("known: {NAMES}"))
        }
        ErrorKind::UndefinedError => {
            Diagnostic::error(place, "a name is not known here").hint(format!("known: {NAMES}"))
        }
        ErrorKind::OutOfFuel => {
            Diagnostic::error(place, "filling this in takes too many steps or too much memory")
                .hint("remove the loop, or let it end earlier")
        }
        _ => Diagnostic::error(
            place,
            format!("not a valid template: {}", error.detail().unwrap_or("syntax error")),
        )
        .hint("braces that are meant literally go between {% raw %} and {% endraw %}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::lab::Subnet;
    use contract::spec::Role;
    use std::net::Ipv4Addr;

    fn rendered(text: &str) -> Result<(String, SourceMap), Diagnostic> {
        let host = |last| Ipv4Addr::new(192, 168, 1, last);
        let network = LabNetwork {
            subnet: Subnet { address: host(0), prefix: 24 },
            interface: "eth0".into(),
            gateway: host(254),
            dns: vec![host(254), host(253)],
            ntp: vec![host(254).into()],
            routes: Vec::new(),
        };
        let node =
            LabNode { name: "nova01".into(), role: Role::Compute, address: host(11), mac: None };
        let services = Services::default();
        render(
            "x.ks",
            text,
            &TemplateFacts { lab: "lab", node: &node, network: &network, services: &services },
        )
    }

    #[test]
    fn names_are_filled_in_and_scripts_left_alone() {
        let (text, _) = rendered("{{ node.name }} {{ network.dns | join(\",\") }}\n").unwrap();
        assert_eq!(text, "nova01 192.168.1.254,192.168.1.253\n");
        let script = "echo ${#list[@]} ${x%%.*} $((1)) <&2\n";
        assert_eq!(rendered(script).unwrap().0, script);
    }

    #[test]
    fn places_are_the_templates() {
        let template = "a\n{% for n in [1, 2] %}\nb {{ n }} c\n{% endfor %}\n{## x\ny ##}\n\nd {{ node.role }} e\n";
        let (text, lines) = rendered(template).unwrap();
        let place = |needle: &str| {
            let line = text.lines().position(|l| l.starts_with(needle)).unwrap() + 1;
            let rendered = text.lines().nth(line - 1).unwrap();
            let place = lines.place("x.ks", rendered, line, rendered.len());
            (place.line, place.column)
        };
        assert_eq!(place("a"), (1, 1));
        assert_eq!(place("b 1"), (3, 3));
        assert_eq!(place("b 2"), (3, 3));
        assert_eq!(place("d"), (8, 3));
        assert_eq!(SourceMap::default().place("y", "x", 7, 9), Place::new("y", 7, 9));
    }

    #[test]
    fn endless_templates_are_refused() {
        let endless =
            "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}";
        let silent = endless.replace('x', "");
        let large = format!("{{% for a in range(99999) %}}{}{{% endfor %}}", "x".repeat(1 << 16));
        for template in [endless, &silent, &large] {
            let error = rendered(template).unwrap_err();
            assert_eq!(error.place.line, 1);
            assert!(error.message.contains("too many steps"), "{error:?}");
        }
    }

    #[test]
    fn mistakes_are_at_the_templates_line() {
        let error = rendered("a\n\n  {{ node.nane }}\n").unwrap_err();
        assert_eq!(error.position(), (3, 6));
        assert_eq!(error.message, "`node.nane` is not known here");
        let error = rendered("a\n{% if x %}\n").unwrap_err();
        assert!(error.message.starts_with("not a valid template"), "{error}");
    }
}
