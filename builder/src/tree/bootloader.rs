//! How a node boots: kernel, GRUB configuration for BIOS and UEFI, fstab, and which
//! files of the tree go to the EFI system partition.

use crate::base::error::{Context, Error, Result};
use crate::layout::Layout;
use crate::plan::boot_config::{self, Kernel, Settings};
use crate::tree;
use crate::tree::sandbox::{Bind, Sandbox};
use formats::tree::{Content, Entry, Tree};
use std::fs;
use std::path::Path;

/// Where GRUB's files for BIOS are on the target, before and after installation.
pub const GRUB_PC: &str = "usr/lib/grub/i386-pc";
const GRUB_PC_INSTALLED: &str = "boot/grub2/i386-pc";
const ESP: &str = "boot/efi/";
/// Bytes of GRUB's core.img, whose blocks BIOS reads in the first MiBs of a disk.
const LARGEST_CORE: u64 = 4 << 20;
/// Bytes of a GRUB for UEFI; EL7's has one MiB.
const LARGEST_LOADER: u64 = 64 << 20;

/// The newest kernel of the tree that has modules, an image and an initramfs. Asked of
/// `/lib/modules`, as `uname -r` need not be the package's version.
///
/// # Errors
/// A build error naming what is missing.
pub fn kernel(tree: &Tree) -> Result<Kernel> {
    let mut releases: Vec<String> = tree
        .entries
        .keys()
        .filter_map(|path| std::str::from_utf8(path).ok())
        .filter_map(|path| {
            path.strip_prefix("usr/lib/modules/").or(path.strip_prefix("lib/modules/"))
        })
        .filter(|name| !name.is_empty() && !name.contains('/'))
        .map(str::to_owned)
        .collect();
    releases.sort_by(|a, b| version_key(b).cmp(&version_key(a)));
    let whole = |r: &String| {
        [format!("boot/vmlinuz-{r}"), format!("boot/initramfs-{r}.img")]
            .iter()
            .all(|path| tree.get(path).is_some_and(|e| e.size() > 0))
    };
    match releases.iter().find(|r| whole(r)) {
        Some(release) => Ok(Kernel { release: release.clone() }),
        None if releases.is_empty() => Err(Error::build("the image has no kernel in /lib/modules")
            .hint("name the package `kernel` in the kickstart's %packages")),
        None => Err(Error::build(format!(
            "no kernel of the image has both /boot/vmlinuz-* and /boot/initramfs-*.img (found modules of {})",
            releases.join(", ")
        ))
        .hint("the build log shows dracut's output")),
    }
}

/// Numbers compare as numbers, so that 3.10.0-957 is newer than 3.10.0-862.
fn version_key(release: &str) -> Vec<(u64, &str)> {
    release.split(['.', '-', '_']).map(|part| (part.parse().unwrap_or(0), part)).collect()
}

/// GRUB's core.img for BIOS by the target's own grub2-mkimage, in the tree at `root` but
/// leaving nothing there: what it takes to find the filesystem with /boot by UUID and to load
/// everything else from it. `scratch` is an empty directory; `log` gets the output.
///
/// # Errors
/// A build error with the program's output.
pub fn core_image(
    root: &Path,
    layout: &Layout,
    scratch: &Path,
    log: &mut dyn FnMut(&str),
) -> Result<Vec<u8>> {
    const INSIDE: &str = "/mnt";
    let Some((device, boot, directory)) = layout.boot() else {
        return Err(Error::build("the layout has no root filesystem"));
    };
    let what = || format!("cannot write to {}", scratch.display());
    fs::write(scratch.join("early.cfg"), boot_config::early(layout)).or_build(what)?;
    let mut command: Vec<String> = ["grub2-mkimage", "-O", "i386-pc", "-d"].map(Into::into).into();
    command.extend([format!("/{GRUB_PC}"), "-c".into(), format!("{INSIDE}/early.cfg")]);
    command.extend(["-p".into(), format!("{directory}/grub2"), "-o".into()]);
    command.push(format!("{INSIDE}/core.img"));
    command.push("biosdisk".into());
    command.extend(boot_config::grub_modules(layout, &device, boot).map(Into::into));
    command.extend(["search_fs_uuid", "normal"].map(Into::into));
    log(&format!("$ {}", command.join(" ")));
    let mut sandbox = Sandbox::new(root, command);
    // The tree was read before.
    sandbox.read_only = true;
    let host = std::path::absolute(scratch).or_build(what)?;
    sandbox.binds.push(Bind { host, inside: INSIDE.into(), read_only: false, programs: true });
    sandbox.must(log)?;
    // The sandbox could put anything there.
    let made = tree::read_file(scratch, "core.img", LARGEST_CORE)?;
    made.ok_or_else(|| Error::build("grub2-mkimage created no core.img"))
}

