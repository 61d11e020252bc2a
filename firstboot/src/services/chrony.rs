//! chrony: its configuration file, and what `chronyc` reports on its sources.

use contract::spec::TimeServer;
use std::fmt;

/// chronyd's configuration on CentOS 7.
pub const CONF: &str = "/etc/chrony.conf";

/// What a node gets that has no configuration: CentOS 7's own without its servers.
const DEFAULT_CONF: &str = "driftfile /var/lib/chrony/drift\nmakestep 1.0 3\nrtcsync\n\
                            logdir /var/log/chrony\n";

/// A source as `chronyc sources` prints it.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeSource {
    /// `^` server, `=` peer, `#` local reference clock.
    pub mode: char,
    /// `*` selected, `+` combined, `-` not combined, `?` unusable, `x` wrong time,
    /// `~` too variable.
    pub state: char,
    /// Address, or a reference clock's name.
    pub name: String,
    /// Distance from a reference clock; 0 while unknown.
    pub stratum: u8,
    /// Which of the last eight polls were answered, one bit each.
    pub reach: u8,
    /// Seconds that our clock is ahead of the source (negative: behind); chronyc(1).
    pub offset: f64,
}

impl TimeSource {
    /// Whether chronyd follows it.
    pub fn selected(&self) -> bool {
        self.state == '*'
    }
}

impl fmt::Display for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let name = &self.name;
        match (self.state, self.reach) {
            (_, 0) => write!(f, "{name} has not answered"),
            ('x', _) => write!(f, "{name} disagrees with the other sources"),
            ('~', _) => write!(f, "{name} varies too much"),
            ('?', _) => write!(
                f,
                "{name} answered {} of the last 8 polls, not usable yet",
                self.reach.count_ones()
            ),
            _ => write!(f, "{name} (stratum {}) answers", self.stratum),
        }
    }
}

/// What chronyc printed in place of its sources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoSources(pub String);

/// The sources in the output of `chronyc -c sources`, one a line.
///
/// # Errors
/// The line that is not in that form, for instance `506 Cannot talk to daemon`.
pub fn parse_csv(text: &str) -> Result<Vec<TimeSource>, NoSources> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| csv_source(line).ok_or_else(|| NoSources(line.trim().to_owned()))).collect()
}

fn csv_source(line: &str) -> Option<TimeSource> {
    let fields: Vec<&str> = line.split(',').collect();
    let [mode, state, name, stratum, _poll, reach, _last, offset, _measured, _error] = fields[..]
    else {
        return None;
    };
    Some(TimeSource {
        mode: one_of(mode, MODES)?,
        state: one_of(state, STATES)?,
        name: name.to_owned(),
        stratum: stratum.parse().ok()?,
        reach: u8::from_str_radix(reach, 8).ok()?,
        offset: offset.parse().ok()?,
    })
}

const MODES: &str = "^=#";
const STATES: &str = "*+-?x~";

fn one_of(text: &str, allowed: &str) -> Option<char> {
    let mut chars = text.chars();
    let first = chars.next().filter(|c| allowed.contains(*c))?;
    chars.next().is_none().then_some(first)
}

/// The sources in the output of `chronyc sources` for people; chronyc before 2.3
/// (CentOS 7.0 to 7.2) does not have `-c`.
///
/// # Errors
/// The text's last line when there is no table of sources in it.
pub fn parse_table(text: &str) -> Result<Vec<TimeSource>, NoSources> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("MS Name"));
    if lines.next().is_none() {
        let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no answer");
        return Err(NoSources(last.trim().to_owned()));
    }
    let lines = lines.filter(|line| !line.starts_with("==") && !line.trim().is_empty());
    lines.map(|line| table_source(line).ok_or_else(|| NoSources(line.trim().to_owned()))).collect()
}

fn table_source(line: &str) -> Option<TimeSource> {
    let mut fields = line.split_whitespace();
    let mut marks = fields.next()?.chars();
    let (mode, state) = (marks.next()?, marks.next()?);
    let name = fields.next()?.to_owned();
    let stratum = fields.next()?.parse().ok()?;
    let _poll = fields.next()?;
    let reach = u8::from_str_radix(fields.next()?, 8).ok()?;
    let _last = fields.next()?;
    // `+1961ns[+1961ns] +/- 10us`: the first is the adjusted offset.
    let offset = seconds(fields.next()?.split('[').next()?)?;
    (MODES.contains(mode) && STATES.contains(state)).then_some(TimeSource {
        mode,
        state,
        name,
        stratum,
        reach,
        offset,
    })
}

/// Seconds of chronyc's `+1961ns`, `-14us`, `+2ms`, `+3s` and the like.
fn seconds(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        "y" => 365.25 * 86_400.0,
        _ => return None,
    };
    Some(digits.parse::<f64>().ok()? * scale)
}

/// Whether `text` (chrony.conf) has exactly these time sources, each with `iburst`.
pub fn conf_holds(text: &str, servers: &[TimeServer]) -> bool {
    let wanted = servers.iter().map(|s| s.chrony_line().to_ascii_lowercase());
    let mut found = Vec::new();
    for words in text.lines().filter_map(source_line) {
        let quick = words.iter().any(|word| word.eq_ignore_ascii_case("iburst"));
        if !quick || words.len() < 2 {
            return false;
        }
        found.push(format!("{} {} iburst", words[0], words[1]).to_ascii_lowercase());
    }
    found.into_iter().eq(wanted)
}

/// `text` with these time sources in place of its own; every other line is kept.
/// An empty text becomes CentOS 7's own configuration.
pub fn conf_with(text: &str, servers: &[TimeServer]) -> String {
    let text = if text.trim().is_empty() { DEFAULT_CONF } else { text };
    let ours: String = servers.iter().map(|server| server.chrony_line() + "\n").collect();
    let mut out = String::new();
    let mut placed = false;
    for line in text.split_inclusive('\n') {
        if source_line(line).is_none() {
            out.push_str(line);
        } else if !placed {
            out.push_str(&ours);
            placed = true;
        }
    }
    if placed {
        return out;
    }
    ours + &out
}

