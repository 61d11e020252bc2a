//! The boot menus of a medium, for GRUB (UEFI) and isolinux (BIOS): the medium's own settings and
//! loaders, our entries, and its own menu as one of them.

use super::label::escaped_label;
use super::model::{InstallPlan, NodeInstall};

/// Menu of the medium itselfs under new names.
pub const GRUB_MEDIUM: &str = "EFI/BOOT/medium.cfg";
/// See [`GRUB_MEDIUM`].
pub const ISOLINUX_MEDIUM: &str = "isolinux/medium.cfg";

/// One line of the menus.
enum MenuEntry<'a> {
    Install(&'a NodeInstall),
    Local,
    Medium,
}

/// The lines in order; the first is what boots without an answer.
fn entries(plan: &InstallPlan) -> Vec<MenuEntry<'_>> {
    let nodes = plan.nodes.iter().map(MenuEntry::Install);
    match plan.local_default {
        true => [MenuEntry::Local].into_iter().chain(nodes).chain([MenuEntry::Medium]).collect(),
        false => nodes.chain([MenuEntry::Local, MenuEntry::Medium]).collect(),
    }
}

fn title(plan: &InstallPlan, node: &NodeInstall) -> String {
    let erases = if plan.erase { " (ERASES ITS DISK)" } else { "" };
    format!("Install {}{erases}", node.name)
}

/// All of the installer's kernel arguments.
fn command_line(plan: &InstallPlan, node: &NodeInstall) -> String {
    let medium = format!("hd:LABEL={}", escaped_label(&plan.label));
    let own = node.arguments.join(" ");
    format!("inst.stage2={medium} inst.ks={medium}:/{} {own}", node.kickstart)
}

/// Arguments that the installer's kernel gets for a kernel that gets `installed`: the kickstart
/// names interfaces as the kernel does, and messages go to the same consoles.
pub fn arguments(installed: &str) -> Vec<String> {
    let fixed = ["inst.cmdline", "net.ifnames=0", "biosdevname=0"].map(str::to_owned);
    let consoles = installed.split_whitespace().filter(|word| word.starts_with("console="));
    fixed.into_iter().chain(consoles.map(str::to_owned)).collect()
}

/// grub.cfg, from the medium's own.
pub fn grub(plan: &InstallPlan, own: &str) -> String {
    let is_entry = |line: &&str| {
        ["menuentry", "submenu"].iter().any(|word| line.trim_start().starts_with(word))
    };
    let is_ours = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("set default=") || line.starts_with("set timeout=")
    };
    let mut text = format!("set default=0\nset timeout={}\n", plan.timeout);
    for line in own.lines().take_while(|line| !is_entry(line)).filter(|line| !is_ours(line)) {
        text.push_str(&format!("{line}\n"));
    }
    // EL7's and newer GRUBs differ in the command that starts a kernel under UEFI.
    let efi = own.lines().any(|line| line.trim_start().starts_with("linuxefi "));
    let (linux, initrd) = if efi { ("linuxefi", "initrdefi") } else { ("linux", "initrd") };
    for entry in entries(plan) {
        let (title, body) = match entry {
            MenuEntry::Install(node) => (
                title(plan, node),
                format!(
                    "\t{linux} /images/pxeboot/vmlinuz {}\n\t{initrd} /images/pxeboot/initrd.img\n",
                    command_line(plan, node)
                ),
            ),
            MenuEntry::Local => (
                "Start from the local disk".to_owned(),
                "\tif search --no-floppy --set=disk --file /EFI/centos/shimx64.efi; then\n\
                 \t\tchainloader ($disk)/EFI/centos/shimx64.efi\n\t\tboot\n\tfi\n\texit\n"
                    .to_owned(),
            ),
            MenuEntry::Medium => {
                ("Menu of the medium itself".to_owned(), format!("\tconfigfile /{GRUB_MEDIUM}\n"))
            }
        };
        // No title has a quote.
        text.push_str(&format!("menuentry '{title}' {{\n{body}}}\n"));
    }
    text
}

