//! Glance: an image is uploaded, downloaded and compared. It is a disk that says on its serial
//! port that it was booted, and no more.

use super::cloud::{Cloud, IMAGE, text};
use super::line::{Proved, Verdict, not_tried};
use crate::host::Fault;
use crate::host::http::{Method, Request};
use serde_json::json;
use std::time::Duration;

/// What the image says once it has booted.
pub(super) const WORDS: &str = "firstboot-prove: this server has booted";
/// The image's size. A BIOS reads no disk that has less than a cylinder in its geometry.
const SIZE: usize = 1 << 20;
/// How long sending or reading it may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Code of a boot sector, for address 0x7c00: sends the text behind it to the first serial
/// port, then halts. Each byte waits until the port's status (0x3fd) has bit 5.
const CODE: [u8; 33] = [
    0xfa, // cli
    0x31, 0xc0, // xor ax, ax
    0x8e, 0xd8, // mov ds, ax
    0xbe, 0x21, 0x7c, // mov si, 0x7c21 (the text)
    0xac, // next: lodsb
    0x84, 0xc0, // test al, al
    0x74, 0x11, // jz halt
    0x88, 0xc4, // mov ah, al
    0xba, 0xfd, 0x03, // mov dx, 0x3fd
    0xec, // wait: in al, dx
    0xa8, 0x20, // test al, 0x20
    0x74, 0xfb, // jz wait
    0x88, 0xe0, // mov al, ah
    0xb2, 0xf8, // mov dl, 0xf8
    0xee, // out dx, al
    0xeb, 0xea, // jmp next
    0xf4, // halt: hlt
    0xeb, 0xfd, // jmp halt
];

/// The image's bytes.
fn make_disk() -> Vec<u8> {
    let mut disk = CODE.to_vec();
    disk.extend(WORDS.bytes());
    disk.extend(b"\r\n\0");
    // Different bytes, so that a lost or moved block shows.
    disk.resize(510, 0);
    disk.extend([0x55, 0xaa]);
    disk.extend((disk.len()..SIZE).map(|at| (at % 251) as u8));
    disk
}

pub(super) fn prove(cloud: &mut Cloud) -> Proved {
    let Some(project) = &cloud.project else { return not_tried("project") };
    let disk = make_disk();
    let body = json!({"name": cloud.run, "disk_format": "raw", "container_format": "bare"});
    let made = project.user.call(Method::Post, IMAGE, "/v2/images", &body)?;
    let id = text(&made, "/id")?;
    let path = format!("/v2/images/{id}/file");
    let upload = Request {
        method: Method::Put,
        body: disk.clone(),
        limit: LIMIT,
        ..Request::get(path.as_str())
    };
    project.user.ask(IMAGE, upload.header("content-type", "application/octet-stream"))?;
    let status = text(&project.user.get(IMAGE, &format!("/v2/images/{id}"))?, "/status")?;
    if status != "active" {
        return Err(Fault::new(format!("the image is {status} after its upload")));
    }
    let found = project.user.ask(IMAGE, Request { limit: LIMIT, ..Request::get(path) })?.body;
    if found != disk {
        let at = found.iter().zip(&disk).position(|(a, b)| a != b);
        let at = at.unwrap_or_else(|| found.len().min(disk.len()));
        let text = format!(
            "of {} bytes uploaded, {} come back, and differ from byte {at} on",
            disk.len(),
            found.len()
        );
        return Err(Fault::new(text).hint("look at Glance's storage (disk, file system)"));
    }
    cloud.image = Some(id);
    Ok(Verdict::Proven(format!("{} KiB uploaded, and downloaded as they were", SIZE >> 10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_a_boot_sector_and_more() {
        let disk = make_disk();
        assert_eq!((disk.len(), &disk[510..512]), (SIZE, &[0x55, 0xaa][..]));
        assert_eq!(&disk[CODE.len()..CODE.len() + WORDS.len()], WORDS.as_bytes());
    }
}
