//! Nova: a key pair, a flavour, and one server on each compute.

use super::cloud::{COMPUTE, Cloud, Server, find_host, text};
use super::image::WORDS;
use super::line::{Proved, Verdict, not_tried};
use crate::host::Fault;
use crate::host::http::Method;
use contract::spec::LabHost;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a server may take to start; a compute without KVM emulates it.
const START: Duration = Duration::from_secs(180);
/// How long its disk may take to say that it has booted.
const BOOT: Duration = Duration::from_secs(120);

/// A key pair of the administrator's, who makes the servers, and a flavour.
pub(super) fn prove_sizes(cloud: &mut Cloud) -> Proved {
    let Some(project) = &cloud.project else { return not_tried("project") };
    let body = json!({"keypair": {"name": cloud.run}});
    let made = project.admin.call(Method::Post, COMPUTE, "/os-keypairs", &body)?;
    cloud.host.keep_secret(&text(&made, "/keypair/private_key")?);
    let fingerprint = text(&made, "/keypair/fingerprint")?;
    let body = json!({"flavor": {"name": cloud.run, "ram": 64, "vcpus": 1, "disk": 1}});
    let made = project.admin.call(Method::Post, COMPUTE, "/flavors", &body)?;
    cloud.flavor = Some(text(&made, "/flavor/id")?);
    Ok(Verdict::Proven(format!("64 MiB, 1 processor, 1 GiB; key {fingerprint}")))
}

/// One server on `compute`.
pub(super) fn prove_server(cloud: &mut Cloud, compute: &LabHost) -> Proved {
    let (Some(project), Some(image), Some(net), Some(flavor)) =
        (&cloud.project, &cloud.image, &cloud.net, &cloud.flavor)
    else {
        return not_tried("image, network or flavour");
    };
    let body = json!({"server": {"name": format!("{}-{}", cloud.run, compute.name),
        "imageRef": image, "flavorRef": flavor, "key_name": cloud.run,
        "networks": [{"uuid": net.id}],
        "availability_zone": format!("nova:{}", find_hypervisor(cloud, compute)?)}});
    let made = project.admin.call(Method::Post, COMPUTE, "/servers", &body)?;
    let id = text(&made, "/server/id")?;
    let path = format!("/servers/{id}");
    let mut last = Value::Null;
    let ended = cloud.wait(START, || {
        last = project.admin.get(COMPUTE, &path)?["server"].clone();
        let status = text(&last, "/status")?;
        Ok((status == "ACTIVE" || status == "ERROR").then_some(status))
    })?;
    if ended.as_deref() != Some("ACTIVE") {
        return Err(Fault::new(describe_failure(&last)));
    }
    let address = last["addresses"].as_object().into_iter().flatten();
    let address = address.filter_map(|(_, of)| of[0]["addr"].as_str()).next().unwrap_or("none");
    let console = read_console(cloud, &id)?;
    let evidence = format!("ACTIVE, address {address}, {console}");
    cloud.servers.push(Server { id, compute: compute.name.clone() });
    Ok(Verdict::Proven(evidence))
}

/// The name by which Nova knows `compute`: it may be qualified there.
fn find_hypervisor(cloud: &Cloud, compute: &LabHost) -> Result<String, Fault> {
    let answer = cloud.admin.get(COMPUTE, "/os-services?binary=nova-compute")?;
    find_host(&answer["services"], compute)
        .ok_or_else(|| Fault::new(format!("Nova knows no nova-compute on {}", compute.name)))
}

/// Why a server did not start: Nova's own words where it has some.
fn describe_failure(server: &Value) -> String {
    let status = server["status"].as_str().unwrap_or("unknown");
    let task = server["OS-EXT-STS:task_state"].as_str();
    let task = task.map_or_else(String::new, |task| format!(", {task}"));
    match server["fault"]["message"].as_str() {
        Some(why) => format!("the server is {status}{task}: {why}"),
        None => format!("the server is {status}{task} after {} s", START.as_secs()),
    }
}

/// Whether the console shows that the image was booted.
fn read_console(cloud: &Cloud, server: &str) -> Result<String, Fault> {
    let Some(project) = &cloud.project else { return Ok(String::new()) };
    if is_fake(cloud)? {
        return Ok("its console is not looked at, as the hypervisor is a fake".to_owned());
    }
    let path = format!("/servers/{server}/action");
    let body = json!({"os-getConsoleOutput": {}});
    let mut log = String::new();
    let booted = cloud.wait(BOOT, || {
        log = text(&project.admin.call(Method::Post, COMPUTE, &path, &body)?, "/output")?;
        Ok(log.contains(WORDS).then_some(()))
    })?;
    if booted.is_some() {
        return Ok("its console shows that it has booted".to_owned());
    }
    let last = log.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("nothing");
    let text = format!("it is ACTIVE, but after {} s its console shows: {last}", BOOT.as_secs());
    Err(Fault::new(text).hint("look at /var/log/libvirt/qemu on the compute"))
}

/// Whether Nova runs with its fake hypervisor, as in tests: servers have no disk there.
fn is_fake(cloud: &Cloud) -> Result<bool, Fault> {
    let answer = cloud.admin.get(COMPUTE, "/os-hypervisors/detail")?;
    Ok(answer["hypervisors"][0]["hypervisor_type"] == "fake")
}