/// The words of a line that names a time source on the network.
fn source_line(line: &str) -> Option<Vec<&str>> {
    // chrony.conf(5): comments start with `!`, `;`, `#` or `%`.
    let words: Vec<&str> = line.split_whitespace().collect();
    let first = words.first()?.to_ascii_lowercase();
    ["server", "pool", "peer"].contains(&first.as_str()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn servers(texts: &[&str]) -> Vec<TimeServer> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn only_the_sources_of_a_configuration_change() {
        let shipped = "# Use public servers\nserver 0.centos.pool.ntp.org iburst\n\
                       server 1.centos.pool.ntp.org iburst\n\n# drift\ndriftfile /var/d\n\
                       #pool x iburst\nmakestep 1.0 3";
        let server = servers(&["192.168.1.254"]);
        assert!(!conf_holds(shipped, &server));
        let ours = conf_with(shipped, &server);
        assert_eq!(
            ours,
            "# Use public servers\nserver 192.168.1.254 iburst\n\n# drift\ndriftfile /var/d\n\
             #pool x iburst\nmakestep 1.0 3"
        );
        assert!(conf_holds(&ours, &server));
        assert_eq!(conf_with(&ours, &server), ours);
        assert!(conf_holds(&conf_with("", &server), &server));
        let names = servers(&["ntp.example.com", "pool 2.centos.pool.ntp.org"]);
        let named =
            "server NTP.example.com iburst\npool 2.centos.pool.ntp.org maxsources 2 iburst\n";
        assert!(conf_holds(named, &names) && conf_holds(&conf_with(shipped, &names), &names));
        for bad in ["server 192.168.1.254", "pool 192.168.1.254 iburst", "server", ""] {
            assert!(!conf_holds(bad, &server), "{bad:?}");
        }
    }

    fn corpus() -> Option<PathBuf> {
        let shared = std::env::var_os("IMGBUILD_SHARED").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
            PathBuf::from,
        );
        let corpus = shared.join("corpus/ovs/chronyc");
        if !corpus.is_dir() {
            eprintln!("{} is absent: not checked", corpus.display());
            return None;
        }
        Some(corpus)
    }

    /// Real outputs of chronyc 2.1.1 and 3.2: the same samples read in both forms
    /// give the same sources, and the scenario's name shows which is selected.
    #[test]
    fn real_outputs_are_classified() {
        let Some(corpus) = corpus() else { return };
        let mut read = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let parsed = match name.rsplit('.').nth(1).unwrap() {
                "csv" => parse_csv(&text),
                "sources" | "sources-v" => parse_table(&text),
                // tracking, sourcestats: other questions' answers, refused as sources.
                _ => {
                    assert!(parse_csv(&text).is_err() && parse_table(&text).is_err(), "{name}");
                    continue;
                }
            };
            read += 1;
            if name.starts_with("dead") {
                assert_eq!(parsed.unwrap_err().to_string(), "506 Cannot talk to daemon", "{name}");
                continue;
            }
            let sources = parsed.unwrap_or_else(|line| panic!("{name}: {line}"));
            let count = match name.split('.').next().unwrap() {
                "mixed" => 5,
                "none" => 0,
                "noselect" => 2,
                "shm" => 4,
                _ => 3,
            };
            assert_eq!(sources.len(), count, "{name}");
            let selected: Vec<&TimeSource> = sources.iter().filter(|one| one.selected()).collect();
            let mark = text.lines().filter(|l| l.starts_with("^*") || l.starts_with("^,*"));
            assert_eq!(selected.len(), mark.count(), "{name}");
            for source in &sources {
                assert!(source.offset.abs() < 1e-2, "{name}: {source:?}");
                if source.reach == 0 {
                    assert!(source.to_string().ends_with("has not answered"), "{name}");
                }
            }
        }
        assert!(read > 40, "only {read} samples");
    }

    #[test]
    fn both_forms_give_the_same_numbers() {
        let csv = parse_csv("^,?,192.0.2.13,3,2,3,1,0.000007337,0.000007337,0.000013520").unwrap();
        let table = parse_table(
            "MS Name/IP\n===\n^? 192.0.2.13      3   2     3     1  +7337ns[+7337ns] +/-   14us\n",
        )
        .unwrap();
        assert_eq!(csv[0].name, table[0].name);
        assert!((csv[0].offset - table[0].offset).abs() < 1e-12);
        assert_eq!((csv[0].reach, table[0].reach), (3, 3));
        assert_eq!(csv[0].to_string(), "192.0.2.13 answered 2 of the last 8 polls, not usable yet");
    }

    #[test]
    fn no_text_makes_it_panic() {
        let text = "^,*,192.0.2.11,1,2,377,2,-0.000000588,-0.000000997,0.000003536\n";
        let table = "MS Name\n^* a 1 2 377 1 -5us[ +1us] +/- 3us\n";
        for end in 0..text.len().max(table.len()) {
            let _ = parse_csv(text.get(..end).unwrap_or(text));
            let _ = parse_table(table.get(..end).unwrap_or(table));
        }
        for odd in
            ["^,*,a,1,2,999,2,0,0,0", "^^,*,a,1,2,7,2,0,0,0", "^,*,a,1,2,7,2,µ,0,0", ",,,,,,,,,"]
        {
            assert!(parse_csv(odd).is_err(), "{odd}");
        }
        assert!(parse_table("MS Name\n^* a 1 2 7 1 5µs[0]").is_err());
    }
}
