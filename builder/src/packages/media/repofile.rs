//! yum's `.repo` files. Source: yum.conf(5) of yum 3.4.3 and its `parser.py`.

use super::http::{ProxyChoice, Settings, is_url};
use super::policy::{Policy, Signing};
use super::variables::Variables;
use crate::base::diagnostic::{Diagnostic, Diagnostics};
use crate::base::error::Result;
use crate::base::nearest::nearest;
use crate::base::place::Place;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A `.repo` file.
pub struct RepoFile {
    /// Its name for messages.
    pub name: String,
    /// Its repositories.
    pub sections: Vec<Section>,
    /// What is allowed but worth a note.
    pub warnings: Vec<Diagnostic>,
}

/// One repository of the file.
pub struct Section {
    /// Its id.
    pub id: String,
    /// The line that it starts in.
    pub line: usize,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Where it is; all of them hold the same.
    pub baseurls: Vec<String>,
    /// A list of where it is.
    pub mirrorlist: Option<String>,
    /// A list of where it is, with checksums.
    pub metalink: Option<String>,
    /// Whether it may be left out (`skip_if_unavailable`).
    pub optional: bool,
    /// How to fetch.
    pub settings: Settings,
    /// What else is configured.
    pub policy: Policy,
}

/// Options that are read.
const READ: [&str; 22] = [
    "name",
    "enabled",
    "baseurl",
    "mirrorlist",
    "metalink",
    "skip_if_unavailable",
    "gpgcheck",
    "repo_gpgcheck",
    "gpgkey",
    "priority",
    "exclude",
    "includepkgs",
    "proxy",
    "proxy_username",
    "proxy_password",
    "username",
    "password",
    "timeout",
    "minrate",
    "retries",
    "sslverify",
    "sslcacert",
];

/// Options that yum and its plug-ins know and that make no difference here.
const PASSED_OVER: [&str; 25] = [
    "async",
    "bandwidth",
    "cachecookie",
    "compare_providers_priority",
    "cost",
    "deltarpm_metadata_percentage",
    "deltarpm_percentage",
    "enablegroups",
    "excludepkgs",
    "failovermethod",
    "ftp_disable_epsv",
    "gpgcakey",
    "http_caching",
    "ip_resolve",
    "keepalive",
    "keepcache",
    "mdpolicy",
    "metadata_expire",
    "metadata_expire_filter",
    "mirrorlist_expire",
    "protect",
    "throttle",
    "type",
    "ui_repoid_vars",
    "ui_id",
];

/// Reads a `.repo` file that is called `name` in messages.
///
/// # Errors
/// Every problem with it, with its line.
pub fn parse(name: &str, text: &str, variables: &Variables) -> Result<RepoFile> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let mut sections = Vec::new();
    for raw in sections_of(name, text, &mut problems) {
        let mut reader = OptionReader { file: name, raw: &raw, variables, problems: &mut problems };
        sections.push(reader.section());
        for (key, (line, _)) in &raw.options {
            if READ.contains(&key.as_str()) || PASSED_OVER.contains(&key.as_str()) {
                continue;
            }
            let mut warning = Diagnostic::warning(
                Place::new(name, *line, 1),
                format!("option `{key}` is not read"),
            );
            if let Some(similar) = nearest(key, READ) {
                warning = warning.hint(format!("did you mean `{similar}`?"));
            }
            warnings.push(warning);
        }
    }
    if sections.is_empty() && problems.is_empty() {
        let hint = "a section for each repository: [id], then name=, baseurl= and so on";
        problems.push(Diagnostic::of_file(name, "no repository in this file").hint(hint));
    }
    if problems.is_empty() {
        return Ok(RepoFile { name: name.to_owned(), sections, warnings });
    }
    problems.sort();
    Err(Diagnostics(problems).into())
}

/// A section as written: key to line and value.
struct Raw {
    id: String,
    line: usize,
    options: BTreeMap<String, (usize, String)>,
}

fn sections_of(name: &str, text: &str, problems: &mut Vec<Diagnostic>) -> Vec<Raw> {
    let mut sections: Vec<Raw> = Vec::new();
    let mut key = String::new();
    for (number, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line)) {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if let Some(id) = bare.strip_prefix('[').and_then(|b| b.split(']').next()) {
            key.clear();
            if sections.iter().any(|s| s.id == id) {
                let message = format!("repository `{id}` appears twice");
                problems.push(Diagnostic::error(Place::new(name, number, 1), message));
            }
            sections.push(Raw { id: id.trim().to_owned(), line: number, options: BTreeMap::new() });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            problems.push(Diagnostic::error(
                Place::new(name, number, 1),
                "a line before the first [section]",
            ));
            continue;
        };
        if line.starts_with([' ', '\t']) && !key.is_empty() {
            // A line that is indented goes on with the value above it.
            if let Some((_, value)) = section.options.get_mut(&key) {
                value.push('\n');
                value.push_str(bare);
            }
            continue;
        }
        match bare.split_once(['=', ':']) {
            Some((name, value)) => {
                key = name.trim().to_ascii_lowercase();
                let value = value.trim().split(" ;").next().unwrap_or_default().trim_end();
                section.options.insert(key.clone(), (number, value.to_owned()));
            }
            None => {
                let message = format!("`{bare}` is not `key=value`");
                problems.push(Diagnostic::error(Place::new(name, number, 1), message));
            }
        }
    }
    sections.retain(|s| s.id != "main");
    sections
}

