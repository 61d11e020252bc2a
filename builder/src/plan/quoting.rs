//! Text in the syntax of those that read it: fstab, GRUB's scripts, the shell.

/// A field of fstab(5): blanks and backslashes as octal numbers (getmntent(3)).
pub fn fstab_field(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            ' ' => out += "\\040",
            '\t' => out += "\\011",
            '\n' => out += "\\012",
            '\\' => out += "\\134",
            other => out.push(other),
        }
    }
    out
}

/// Kernel arguments for a `linux` command of GRUB, and for what grub2-mkconfig copies into one.
/// Double quotes keep blanks together for the kernel and for GRUB alike; all else that GRUB
/// would take for its own gets a backslash (GRUB manual, "Quoting").
pub fn grub_arguments(text: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut before = ' ';
    for c in text.chars() {
        let special = match quoted {
            true => "$\\".contains(c),
            false => "$\\';&|<>{}".contains(c) || c == '#' && before == ' ',
        };
        if special {
            out.push('\\');
        }
        quoted ^= c == '"';
        out.push(c);
        before = c;
    }
    // The kernel takes all up to the end then.
    out.extend(quoted.then_some('"'));
    out
}

/// A single-quoted word of GRUB or the shell.
pub fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A value in a file that the shell reads: in double quotes, as such files have them, where
/// nothing in it means something there.
pub fn shell_value(text: &str) -> String {
    match text.contains(['$', '`', '"', '\\']) {
        true => single_quoted(text),
        false => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_arguments_reach_the_kernel_by_grubs_rules() {
        for (given, written) in [
            ("quiet console=ttyS0,115200n8 a=b", "quiet console=ttyS0,115200n8 a=b"),
            ("memmap=2G$4G", "memmap=2G\\$4G"),
            ("dyndbg=\"file foo.c +p\" c=`id`", "dyndbg=\"file foo.c +p\" c=`id`"),
            ("a=\"$b;c", "a=\"\\$b;c\""),
            ("x;y #z a#b c='d' e\\f <g> {h}", "x\\;y \\#z a#b c=\\'d\\' e\\\\f \\<g\\> \\{h\\}"),
        ] {
            assert_eq!(grub_arguments(given), written);
        }
    }

    #[test]
    fn fields_of_fstab_have_no_blanks() {
        assert_eq!(fstab_field("/srv/my data\t\\#é"), "/srv/my\\040data\\011\\134#é");
    }
}
