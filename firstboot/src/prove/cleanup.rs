//! Removes what proofs have made: everything whose name begins as their names do, found by
//! asking, so that it does not matter how a proof ended.

use super::cloud::{COMPUTE, Cloud, IMAGE, NETWORK, VOLUME};
use super::measure::METRIC;
use crate::host::http::Method;
use crate::services::openstack::session::{IDENTITY, Session};
use serde_json::{Value, json};
use std::time::Duration;

/// How long deleted servers and volumes may take to go.
const LIMIT: Duration = Duration::from_secs(90);
/// Time between two looks.
const POLL: Duration = Duration::from_secs(1);

/// Things of one kind.
struct Kind {
    /// What they are called, one and more.
    names: [&'static str; 2],
    api: &'static [&'static str],
    /// Where they are listed, and the list's key in the answer.
    list: (&'static str, &'static str),
    /// Where one is deleted, below which path.
    delete: &'static str,
    /// Whether deleting takes time.
    slow: bool,
}

const fn kind(
    names: [&'static str; 2],
    api: &'static [&'static str],
    list: (&'static str, &'static str),
    delete: &'static str,
    slow: bool,
) -> Kind {
    Kind { names, api, list, delete, slow }
}

/// In the order in which they can be removed.
const KINDS: [Kind; 9] = [
    kind(
        ["server", "servers"],
        COMPUTE,
        ("/servers/detail?all_tenants=1", "servers"),
        "/servers",
        true,
    ),
    kind(
        ["volume", "volumes"],
        VOLUME,
        ("/volumes/detail?all_tenants=1", "volumes"),
        "/volumes",
        true,
    ),
    kind(["router", "routers"], NETWORK, ("/v2.0/routers", "routers"), "/v2.0/routers", false),
    kind(["port", "ports"], NETWORK, ("/v2.0/ports", "ports"), "/v2.0/ports", false),
    kind(["network", "networks"], NETWORK, ("/v2.0/networks", "networks"), "/v2.0/networks", false),
    kind(["key pair", "key pairs"], COMPUTE, ("/os-keypairs", "keypairs"), "/os-keypairs", false),
    kind(
        ["flavour", "flavours"],
        COMPUTE,
        ("/flavors?is_public=None", "flavors"),
        "/flavors",
        false,
    ),
    kind(["image", "images"], IMAGE, ("/v2/images?limit=1000", "images"), "/v2/images", false),
    kind(["metric", "metrics"], METRIC, ("/v1/metric?limit=1000", ""), "/v1/metric", false),
];

/// Who they were for; last, as the others belong to them.
const OWNERS: [Kind; 2] = [
    kind(["user", "users"], IDENTITY, ("/users", "users"), "/users", false),
    kind(["project", "projects"], IDENTITY, ("/projects", "projects"), "/projects", false),
];

/// One thing.
struct Thing {
    id: String,
    name: String,
}

/// Removes everything whose name begins with `prefix`; how many of what, in words.
pub(super) fn remove(cloud: &Cloud, prefix: &str) -> Result<String, String> {
    let mut removed = Vec::new();
    let mut left = Vec::new();
    for kind in &KINDS {
        remove_kind(cloud, kind, prefix, &mut removed, &mut left);
    }
    let admin = &cloud.admin;
    for project in list(admin, &OWNERS[1], prefix).unwrap_or_default() {
        remove_unnamed(admin, &project, &mut left);
    }
    for kind in &OWNERS {
        remove_kind(cloud, kind, prefix, &mut removed, &mut left);
    }
    let removed = removed.join(", ");
    if left.is_empty() {
        return Ok(removed);
    }
    Err(format!("left behind: {}", left.join("; ")))
}

fn remove_kind(
    cloud: &Cloud,
    kind: &Kind,
    prefix: &str,
    removed: &mut Vec<String>,
    left: &mut Vec<String>,
) {
    let admin = &cloud.admin;
    if kind.api != IDENTITY && !admin.has(kind.api) {
        return;
    }
    let things = match list(admin, kind, prefix) {
        Ok(things) => things,
        Err(why) => return left.push(format!("{} (not listed: {why})", kind.names[1])),
    };
    let count = things.len();
    let mut failed = 0;
    for thing in things {
        if kind.names[0] == "router" {
            detach(admin, &thing.id);
        }
        let mut deleted = delete(admin, kind, &thing.id);
        if deleted.is_err() && kind.api == VOLUME {
            release(admin, &thing.id);
            deleted = delete(admin, kind, &thing.id);
        }
        if let Err(why) = deleted {
            failed += 1;
            left.push(format!("{} {} ({why})", kind.names[0], thing.name));
        }
    }
    let gone = count - failed;
    if gone == 0 {
        return;
    }
    if kind.slow && failed == 0 {
        match wait(cloud, kind, prefix) {
            Ok(still) => left.extend(still.iter().map(|thing| {
                let (kind, limit) = (kind.names[0], LIMIT.as_secs());
                format!("{kind} {} (still there {limit} s after its deletion)", thing.name)
            })),
            Err(why) => left.push(format!("{} (not listed: {why})", kind.names[1])),
        }
    }
    removed.push(format!("{gone} {}", kind.names[usize::from(gone > 1)]));
}

