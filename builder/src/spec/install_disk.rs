//! `install-disk` of a profile's machine.

use super::units::parse_size;
use crate::base::lab::InstallDisk;
use crate::base::malformed::Malformed;

/// What is allowed.
pub const HINT: &str = "\"only\" (the default), \"largest\", \"smallest\", \"serial:…\", \"wwn:…\", \"model:…\", \
    \"min-size:100 GiB\", or a link as \"/dev/disk/by-path/…\"";

/// Reads a rule. Its value goes into a shell script: characters that mean something there are not
/// in any disk's name.
///
/// # Errors
/// When it is none of [`HINT`].
pub fn parse_install_disk(text: &str) -> Result<InstallDisk, Malformed> {
    let legal = |c: char| c.is_ascii_alphanumeric() || " ._:+/@=-".contains(c);
    if text.is_empty() || text.len() > 200 || !text.chars().all(legal) {
        return Err(format!("`{text}` is not a rule for a disk").into());
    }
    if text.starts_with("/dev/disk/by-") && !text.contains("/../") {
        return Ok(InstallDisk::Link(text.to_owned()));
    }
    if text.starts_with("/dev/") {
        let why = "its name changes from one start to the next";
        return Err(format!("`{text}` is not a rule for a disk: {why}").into());
    }
    let value = |key: &str| {
        let value = text.strip_prefix(key)?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    Ok(match text {
        "only" => InstallDisk::Only,
        "largest" => InstallDisk::Largest,
        "smallest" => InstallDisk::Smallest,
        _ => match (value("serial:"), value("wwn:"), value("model:"), value("min-size:")) {
            (Some(serial), ..) => InstallDisk::Serial(serial),
            (_, Some(wwn), ..) => InstallDisk::Wwn(wwn),
            (_, _, Some(model), _) => InstallDisk::Model(model),
            (.., Some(size)) => InstallDisk::MinSize(parse_size(&size)?),
            _ => return Err(format!("`{text}` is not a rule for a disk").into()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_or_refused() {
        for (text, wanted) in [
            ("only", InstallDisk::Only),
            ("largest", InstallDisk::Largest),
            ("serial: WD-1234", InstallDisk::Serial("WD-1234".into())),
            ("min-size:100 GiB", InstallDisk::MinSize(100 << 30)),
            (
                "/dev/disk/by-path/pci-0000:00:17.0-ata-1",
                InstallDisk::Link("/dev/disk/by-path/pci-0000:00:17.0-ata-1".into()),
            ),
        ] {
            assert_eq!(parse_install_disk(text).unwrap(), wanted, "{text}");
        }
        for text in ["", "all", "/dev/sda", "serial:", "serial:$(x)", "model:a'b", "min-size:9"] {
            assert!(parse_install_disk(text).is_err(), "{text}");
        }
    }
}
