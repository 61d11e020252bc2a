//! How kickstarts name disks.

/// The number of a disk by any name that kernels give it: `vda`, `sda` and `nvme0n1` are the first.
/// Names of another kind say nothing about an image's disks.
pub fn disk_index(name: &str) -> Option<usize> {
    let name = name.trim_start_matches("/dev/");
    if let Some(rest) = name.strip_prefix("nvme") {
        return rest.strip_suffix("n1")?.parse().ok();
    }
    let letter = ["xvd", "vd", "sd", "hd"].iter().find_map(|kind| name.strip_prefix(kind))?;
    match letter.as_bytes() {
        [letter @ b'a'..=b'z'] => Some(usize::from(letter - b'a')),
        _ => None,
    }
}

/// The name of an image's disk in its machine.
pub fn disk_name(index: usize) -> String {
    let letter = u8::try_from(index).map_or('z', |index| char::from(b'a' + index.min(25)));
    format!("vd{letter}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_several_drivers_mean_the_same_disks() {
        for (name, index) in [("vda", 0), ("sdb", 1), ("/dev/xvdc", 2), ("nvme1n1", 1)] {
            assert_eq!(disk_index(name), Some(index), "{name}");
        }
        for name in ["sdaa", "disk/by-path/x", "sd", "nvme0n1p1", "vda1"] {
            assert_eq!(disk_index(name), None, "{name}");
        }
        assert_eq!(disk_name(1), "vdb");
    }
}
