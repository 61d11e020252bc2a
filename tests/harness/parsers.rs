//! The product's parsers as targets for fuzzing: what reads text or bytes of foreign
//! origin. [`crate::mutation`] runs them with the stable compiler, `tests/fuzz` with libFuzzer.

mod files;
mod images;
mod network;
mod node;
mod packages;
pub mod seeds;
mod texts;

use seeds::Seeds;

/// A parser as a target.
#[derive(Debug)]
pub struct Parser {
    /// Its name.
    pub name: &'static str,
    /// Parses the bytes and does with the result what the product does; whether they were
    /// accepted. It panics where the result is wrong, such as a text that does not come back.
    pub parse: fn(&[u8]) -> bool,
    /// Where inputs to begin with come from.
    pub seeds: Seeds,
}

const fn parser(name: &'static str, parse: fn(&[u8]) -> bool, seeds: Seeds) -> Parser {
    Parser { name, parse, seeds }
}

const fn files(patterns: &'static [&'static str]) -> Seeds {
    Seeds { files: patterns, made: seeds::none }
}

const fn made(made: fn() -> Vec<Vec<u8>>) -> Seeds {
    Seeds { files: &[], made }
}

const fn both(files: &'static [&'static str], made: fn() -> Vec<Vec<u8>>) -> Seeds {
    Seeds { files, made }
}

/// Every target.
pub const PARSERS: &[Parser] = &[
    parser("answers", node::answers, both(seeds::ANSWERS, node::answer_seeds)),
    parser("berkeley", images::berkeley, made(images::berkeley_seeds)),
    parser("chrony", node::chrony, both(&["corpus/ovs/*/chrony.conf"], node::chrony_seeds)),
    parser("chrony-replies", node::chrony_replies, both(seeds::CHRONYC, node::reply_seeds)),
    parser("comps", packages::comps, files(seeds::COMPS)),
    parser("cpio", packages::cpio, made(packages::cpio_seeds)),
    parser("dhcp", network::dhcp, made(network::dhcp_seeds)),
    parser("ext4", images::ext4, made(images::ext4_seeds)),
    parser("filelists", packages::filelists, made(packages::filelists_seeds)),
    parser("gpgkey", packages::gpgkey, made(packages::gpgkey_seeds)),
    parser("gpt", images::gpt, both(&["corpus/disk/images/*gpt*"], images::gpt_seeds)),
    parser("groups", packages::groups, made(packages::groups_seeds)),
    parser("http-request", texts::http_request, made(texts::http_request_seeds)),
    parser("image", images::image, made(images::image_seeds)),
    parser("iso", images::iso, made(images::iso_seeds)),
    parser("ks", texts::ks, files(seeds::KICKSTARTS)),
    parser("ksfile", texts::ksfile, files(seeds::KICKSTARTS)),
    parser("lab", texts::lab, files(&["profiles/lab.toml"])),
    parser("lvm2", images::lvm2, made(images::lvm2_seeds)),
    parser("manifest", texts::manifest, made(texts::manifest_seeds)),
    parser("metalink", texts::metalink, made(texts::metalink_seeds)),
    parser("mirrorlist", texts::mirrorlist, made(texts::mirrorlist_seeds)),
    parser("msdos", images::msdos, made(images::msdos_seeds)),
    parser("mtree", texts::mtree, made(texts::mtree_seeds)),
    parser("ovsdb", node::ovsdb, both(&["corpus/ovs/*/list-*.json"], node::ovsdb_seeds)),
    parser("ovsdb-framing", node::ovsdb_framing, made(node::framing_seeds)),
    parser("plan", texts::plan, files(&["tests/fixtures/plan/*.json"])),
    parser("primary", packages::primary, files(&["tests/fixtures/plan/os/repodata/primary.xml"])),
    parser("qcow2", images::qcow2, made(images::qcow2_seeds)),
    parser("repofile", texts::repofile, made(texts::repofile_seeds)),
    parser("repomd", packages::repomd, files(seeds::REPOMD)),
    parser("role", texts::role, made(texts::role_seeds)),
    parser("rpm", packages::rpm, both(&["corpus/rpm/packages/*"], packages::rpm_seeds)),
    parser("selinux", texts::selinux, made(texts::selinux_seeds)),
    parser("spec", node::spec, made(node::spec_seeds)),
    parser("sqlite", packages::sqlite, made(packages::sqlite_seeds)),
    parser("state", node::state, made(node::state_seeds)),
    parser("tftp", network::tftp, made(network::tftp_seeds)),
    parser("uncompress", packages::uncompress, made(packages::uncompress_seeds)),
    parser("vercmp", packages::vercmp, made(packages::vercmp_seeds)),
    parser("wire", node::wire, made(node::wire_seeds)),
];

/// The target of this name.
///
/// # Errors
/// The names that there are.
pub fn find(name: &str) -> Result<&'static Parser, String> {
    PARSERS.iter().find(|parser| parser.name == name).ok_or_else(|| {
        let names: Vec<&str> = PARSERS.iter().map(|parser| parser.name).collect();
        format!("there is no parser `{name}`; there are {}", names.join(", "))
    })
}