/// Waits until deleted things are gone; those that are not, or why they cannot be listed: a list
/// that does not come says nothing of what is in it.
fn wait(cloud: &Cloud, kind: &Kind, prefix: &str) -> Result<Vec<Thing>, String> {
    let clock = cloud.host.clock();
    let began = clock.monotonic();
    loop {
        let things = list(&cloud.admin, kind, prefix);
        let gone = things.as_ref().is_ok_and(Vec::is_empty);
        if gone || clock.monotonic().saturating_sub(began) >= LIMIT {
            return things;
        }
        clock.sleep(POLL);
    }
}

/// The things of a kind whose names begin with `prefix`.
fn list(admin: &Session, kind: &Kind, prefix: &str) -> Result<Vec<Thing>, String> {
    let (path, key) = kind.list;
    let answer = admin.get(kind.api, path)?;
    // Gnocchi's list is the answer itself.
    let listed = if key.is_empty() { &answer } else { &answer[key] };
    let things = listed.as_array().into_iter().flatten().map(|thing| {
        // Key pairs are wrapped, and have no other identifier than their name.
        let thing = thing.get("keypair").unwrap_or(thing);
        let name = thing["name"].as_str().unwrap_or_default().to_owned();
        let id = if key == "keypairs" { None } else { thing["id"].as_str() };
        Thing { id: id.unwrap_or(&name).to_owned(), name }
    });
    Ok(things.filter(|thing| thing.name.starts_with(prefix)).collect())
}

/// Deletes one thing; one that is already gone is not an error.
fn delete(admin: &Session, kind: &Kind, id: &str) -> Result<(), String> {
    let path = format!("{}/{id}", kind.delete);
    match admin.call(Method::Delete, kind.api, &path, &Value::Null) {
        Err(why) if why.contains(" answers 404") => Ok(()),
        done => done.map(drop),
    }
}

/// Calls a volume free that its service has not got on with, or it cannot be deleted.
fn release(admin: &Session, volume: &str) {
    let path = format!("/volumes/{volume}/action");
    let body = json!({"os-reset_status": {"status": "error", "attach_status": "detached"}});
    let _ = admin.call(Method::Post, VOLUME, &path, &body);
}

/// Takes the legs and the gateway off a router, or it cannot be deleted: that then says why.
fn detach(admin: &Session, router: &str) {
    let path = format!("/v2.0/ports?device_id={router}");
    let ports = admin.get(NETWORK, &path).unwrap_or_default();
    for port in ports["ports"].as_array().into_iter().flatten() {
        let path = format!("/v2.0/routers/{router}/remove_router_interface");
        let body = json!({"port_id": port["id"]});
        let _ = admin.call(Method::Put, NETWORK, &path, &body);
    }
    let path = format!("/v2.0/routers/{router}");
    let body = json!({"router": {"external_gateway_info": {}}});
    let _ = admin.call(Method::Put, NETWORK, &path, &body);
}

/// Removes what a project has that was made without a name: its security group.
fn remove_unnamed(admin: &Session, project: &Thing, left: &mut Vec<String>) {
    let path = format!("/v2.0/security-groups?tenant_id={}", project.id);
    let groups = match admin.get(NETWORK, &path) {
        Ok(groups) => groups,
        Err(why) => {
            let text = format!("security groups of {} (not listed: {why})", project.name);
            return left.push(text);
        }
    };
    for group in groups["security_groups"].as_array().into_iter().flatten() {
        let path = format!("/v2.0/security-groups/{}", group["id"].as_str().unwrap_or_default());
        if let Err(why) = admin.call(Method::Delete, NETWORK, &path, &Value::Null) {
            left.push(format!("security group of {} ({why})", project.name));
        }
    }
}
