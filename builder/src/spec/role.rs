//! The role file: machine, services, kickstart, outputs.

use super::files::InputFile;
use super::install_disk;
use super::reader::{At, SpecReader, Table};
use super::units::{ROLE_HINT, SIZE_HINT, check_interface, parse_role, parse_size, show_size};
use crate::base::diagnostic::Diagnostics;
use crate::base::lab::{
    BootMode, ImageFormat, InstallDisk, LabMachine, OpenStack, Packstack, Services,
};
use crate::base::malformed::Malformed;
use crate::base::nearest::nearest;
use contract::answers::{self, AnswerViolation};
use contract::spec::{Role, is_unit_name};

const KEYS: [&str; 8] =
    ["role", "kickstart", "machine", "services", "packages", "openvswitch", "packstack", "output"];
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// An EL7 system of this kind takes about 1.5 GiB; the installer's own minimum is 9 GiB.
const MIN_DISK: u64 = 4 * GIB;
/// ext4 without the `64bit` feature ends here.
const MAX_DISK: u64 = 16 << 40;
/// Enough for the serial console and firstboot, not for OpenStack.
const MIN_MEMORY: u64 = 512 * MIB;
const MAX_MEMORY: u64 = 12 << 40;

/// The role file's content; parts that were wrong are missing.
#[derive(Debug, Default)]
pub struct RoleFile {
    /// The role.
    pub role: Option<At<Role>>,
    /// The kickstart's path as written.
    pub kickstart: Option<At<String>>,
    /// CPUs, memory, disk.
    pub machine: Option<LabMachine>,
    /// Units.
    pub services: Services,
    /// Packages that the role needs, whatever the kickstart names.
    pub install: Vec<String>,
    /// Packages installed where a repository has them.
    pub if_available: Vec<String>,
    /// The bridge and packstack.
    pub openstack: OpenStack,
    /// Output formats.
    pub formats: Vec<ImageFormat>,
}

/// Whether a file is meant as a role's: it has that key, or is not TOML, which is then reported.
pub fn is_role(file: &InputFile) -> bool {
    let (document, errors) = toml::de::DeTable::parse_recoverable(&file.text);
    !errors.is_empty() || document.get_ref().contains_key("role")
}

/// Reads the role file.
pub fn read_role(file: &InputFile) -> (RoleFile, Diagnostics) {
    let reader = SpecReader::new(&file.name, &file.text);
    let document = reader.parse();
    let root = reader.root(&document, &KEYS);
    let role = root.parsed(root.need_text("role", "\"compute\""), ROLE_HINT, parse_role);
    let kickstart = root.need_text("kickstart", "\"../kickstart/compute.ks\"");
    let machine = read_machine(&root);
    let packages = root.table("packages", &["install", "if-available"], false);
    let names = |key: &str| -> Vec<String> {
        let hint = "a package name as in %packages, without `@` or a leading `-`";
        let Some(table) = &packages else { return Vec::new() };
        let names = table.texts(key).into_iter();
        names.filter_map(|n| table.parsed(Some(n), hint, check_package)).map(|n| n.value).collect()
    };
    let file = RoleFile {
        role,
        kickstart,
        machine,
        services: read_services(&root),
        install: names("install"),
        if_available: names("if-available"),
        openstack: read_openstack(&root),
        formats: read_formats(&root),
    };
    (file, reader.into_diagnostics())
}

fn read_machine(root: &Table<'_, '_>) -> Option<LabMachine> {
    let table = root.table(
        "machine",
        &["cpus", "memory", "disk", "more-disks", "boot", "install-disk"],
        true,
    )?;
    let cpus = table.integer("cpus", 1..513).map_or(1, |c| c.value as u32);
    let size = |key: &str, example: &str, min: u64, max: u64| {
        let text = table.need_text(key, example);
        table.parsed(text, SIZE_HINT, |text| parse_size_within(text, min, max))
    };
    let memory = size("memory", "\"6 GiB\"", MIN_MEMORY, MAX_MEMORY);
    let disk = size("disk", "\"50 GiB\"", MIN_DISK, MAX_DISK);
    let names = BootMode::NAMES.map(|(name, _)| format!("\"{name}\""));
    let hint = format!("allowed: {}", names.join(", "));
    let boot = table.parsed(table.text("boot"), &hint, parse_boot).map(|b| b.value);
    let text = table.text("install-disk");
    let rule = table.parsed(text, install_disk::HINT, install_disk::parse_install_disk);
    let install_disk = rule.map_or(InstallDisk::Only, |rule| rule.value);
    let more = table.texts("more-disks").into_iter();
    let more = more.filter_map(|text| {
        table.parsed(Some(text), SIZE_HINT, |text| parse_size_within(text, MIB, MAX_DISK))
    });
    let more_disks: Vec<u64> = more.map(|size| size.value).collect();
    let (memory, disk) = (memory?.value, disk?.value);
    Some(LabMachine { cpus, memory, disk, more_disks, boot, install_disk })
}

