//! Where LVM's structures are on a physical volume, and their checksum.

/// Bytes of a sector.
pub const SECTOR: u64 = 512;
/// Where the metadata area begins in a physical volume.
pub const AREA: u64 = 4096;
/// Where data begins: the first extent. LVM's default alignment.
pub const DATA: u64 = 1 << 20;
/// How large that area is.
pub const AREA_SIZE: u64 = DATA - AREA;
/// What the area's header begins with, after its checksum.
pub const AREA_MAGIC: &[u8; 16] = b" LVM2 x[5A%r0N*>";
const CRC_START: u32 = 0xf597_a6cf;

/// LVM's checksum: the CRC-32 of Ethernet with another start and no final inversion.
pub fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(CRC_START, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}
