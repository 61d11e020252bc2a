//! Volume labels, by which loader and installer find a medium.

use crate::base::malformed::Malformed;

/// Checks a volume label: it is in the boot menus' quotes and in kernel arguments between colons.
///
/// # Errors
/// When it is not 1 to 32 characters of those that are safe there.
pub fn check_label(label: &str) -> Result<(), Malformed> {
    let legal = |c: char| c.is_ascii_alphanumeric() || " ._-".contains(c);
    if (1..=32).contains(&label.len()) && label.chars().all(legal) {
        return Ok(());
    }
    Err(format!("`{label}` is not 1 to 32 letters, digits, blanks, `.`, `_` and `-`").into())
}

/// A volume label as udev writes it in links and `LABEL=` (systemd 219, `utf8_encoded_to_…` and
/// `whitelisted_char_for_devnode`).
pub fn escaped_label(label: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"#+-.:=@_".contains(&byte);
    let escaped = label.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("\\x{byte:02x}"),
    });
    escaped.collect()
}