fn parse_size_within(text: &str, min: u64, max: u64) -> Result<u64, Malformed> {
    let bytes = parse_size(text)?;
    if bytes < min {
        return Err(format!("{text} is too small, the minimum is {}", show_size(min)).into());
    }
    if bytes > max {
        return Err(format!("{text} is too large, the maximum is {}", show_size(max)).into());
    }
    // Partitions and virtual machines want whole MiB; "50 GB" means at least that.
    Ok(bytes.next_multiple_of(MIB))
}

fn parse_boot(name: &str) -> Result<BootMode, String> {
    let found = BootMode::NAMES.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, mode)| mode).ok_or_else(|| format!("`{name}` is not a firmware"))
}

fn read_services(root: &Table<'_, '_>) -> Services {
    let Some(table) = root.table("services", &["enabled", "disabled"], false) else {
        return Services::default();
    };
    let hint = "a systemd unit or an init script, with or without `.service`";
    let units = |key: &str| -> Vec<At<String>> {
        table
            .texts(key)
            .into_iter()
            .filter_map(|u| table.parsed(Some(u), hint, check_unit))
            .collect()
    };
    let (enabled, disabled) = (units("enabled"), units("disabled"));
    for unit in &disabled {
        if let Some(other) = enabled.iter().find(|e| e.value == unit.value) {
            let message = format!("`{}` is enabled as well", unit.value);
            table.push(
                unit.error(message)
                    .hint(format!("also at line {} ({})", other.place.line, other.key)),
            );
        }
    }
    let names = |units: Vec<At<String>>| units.into_iter().map(|u| u.value).collect();
    Services { enabled: names(enabled), disabled: names(disabled) }
}

/// Checks a unit's name and takes `.service` off it.
fn check_unit(name: &str) -> Result<String, String> {
    let short = name.strip_suffix(".service").unwrap_or(name);
    if !is_unit_name(short) {
        return Err(format!("`{name}` is not a unit"));
    }
    Ok(short.to_owned())
}

fn check_package(name: &str) -> Result<String, String> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"-_.+".contains(&b);
    if name.bytes().all(ok) && !name.starts_with('-') {
        return Ok(name.to_owned());
    }
    Err(format!("`{name}` is not a package"))
}

fn check_program(path: &str) -> Result<String, String> {
    if path.starts_with('/') && !path.chars().any(char::is_control) {
        return Ok(path.to_owned());
    }
    Err(format!("`{path}` is not an absolute path"))
}

fn read_openstack(root: &Table<'_, '_>) -> OpenStack {
    let bridge = root.table("openvswitch", &["bridge"], false).and_then(|table| {
        let hint = "1 to 15 letters, digits, `-`, `_` or `.`; packstack's own is br-ex";
        table.parsed(table.text("bridge"), hint, check_interface)
    });
    let bridge = bridge.map(|b| b.value);
    let keys = ["compute-on-controller", "program", "answers"];
    let Some(table) = root.table("packstack", &keys, false) else {
        return OpenStack { bridge, packstack: None };
    };
    let compute_on_controller = table.boolean("compute-on-controller").is_some_and(|b| b.value);
    let hint = "the program's path on the node, as in \"/usr/bin/packstack-double\"";
    let program = table.parsed(table.text("program"), hint, check_program).map(|p| p.value);
    let mut answers = std::collections::BTreeMap::new();
    for (key, value) in table.named_texts("answers") {
        match answers::find_violation(&key.value, &value.value) {
            None => {
                answers.insert(key.value, value.value);
            }
            Some(AnswerViolation::Value { message, allowed }) => {
                table.push(value.error(message).hint(format!("allowed: {allowed}")));
            }
            Some(violation @ AnswerViolation::UnknownKey) => {
                let similar = nearest(&key.value, answers::KEYS.iter().map(|(name, _)| *name));
                let error = key.error(violation.message());
                table.push(match similar {
                    Some(similar) => error.hint(format!("did you mean `{similar}`?")),
                    None => error.hint("the keys are those of `packstack --gen-answer-file`"),
                });
            }
        }
    }
    let packstack = Packstack { compute_on_controller, program, answers };
    OpenStack { bridge, packstack: Some(packstack) }
}

fn read_formats(root: &Table<'_, '_>) -> Vec<ImageFormat> {
    let mut formats = Vec::new();
    if let Some(table) = root.table("output", &["formats"], false) {
        for text in table.texts("formats") {
            let names = ImageFormat::ALL.map(ImageFormat::as_str);
            let mut hint = format!("allowed: {}", names.join(", "));
            if let Some(similar) = nearest(&text.value, names) {
                hint = format!("did you mean `{similar}`? {hint}");
            }
            let format = table.parsed(Some(text), &hint, |t| t.parse());
            formats.extend(format.map(|f| f.value).filter(|f| !formats.contains(f)));
        }
    }
    if formats.is_empty() {
        formats.push(ImageFormat::Qcow2);
    }
    formats
}