/// Puts everything that booting needs into `root`, what belongs to the ESP below `/boot/efi`.
///
/// # Errors
/// A build error when the kernel, GRUB's files for BIOS or a UEFI loader is missing.
pub fn install(root: &mut Tree, layout: &Layout, settings: &Settings) -> Result<()> {
    let kernel = kernel(root)?;
    let text = |s: String| Entry::new(0o644, settings.time, Content::Bytes(s.into_bytes()));
    let config =
        |loader: &str, initrd: &str| boot_config::grub(layout, settings, &kernel, loader, initrd);
    if layout.has_bios() {
        put_modules(root)?;
        let mut grub = text(config("linux", "initrd"));
        grub.mode = 0o600;
        root.put("boot/grub2/grub.cfg", grub);
    }
    let vendors = if layout.has_uefi() { vendors(root)? } else { Vec::new() };
    put_esp(root, &vendors, settings, &config)?;
    root.put("etc/fstab", text(boot_config::fstab(layout)));
    let arguments = boot_config::arguments(layout, &settings.arguments);
    root.put("etc/default/grub", text(boot_config::default_grub(&arguments, settings.timeout)));
    root.put("etc/sysconfig/kernel", text(boot_config::SYSCONFIG_KERNEL.to_owned()));
    if let Some(password) = &settings.password {
        let secret = Content::Bytes(boot_config::user(password).into_bytes());
        root.put("boot/grub2/user.cfg", Entry::new(0o600, settings.time, secret));
        if root.get("etc/grub.d/01_users").is_none() {
            let script = Content::Bytes(boot_config::users_script().into_bytes());
            root.put("etc/grub.d/01_users", Entry::new(0o755, settings.time, script));
        }
    }
    root.put("boot/grub2/grubenv", text(boot_config::environment()));
    let mut script = text(boot_config::saved_entry_script(layout));
    script.mode = 0o755;
    root.put("etc/grub.d/02_saved_entry", script);
    // By these names grubby and people find it; EL7's packages bring them.
    let link =
        |target: String| Entry::new(0o777, settings.time, Content::Symlink(target.into_bytes()));
    let efi = vendors.first().map(|directory| format!("../{ESP}{directory}/grub.cfg"));
    let bios = layout.has_bios().then(|| "../boot/grub2/grub.cfg".to_owned());
    for (path, target) in [("etc/grub2.cfg", bios), ("etc/grub2-efi.cfg", efi)] {
        if let Some(target) = target.filter(|_| root.get(path).is_none()) {
            root.put(path, link(target));
        }
    }
    Ok(())
}