/// isolinux.cfg, from the medium's own.
pub fn isolinux(plan: &InstallPlan, own: &str) -> String {
    let words = |line: &str| line.split_whitespace().map(str::to_ascii_lowercase).collect();
    let starts = |line: &str, with: &str| {
        let words: Vec<String> = words(line);
        words.first().is_some_and(|word| word == with)
    };
    let head = own.lines().take_while(|line| !starts(line, "label"));
    let mut text = String::new();
    let mut menu = None;
    for line in head.filter(|line| !starts(line, "timeout")) {
        if starts(line, "default") || starts(line, "ui") {
            // A menu module stays; the label of one of the medium's entries does not.
            let module = line.split_whitespace().nth(1).filter(|word| word.ends_with(".c32"));
            menu = menu.or(module);
            text.extend(module.map(|_| format!("{line}\n")));
            continue;
        }
        text.push_str(&format!("{line}\n"));
    }
    if menu.is_none() {
        let first = if plan.local_default { None } else { plan.nodes.first() };
        text.push_str(&format!("default {}\n", first.map_or("local", |node| node.name.as_str())));
    }
    // Tenths of a second.
    text.push_str(&format!("timeout {}\n", plan.timeout * 10));
    for (number, entry) in entries(plan).into_iter().enumerate() {
        let (label, title, body) = match entry {
            MenuEntry::Install(node) => (
                node.name.as_str(),
                title(plan, node),
                format!("kernel vmlinuz\n  append initrd=initrd.img {}", command_line(plan, node)),
            ),
            MenuEntry::Local => {
                ("local", "Start from the local disk".to_owned(), "localboot 0xffff".to_owned())
            }
            MenuEntry::Medium => (
                "medium",
                "Menu of the medium itself".to_owned(),
                match menu {
                    Some(menu) => format!("kernel {menu}\n  append {}", file_name(ISOLINUX_MEDIUM)),
                    None => format!("config {}", file_name(ISOLINUX_MEDIUM)),
                },
            ),
        };
        let default = if number == 0 { "  menu default\n" } else { "" };
        text.push_str(&format!("\nlabel {label}\n  menu label {title}\n{default}  {body}\n"));
    }
    text
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A menu of the medium for another label: both ways in which it is written.
pub fn relabelled(menu: &str, old: &str, new: &str) -> String {
    let argument = |label: &str| format!("LABEL={}", escaped_label(label));
    let old_argument = argument(old);
    let pieces = menu.split(&old_argument).map(|piece| piece.replace(old, new));
    pieces.collect::<Vec<_>>().join(&argument(new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_menu_module_the_first_entry_is_the_default() {
        let plan = |local_default| InstallPlan {
            schema: 1,
            lab: "lab".into(),
            label: "CentOS 7 x86_64".into(),
            erase: false,
            secrets: false,
            timeout: 2,
            local_default,
            nodes: Vec::new(),
            repositories: Vec::new(),
            files: std::collections::BTreeMap::new(),
        };
        let text =
            isolinux(&plan(true), "default linux\ntimeout 600\n\nlabel linux\n  kernel vmlinuz\n");
        assert!(text.starts_with("\ndefault local\ntimeout 20\n"), "{text}");
        assert!(
            text.contains(
                "label medium\n  menu label Menu of the medium itself\n  config medium.cfg"
            ),
            "{text}"
        );
        let text = isolinux(&plan(true), "default vesamenu.c32\nlabel linux\n");
        assert!(text.starts_with("default vesamenu.c32\ntimeout 20\n"), "{text}");
        assert!(text.contains("kernel vesamenu.c32\n  append medium.cfg"), "{text}");
    }

    #[test]
    fn labels_change_as_each_place_writes_them() {
        let menu = "search -l 'CentOS 7'\nlinuxefi /v inst.stage2=hd:LABEL=CentOS\\x207 quiet\n";
        let lab = "search -l 'LAB'\nlinuxefi /v inst.stage2=hd:LABEL=LAB quiet\n";
        assert_eq!(relabelled(menu, "CentOS 7", "LAB"), lab);
        assert_eq!(relabelled(lab, "LAB", "LAB 7"), menu.replace("CentOS", "LAB"));
    }
}
