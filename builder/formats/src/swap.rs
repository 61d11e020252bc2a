//! Swap area, version 1. Source: Linux include/linux/swap.h (`union swap_header`) and
//! mkswap(8) of util-linux; 4096-byte pages, as on x86_64.

use super::area::Area;
use std::io;

const PAGE: u64 = 4096;
/// The header's fields begin after the room for a boot block.
const INFO: usize = 1024;
const MAGIC: &[u8; 10] = b"SWAPSPACE2";

/// Writes the header of a swap area that fills `out`; `label` has at most 16 bytes of which
/// more are left out.
///
/// # Errors
/// When the area has fewer than ten pages (Linux's minimum) or writing fails.
pub fn write(out: &Area<'_>, uuid: [u8; 16], label: &str) -> io::Result<()> {
    let size = out.size();
    let pages = size / PAGE;
    if pages < 10 {
        return Err(io::Error::other(format!("a swap area of {size} bytes is too small")));
    }
    let last = u32::try_from(pages - 1).unwrap_or(u32::MAX);
    let mut page = vec![0; PAGE as usize];
    page[INFO..INFO + 4].copy_from_slice(&1u32.to_le_bytes());
    page[INFO + 4..INFO + 8].copy_from_slice(&last.to_le_bytes());
    // No bad pages.
    page[INFO + 12..INFO + 28].copy_from_slice(&uuid);
    let label = &label.as_bytes()[..label.len().min(16)];
    page[INFO + 28..INFO + 28 + label.len()].copy_from_slice(label);
    let magic = page.len() - MAGIC.len();
    page[magic..].copy_from_slice(MAGIC);
    out.write_all_at(&page, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn libblkid_reads_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(65 << 20).unwrap();
        let area = Area::new(file.as_file(), [(1 << 20, 64 << 20)]);
        write(&area, [0xab; 16], "swap one").unwrap();
        let output = Command::new("blkid")
            .args(["-p", "-o", "export", "-O", "1048576"])
            .arg(file.path())
            .output()
            .expect("Debian package util-linux");
        let said = String::from_utf8_lossy(&output.stdout);
        for line in [
            "TYPE=swap",
            "VERSION=1",
            "UUID=abababab-abab-abab-abab-abababababab",
            "LABEL=swap\\ one",
        ] {
            assert!(
                said.contains(line),
                "{line}: {said}{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        assert!(write(&Area::new(file.as_file(), [(0, 4096)]), [0; 16], "").is_err());
    }
}