/// GRUB's modules for BIOS, where GRUB finds them.
///
/// # Errors
/// A build error when there are none.
fn put_modules(root: &mut Tree) -> Result<()> {
    let module = |(path, entry): (&Vec<u8>, &Entry)| {
        let name = std::str::from_utf8(path).ok()?.strip_prefix(GRUB_PC)?.strip_prefix('/')?;
        let wanted = name.ends_with(".mod") || name.ends_with(".lst");
        (wanted && !name.contains('/'))
            .then(|| (format!("{GRUB_PC_INSTALLED}/{name}"), entry.clone()))
    };
    let modules: Vec<(String, Entry)> = root.entries.iter().filter_map(module).collect();
    if modules.is_empty() {
        let message = format!("the image has no GRUB modules for BIOS in /{GRUB_PC}");
        return Err(Error::build(message).hint(
            "name the package `grub2-pc` (with grub2-pc-modules) in the kickstart's %packages",
        ));
    }
    for (path, entry) in modules {
        root.put(&path, entry);
    }
    Ok(())
}

/// The ESP's directories with a GRUB that looks for its configuration next to it.
///
/// # Errors
/// A build error when there is none, or no loader that firmware starts by itself.
fn vendors(root: &Tree) -> Result<Vec<String>> {
    let names = root.entries.keys().filter_map(|p| std::str::from_utf8(p).ok());
    let vendors: Vec<String> = names
        .filter_map(|p| p.strip_prefix(ESP)?.strip_suffix("/grubx64.efi").map(str::to_owned))
        .filter(|directory| !directory.eq_ignore_ascii_case("EFI/BOOT"))
        .collect();
    if root.get(&format!("{ESP}EFI/BOOT/BOOTX64.EFI")).is_none() || vendors.is_empty() {
        return Err(Error::build(
            "the image has no UEFI loader: /boot/efi/EFI/BOOT/BOOTX64.EFI and /boot/efi/EFI/*/grubx64.efi are needed",
        )
        .hint("name the packages `shim-x64` and `grub2-efi-x64` in the kickstart's %packages"));
    }
    Ok(vendors)
}

/// Each vendor's GRUB finds its grub.cfg next to it, where its built-in prefix points.
fn put_esp(
    root: &mut Tree,
    vendors: &[String],
    settings: &Settings,
    config: &dyn Fn(&str, &str) -> String,
) -> Result<()> {
    for vendor in vendors {
        let (loader, initrd) = loader_commands(root.get(&format!("{ESP}{vendor}/grubx64.efi")))?;
        let password = settings.password.as_ref().map(boot_config::user);
        let files = [("grub.cfg", Some(config(loader, initrd))), ("user.cfg", password)];
        for (name, text) in files {
            let Some(text) = text else { continue };
            let entry = Entry::new(0o700, settings.time, Content::Bytes(text.into_bytes()));
            root.put(&format!("{ESP}{vendor}/{name}"), entry);
        }
    }
    Ok(())
}

/// Moves `/boot/efi` out of the root tree: the tree of the ESP, empty where the disk has none.
pub fn take_esp(root: &mut Tree, layout: &Layout, time: i64) -> Tree {
    if !layout.has_uefi() {
        return Tree::default();
    }
    let inside: Vec<Vec<u8>> =
        root.entries.keys().filter(|p| p.starts_with(ESP.as_bytes())).cloned().collect();
    let mut esp = Tree::default();
    esp.entries.insert(Vec::new(), Entry::new(0o700, time, Content::Dir));
    for path in inside {
        let Some(entry) = root.entries.remove(&path) else { continue };
        if matches!(entry.content, Content::Dir | Content::File { .. } | Content::Bytes(_)) {
            esp.entries.insert(path[ESP.len()..].to_vec(), entry);
        }
    }
    esp
}

/// EL7's signed GRUB boots a kernel under UEFI by `linuxefi`; later ones by `linux`.
fn loader_commands(grub: Option<&Entry>) -> Result<(&'static str, &'static str)> {
    let binary = match grub {
        Some(entry) => {
            entry.read(LARGEST_LOADER).or_build(|| "cannot read grubx64.efi".to_owned())?
        }
        None => Vec::new(),
    };
    let has = binary.windows(9).any(|w| w == b"linuxefi\0");
    Ok(if has { ("linuxefi", "initrdefi") } else { ("linux", "initrd") })
}
