//! Names of time zones. The installed tzdata decides; the table finds misspelt ones before.

use super::model::Kickstart;
use super::report::{Fate, Line};
use crate::base::nearest::nearest;

/// Names in the time zone database, one a line, older ones too.
const ZONES: &str = include_str!("zones.txt");

/// Refuses in the report a `timezone` that is not in the table.
pub fn refuse_unknown(kickstart: &mut Kickstart) {
    let Some(timezone) = &kickstart.timezone else { return };
    let zone = &timezone.zone;
    let name = zone.strip_prefix("posix/").or_else(|| zone.strip_prefix("right/")).unwrap_or(zone);
    if ZONES.lines().any(|known| known == name) {
        return;
    }
    let hint = match nearest(name, ZONES.lines()) {
        Some(similar) => format!("did you mean {similar}?"),
        None => "write a name below /usr/share/zoneinfo, as Europe/Prague is".to_owned(),
    };
    let concerned = |l: &&mut Line| l.command == "timezone" && l.is_at(&timezone.place);
    for line in kickstart.report.iter_mut().filter(concerned) {
        (line.fate, line.why) =
            (Fate::Refused, format!("the time zone `{zone}` does not exist: {hint}"));
    }
}

#[cfg(test)]
mod tests {
    use crate::kickstart::{Fate, SourceMap, Text, parse};

    #[test]
    fn zones_that_are_nowhere_are_refused() {
        let fate = |text: &str| {
            let lines = SourceMap::default();
            let text = Text::new("ks", text, &lines, "lab");
            let line = parse(&text).unwrap().report.remove(0);
            (line.fate, line.why)
        };
        for zone in ["Europe/Prague", "Etc/GMT+5", "UTC", "posix/Asia/Tokyo", "US/Eastern"] {
            assert_eq!(fate(&format!("timezone {zone}")).0, Fate::Honoured, "{zone}");
        }
        for (zone, hint) in [
            ("Mars/Phobos", "below /usr/share/zoneinfo"),
            ("Europe/Nowhere", "`Europe/Nowhere` does not exist"),
            ("Europe/Prage", "did you mean Europe/Prague?"),
        ] {
            let (fate, why) = fate(&format!("timezone {zone} --utc"));
            assert_eq!(fate, Fate::Refused);
            assert!(why.contains(hint), "{why}");
        }
    }
}
