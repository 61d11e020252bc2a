//! Cinder: a volume, attached to a server, detached and deleted.

use super::cloud::{COMPUTE, Cloud, VOLUME, text};
use super::line::{Proved, Verdict, not_tried};
use crate::host::Fault;
use crate::host::http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// How long each change of its state may take.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn prove(cloud: &mut Cloud) -> Proved {
    let Some(project) = &cloud.project else { return not_tried("project") };
    if !project.user.has(VOLUME) {
        return Ok(Verdict::Skipped("this cloud has no Cinder".to_owned()));
    }
    let body = json!({"volume": {"name": cloud.run, "size": 1}});
    let made = project.user.call(Method::Post, VOLUME, "/volumes", &body)?;
    let id = text(&made, "/volume/id")?;
    let path = format!("/volumes/{id}");
    let reach = |wanted: &str| reach_status(cloud, &path, wanted);
    reach("available")?;
    let attached = match cloud.servers.first() {
        None => "not attached, as no server was started".to_owned(),
        Some(server) => {
            let attachments = format!("/servers/{}/os-volume_attachments", server.id);
            let body = json!({"volumeAttachment": {"volumeId": id}});
            project.admin.call(Method::Post, COMPUTE, &attachments, &body)?;
            reach("in-use")?;
            let one = format!("{attachments}/{id}");
            project.admin.call(Method::Delete, COMPUTE, &one, &Value::Null)?;
            reach("available")?;
            format!("attached to the server on {} and detached", server.compute)
        }
    };
    project.user.call(Method::Delete, VOLUME, &path, &Value::Null)?;
    let gone = cloud.wait(LIMIT, || {
        let left = project.user.get(VOLUME, "/volumes")?;
        let mut left = left["volumes"].as_array().into_iter().flatten();
        Ok(left.all(|one| one["id"] != id.as_str()).then_some(()))
    })?;
    if gone.is_none() {
        let text = format!("the volume is still there {} s after its deletion", LIMIT.as_secs());
        return Err(Fault::new(text));
    }
    Ok(Verdict::Proven(format!("1 GiB made, {attached}, deleted")))
}

/// Waits until the volume at `path` is `wanted`.
fn reach_status(cloud: &Cloud, path: &str, wanted: &str) -> Result<(), Fault> {
    let Some(project) = &cloud.project else { return Ok(()) };
    let mut last = String::new();
    cloud.wait(LIMIT, || {
        last = text(&project.user.get(VOLUME, path)?, "/volume/status")?;
        Ok((last == wanted || last.starts_with("error")).then_some(()))
    })?;
    if last == wanted {
        return Ok(());
    }
    let text = match last.starts_with("error") {
        true => format!("the volume is {last}, not {wanted}"),
        false => format!("the volume is {last}, not {wanted}, after {} s", LIMIT.as_secs()),
    };
    Err(Fault::new(text))
}
