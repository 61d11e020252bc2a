//! `%addon`.

use super::model::Kdump;
use super::report::Fate;
use super::sections::KickstartItem;
use super::state::State;

/// Anaconda's only add-on that an image can have by itself.
const KDUMP: &str = "com_redhat_kdump";

/// `%addon`.
pub fn addon(state: &mut State<'_>, item: &KickstartItem<'_>) {
    let words: Vec<&str> = item.words.iter().skip(1).map(|w| w.text.as_str()).collect();
    let (name, options) = words.split_first().map_or(("", &[][..]), |(name, rest)| (*name, rest));
    if name == KDUMP {
        return kdump(state, item, options);
    }
    if options.iter().any(|o| ["--disable", "--disabled"].contains(o)) {
        let why = "an add-on that is off changes nothing";
        return state.report(item, Fate::NotApplicable, why);
    }
    let why = format!(
        "the add-on {name} runs in Anaconda only, and nothing of its work is in the image: do it in \
         %packages and %post"
    );
    state.report(item, Fate::LeftOut, why);
}

/// As the add-on itself reads its header, and works (kdump-anaconda-addon of EL7, ks/kdump.py).
fn kdump(state: &mut State<'_>, item: &KickstartItem<'_>, options: &[&str]) {
    let mut kdump = Kdump { enabled: true, reserved: "auto".to_owned() };
    let mut words = options.iter();
    let mut without_effect = Vec::new();
    while let Some(word) = words.next() {
        let (option, value) = word.split_once('=').map_or((*word, None), |(o, v)| (o, Some(v)));
        match option {
            "--enable" => kdump.enabled = true,
            "--disable" => kdump.enabled = false,
            "--reserve-mb" => match value.or_else(|| words.next().copied()).map(read_reserve) {
                Some(Some(reserved)) => kdump.reserved = reserved,
                _ => {
                    let why = "--reserve-mb is neither a number of MiB nor auto";
                    return state.report(item, Fate::Refused, why);
                }
            },
            other => without_effect.push(other),
        }
    }
    let (fate, mut why) = match kdump.enabled {
        true => {
            let reserved = &kdump.reserved;
            let why = format!(
                "the kernel gets crashkernel={reserved}, kexec-tools is installed, kdump.service \
                 starts"
            );
            (Fate::Honoured, why)
        }
        false => (Fate::Honoured, "kdump does not start, and no memory is reserved".to_owned()),
    };
    let fate = match without_effect.is_empty() {
        true => fate,
        false => {
            why = format!("{why}; without effect: {}", without_effect.join(" "));
            Fate::Translated
        }
    };
    state.kickstart.kdump = Some(kdump);
    state.report(item, fate, why);
}

/// What `crashkernel=` takes for a number of MiB or `auto`, in quotes or not.
fn read_reserve(text: &str) -> Option<String> {
    let text = text.trim_matches(['\'', '"']);
    if text == "auto" {
        return Some(text.to_owned());
    }
    let number: u32 = text.strip_suffix('M').unwrap_or(text).parse().ok()?;
    Some(format!("{number}M"))
}
