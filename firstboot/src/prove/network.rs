//! Neutron: a network with a subnet, and a router with a leg in it.

use super::cloud::{Cloud, NETWORK, Net, text};
use super::line::{Proved, Verdict, not_tried};
use crate::host::Fault;
use crate::host::http::Method;
use crate::services::openstack::session::Session;
use serde_json::{Value, json};
use std::time::Duration;

/// The subnet; it meets no other one, as it is behind a router of its own.
const SUBNET: &str = "10.254.77.0/24";
/// How long Neutron's agents may take to set up what was made.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn prove_network(cloud: &mut Cloud) -> Proved {
    let Some(project) = &cloud.project else { return not_tried("project") };
    let user = &project.user;
    let made = post(user, "/v2.0/networks", &json!({"network": {"name": cloud.run}}))?;
    let id = text(&made, "/network/id")?;
    let mtu = made["network"]["mtu"].as_u64();
    cloud.net = Some(Net { id: id.clone(), router: None });
    let body = json!({"subnet": {"name": cloud.run, "network_id": id, "ip_version": 4,
        "cidr": SUBNET}});
    post(user, "/v2.0/subnets", &body)?;
    let path = format!("/v2.0/ports?network_id={id}&device_owner=network:dhcp");
    let ports = || cloud.admin.get(NETWORK, &path);
    let waited = cloud.wait(LIMIT, || find_active(&ports()?));
    let Some(port) = waited? else {
        let found = ports()?;
        return Err(Fault::new(describe_wait("the DHCP server's port", &found)));
    };
    let mtu = mtu.map_or_else(String::new, |mtu| format!(", MTU {mtu}"));
    Ok(Verdict::Proven(format!("{SUBNET}{mtu}, DHCP on {port}")))
}

pub(super) fn prove_router(cloud: &mut Cloud) -> Proved {
    let (Some(project), Some(net)) = (&cloud.project, &cloud.net) else {
        return not_tried("network");
    };
    let user = &project.user;
    let made = post(user, "/v2.0/routers", &json!({"router": {"name": cloud.run}}))?;
    let router = text(&made, "/router/id")?;
    let subnets = user.get(NETWORK, &format!("/v2.0/subnets?network_id={}", net.id))?;
    let body = json!({"subnet_id": text(&subnets, "/subnets/0/id")?});
    let path = format!("/v2.0/routers/{router}/add_router_interface");
    user.call(Method::Put, NETWORK, &path, &body)?;
    let path = format!("/v2.0/ports?device_id={router}");
    let ports = || cloud.admin.get(NETWORK, &path);
    let waited = cloud.wait(LIMIT, || find_active(&ports()?));
    let Some(port) = waited? else {
        let found = ports()?;
        return Err(Fault::new(describe_wait("the router's port", &found)));
    };
    cloud.net = cloud.net.take().map(|net| Net { router: Some(router), ..net });
    Ok(Verdict::Proven(format!("its port is set up on {port}")))
}

fn post(session: &Session, path: &str, body: &Value) -> Result<Value, String> {
    session.call(Method::Post, NETWORK, path, body)
}

/// The host of a port that its agent has set up.
fn find_active(answer: &Value) -> Result<Option<String>, Fault> {
    let mut ports = answer["ports"].as_array().into_iter().flatten();
    let port = ports.find(|port| port["status"] == "ACTIVE");
    Ok(port.map(|port| port["binding:host_id"].as_str().unwrap_or("a host").to_owned()))
}

fn describe_wait(what: &str, answer: &Value) -> String {
    let ports = answer["ports"].as_array();
    let port = ports.and_then(|ports| ports.first());
    let state = port.map_or_else(
        || "is not there".to_owned(),
        |port| format!("is {}", port["status"].as_str().unwrap_or("without status")),
    );
    format!("{what} {state} after {} s", LIMIT.as_secs())
}
