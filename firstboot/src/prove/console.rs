//! noVNC: the page that Nova names for a server's console answers.

use super::cloud::{COMPUTE, Cloud, text};
use super::line::{Proved, Verdict, not_tried};
use crate::host::Fault;
use crate::host::http::Method;
use crate::services::openstack::session::get_page;
use serde_json::json;

pub(super) fn prove(cloud: &mut Cloud) -> Proved {
    let (Some(project), Some(server)) = (&cloud.project, cloud.servers.first()) else {
        return not_tried("server");
    };
    let path = format!("/servers/{}/action", server.id);
    let body = json!({"os-getVNCConsole": {"type": "novnc"}});
    let answer = project.admin.call(Method::Post, COMPUTE, &path, &body)?;
    let url = text(&answer, "/console/url")?;
    // Who has the address has the console.
    if let Some((_, token)) = url.rsplit_once('=') {
        cloud.host.keep_secret(token);
    }
    let page = get_page(cloud.host, url)?;
    if !page.contains("noVNC") {
        return Err(Fault::new("the page of the server's console is not noVNC's"));
    }
    Ok(Verdict::Proven(format!("the console of the server on {} has its page", server.compute)))
}
