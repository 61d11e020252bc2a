//! What machines that boot by the network send.

use builder::lab::netboot::{DhcpMessage, TftpRequest, TransferOptions, code, kind, plain_path};
use std::collections::BTreeMap;

pub(super) fn dhcp(data: &[u8]) -> bool {
    let Ok(message) = DhcpMessage::parse(data) else { return false };
    let bytes = message.encode();
    assert!(bytes.len() >= 300);
    assert_eq!(DhcpMessage::parse(&bytes).as_ref(), Ok(&message));
    true
}

pub(super) fn dhcp_seeds() -> Vec<Vec<u8>> {
    let mut message =
        DhcpMessage::of_client([0x52, 0x54, 0, 0x12, 0x34, 0x56], 0x1234, kind::DISCOVER);
    message.file = b"pxelinux.0".to_vec();
    message.options.extend([
        (code::VENDOR_CLASS, b"PXEClient:Arch:00007:UNDI:003000".to_vec()),
        (code::ARCHITECTURE, vec![0, 7]),
        (code::MACHINE_ID, vec![0; 17]),
        (55, vec![1, 3, 6, 43, 60, 66, 67]),
        (128, vec![b'x'; 300]),
    ]);
    let whole = message.encode();
    let short = DhcpMessage { options: BTreeMap::from([(code::MESSAGE_TYPE, vec![3])]), ..message };
    // Options in the fields for names.
    let mut overloaded = short.encode();
    overloaded[240..243].copy_from_slice(&[code::OVERLOAD, 1, 3]);
    overloaded[108..112].copy_from_slice(&[53, 1, 1, 255]);
    overloaded[44..50].copy_from_slice(&[77, 3, b'a', b'b', b'c', 255]);
    vec![whole, short.encode(), overloaded]
}

pub(super) fn tftp(data: &[u8]) -> bool {
    let Ok(request) = TftpRequest::parse(data) else { return false };
    let options = TransferOptions::agree(&request, 1 << 20, 1500);
    assert!((8..=1468).contains(&options.block), "{options:?}");
    assert!((1..=64).contains(&options.window), "{options:?}");
    assert!(options.acknowledgement().len() <= 2 + 4 * 32, "{options:?}");
    if let Some(path) = plain_path(&request.file) {
        assert!(path.split('/').all(|part| part != ".." && part != "."), "{path}");
    }
    true
}

pub(super) fn tftp_seeds() -> Vec<Vec<u8>> {
    [
        "\0\x01/EFI/BOOT/grub.cfg-01-52-54-00-12-34-56\0octet\0blksize\x001024\0tsize\x000\0",
        "\0\x01pxelinux.0\0OCTET\0tsize\x000\0blksize\x001408\0windowsize\x004\0timeout\x003\0",
        "\0\x01..\\..\\etc/passwd\0octet\0",
        "\0\x02a\0netascii\0",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
