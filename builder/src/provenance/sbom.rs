//! The software bill of materials: SPDX 2.3 as JSON. Source: "SPDX Specification v2.3",
//! <https://spdx.github.io/spdx-spec/v2.3/>.

mod licence;

use crate::plan::{Plan, PlanPackage};
use crate::provenance::inventory::About;
use formats::iso9660::timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const UNKNOWN: &str = "NOASSERTION";

/// `sbom.spdx.json` of the plan's images; `about` is in the order of its packages.
pub fn spdx(plan: &Plan, about: &[About]) -> String {
    let mut licences = BTreeMap::new();
    let mut packages: Vec<Value> = plan.nodes.iter().map(|n| image(&n.name, plan)).collect();
    let describe = |n: &crate::plan::PlanNode| relation(DOCUMENT, "DESCRIBES", &image_id(&n.name));
    let mut relations: Vec<Value> = plan.nodes.iter().map(describe).collect();
    for (number, (package, about)) in plan.packages.iter().zip(about).enumerate() {
        let id = format!("SPDXRef-Package-{number}-{}", identifier(&package.name));
        let declared = licence::expression(&about.license, &mut licences);
        let inside = plan.nodes.iter().map(|n| relation(&image_id(&n.name), "CONTAINS", &id));
        relations.extend(inside);
        packages.push(one(&id, package, about, &declared, plan.practice));
    }
    let extracted: Vec<Value> = licences
        .iter()
        .map(|(id, text)| json!({ "licenseId": id, "name": text, "extractedText": text }))
        .collect();
    let digest = plan.digest();
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": format!("{}-{}", plan.lab.name, plan.profile),
        "documentNamespace": format!("https://spdx.org/spdxdocs/imgbuild-{}-{digest}", plan.profile),
        "creationInfo": {
            "created": timestamp(plan.time),
            "creators": [concat!("Tool: imgbuild-", env!("CARGO_PKG_VERSION"))],
        },
        "packages": packages,
        "relationships": relations,
    });
    if !extracted.is_empty() {
        document["hasExtractedLicensingInfos"] = extracted.into();
    }
    // Maps with non-string keys are what JSON cannot hold; there are none here.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn relation(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

/// Letters, digits, `.` and `-` are all that an identifier may have.
fn identifier(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

fn image_id(node: &str) -> String {
    format!("SPDXRef-Image-{}", identifier(node))
}

fn image(node: &str, plan: &Plan) -> Value {
    json!({
        "SPDXID": image_id(node),
        "name": node,
        "versionInfo": plan.digest(),
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": UNKNOWN,
        "primaryPackagePurpose": "OPERATING-SYSTEM",
        "comment": if plan.practice { "Practice image made from Debian packages; not CentOS." } else { "" },
    })
}

fn one(id: &str, package: &PlanPackage, about: &About, declared: &str, practice: bool) -> Value {
    let mut value = json!({
        "SPDXID": id,
        "name": package.name,
        "versionInfo": package.evr(),
        "packageFileName": package.location.rsplit('/').next(),
        "supplier": match about.vendor.as_str() {
            "" => UNKNOWN.to_owned(),
            vendor => format!("Organization: {vendor}"),
        },
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": declared,
        "copyrightText": UNKNOWN,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": purl(package, &about.vendor, practice),
        }],
    });
    if !about.summary.is_empty() {
        value["summary"] = about.summary.clone().into();
    }
    if about.url.contains("://") && !about.url.contains(char::is_whitespace) {
        value["homepage"] = about.url.clone().into();
    }
    if !about.source.is_empty() {
        value["sourceInfo"] = format!("built from {}", about.source).into();
    }
    let algorithm = package.checksum.kind().as_str().to_ascii_uppercase();
    let checksum = package.checksum.hex();
    value["checksums"] = json!([{ "algorithm": algorithm, "checksumValue": checksum }]);
    value
}

/// A package URL (purl-spec, type `rpm`).
fn purl(package: &PlanPackage, vendor: &str, practice: bool) -> String {
    let namespace = match vendor {
        _ if practice => "practice",
        vendor if vendor.contains("Red Hat") => "redhat",
        _ => "centos",
    };
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' => {
                    char::from(b).to_string()
                }
                _ => format!("%{b:02X}"),
            })
            .collect()
    };
    let version = escape(&format!("{}-{}", package.version, package.release));
    let epoch =
        if package.epoch == 0 { String::new() } else { format!("&epoch={}", package.epoch) };
    format!("pkg:rpm/{namespace}/{}@{version}?arch={}{epoch}", escape(&package.name), package.arch)
}