/// Typed access to a section's options.
struct OptionReader<'a> {
    file: &'a str,
    raw: &'a Raw,
    variables: &'a Variables,
    problems: &'a mut Vec<Diagnostic>,
}

impl OptionReader<'_> {
    fn section(&mut self) -> Section {
        let signing = Signing {
            packages: self.boolean("gpgcheck"),
            metadata: self.boolean("repo_gpgcheck"),
            keys: self.list("gpgkey"),
        };
        let policy = Policy {
            signing,
            priority: self.number("priority", 1..=99),
            exclude: self.list("exclude"),
            include: self.list("includepkgs"),
        };
        let section = Section {
            id: self.raw.id.clone(),
            line: self.raw.line,
            enabled: self.boolean("enabled").unwrap_or(true),
            baseurls: self.urls("baseurl"),
            mirrorlist: self.urls("mirrorlist").pop(),
            metalink: self.urls("metalink").pop(),
            optional: self.boolean("skip_if_unavailable").unwrap_or(false),
            settings: self.settings(),
            policy,
        };
        if section.baseurls.is_empty() && section.mirrorlist.is_none() && section.metalink.is_none()
        {
            let message = format!("repository `{}` has no location", section.id);
            let hint = "add baseurl=, mirrorlist= or metalink=";
            self.problems.push(
                Diagnostic::error(Place::new(self.file, self.raw.line, 1), message).hint(hint),
            );
        }
        section
    }

    fn settings(&mut self) -> Settings {
        let default = Settings::default();
        let login = |o: &mut Self, user: &str, password: &str| {
            Some((o.text(user)?, o.text(password).unwrap_or_default()))
        };
        let user = login(self, "proxy_username", "proxy_password");
        let proxy = self.text("proxy");
        let user = user.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
        let proxy = match ProxyChoice::from_options(proxy.as_deref(), user) {
            Ok(proxy) => proxy,
            Err(why) => {
                self.problem("proxy", why, "for example: proxy=http://proxy.example:3128");
                default.proxy.clone()
            }
        };
        let seconds = self.number("timeout", 1..=3600).map(|s| Duration::from_secs(s.into()));
        Settings {
            proxy,
            timeout: seconds.unwrap_or(default.timeout),
            least_rate: self.number("minrate", 0..=1 << 30).map_or(default.least_rate, u64::from),
            attempts: self.number("retries", 1..=100).unwrap_or(default.attempts),
            login: login(self, "username", "password"),
            authorities: self.text("sslcacert").map(PathBuf::from).or(default.authorities),
            verify: self.boolean("sslverify").unwrap_or(true),
        }
    }

    fn problem(&mut self, key: &str, message: impl Into<String>, hint: &str) {
        let line = self.raw.options.get(key).map_or(self.raw.line, |(line, _)| *line);
        let problem = Diagnostic::error(Place::new(self.file, line, 1), message.into()).key(key);
        self.problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let (_, value) = self.raw.options.get(key)?;
        match self.variables.expand(value) {
            Ok(value) => Some(value),
            Err(why) => {
                let hint = "known are $releasever, $basearch, $arch, $contentdir, $infra and $YUM0 to $YUM9";
                self.problem(key, why.to_string(), hint);
                None
            }
        }
    }

    /// A list's items are separated by commas, blanks or line ends.
    fn list(&mut self, key: &str) -> Vec<String> {
        let text = self.text(key).unwrap_or_default();
        text.split([',', ' ', '\t', '\n']).filter(|i| !i.is_empty()).map(str::to_owned).collect()
    }

    fn urls(&mut self, key: &str) -> Vec<String> {
        let urls = self.list(key);
        for url in urls.iter().filter(|url| !is_url(url) && !url.starts_with("file:///")) {
            let message = format!("`{}` cannot be fetched from", super::http::shown(url));
            self.problem(key, message, "allowed: http://, https:// and file:///");
        }
        urls
    }

    fn boolean(&mut self, key: &str) -> Option<bool> {
        let text = self.text(key)?;
        match text.to_ascii_lowercase().as_str() {
            "1" | "yes" | "true" | "on" => Some(true),
            "0" | "no" | "false" | "off" => Some(false),
            _ => {
                self.problem(key, format!("`{text}` is neither yes nor no"), "allowed: 1, 0");
                None
            }
        }
    }

    fn number(&mut self, key: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let text = self.text(key)?;
        match text.parse() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let hint = format!("allowed: {} to {}", range.start(), range.end());
                self.problem(key, format!("`{text}` is not such a number"), &hint);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
