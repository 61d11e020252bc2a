//! The way of packets between the computes: on each one a port of Neutron's with a real
//! interface on br-int, in a network namespace of its own. It gets its address by DHCP, and
//! reaches the router and the ports of the other computes with packets of full size, which
//! may not be split.

use super::cloud::{Cloud, NETWORK, find_host, text};
use super::line::{Proved, Verdict, not_tried};
use crate::host::http::Method;
use crate::host::{Fault, Host};
use crate::services::remote_shell::program_there;
use contract::spec::LabHost;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::Duration;

/// How long Neutron's agent may take to set up a port.
const LIMIT: Duration = Duration::from_secs(60);
/// How long one compute may take for what it is asked to do.
const SHELL: Duration = Duration::from_secs(60);
/// What the names of interfaces and namespaces begin with.
const DEVICE: &str = "fbp-";
/// The heads of an ICMP packet.
const HEADS: u16 = 28;

/// Makes the interface `$device` for the port `$port`.
const PLUG: &str = "set -e
ip netns add $device
ovs-vsctl -t 10 --may-exist add-port br-int $device -- set Interface $device type=internal \
external_ids:iface-id=$port external_ids:iface-status=active external_ids:attached-mac=\"$mac\"
ip link set $device netns $device
ip netns exec $device sh -c \"
ip link set $device address $mac
for name in all $device; do echo 0 >/proc/sys/net/ipv4/conf/\\$name/rp_filter; done
ip link set lo up
ip link set $device up\"
";

/// Gets its address; firstboot is at the same place on every node.
const LEASE: &str = "set -e
lease=$(ip netns exec $device $firstboot lease $device $mac)
set -- $lease
ip netns exec $device ip addr add $1 dev $device
ip netns exec $device ip link set $device mtu $3
echo $lease
";

/// Removes every interface of a proof.
const UNPLUG: &str = "for device in $(ip netns list 2>/dev/null | cut -d' ' -f1 | grep '^fbp-'); do
ip netns del $device
done
for device in $(ovs-vsctl -t 10 list-ports br-int 2>/dev/null | grep '^fbp-'); do
ovs-vsctl -t 10 --if-exists del-port br-int $device
done
";

/// A port on a compute.
struct Port<'a> {
    compute: &'a LabHost,
    id: String,
    mac: String,
    device: String,
    /// What DHCP gave: address, router, MTU.
    lease: Option<(Ipv4Addr, Option<Ipv4Addr>, u16)>,
}

pub(super) fn prove(cloud: &mut Cloud) -> Proved {
    let (Some(project), Some(net)) = (&cloud.project, &cloud.net) else {
        return not_tried("network");
    };
    let mut ports = Vec::new();
    for compute in &cloud.computes {
        let body = json!({"port": {"name": format!("{}-{}", cloud.run, compute.name),
            "network_id": net.id, "binding:host_id": find_agent_host(cloud, compute)?,
            "security_groups": []}});
        let made = project.admin.call(Method::Post, NETWORK, "/v2.0/ports", &body)?;
        let (id, mac) = (text(&made, "/port/id")?, text(&made, "/port/mac_address")?);
        let device = format!("{DEVICE}{}", &id.get(..8).unwrap_or(&id));
        ports.push(Port { compute, id, mac, device, lease: None });
    }
    for port in &mut ports {
        plug(cloud, port)?;
    }
    let pings = ask_each_other(cloud.host, &ports, net.router.is_some())?;
    let mtu = ports.iter().filter_map(|port| port.lease.map(|lease| lease.2)).min().unwrap_or(0);
    let names: Vec<&str> = ports.iter().map(|port| port.compute.name.as_str()).collect();
    Ok(Verdict::Proven(format!(
        "{} have addresses by DHCP; {pings} answers from the router and each other, with packets \
         of {mtu} bytes that may not be split",
        names.join(", ")
    )))
}

/// The name by which Neutron knows a compute.
fn find_agent_host(cloud: &Cloud, compute: &LabHost) -> Result<String, Fault> {
    let answer = cloud.admin.get(NETWORK, "/v2.0/agents")?;
    find_host(&answer["agents"], compute)
        .ok_or_else(|| Fault::new(format!("Neutron knows no agent on {}", compute.name)))
}

/// Runs `script` on a port's compute; its output.
fn run(host: &Host, port: &Port, script: &str) -> Result<String, String> {
    let own = std::env::current_exe().map(|path| path.display().to_string());
    let script = format!(
        "device={} port={} mac={} firstboot={}\n{script}",
        port.device,
        port.id,
        port.mac,
        own.unwrap_or_else(|_| "firstboot".to_owned()),
    );
    let program = program_there(port.compute.address, &script).time_limit(SHELL);
    let output = host.run(&program).map_err(|fault| fault.message)?;
    if output.ok() { Ok(output.stdout) } else { Err(output.summary()) }
}

/// Plugs a port in, waits for Neutron to set it up, and gets its lease.
fn plug(cloud: &Cloud, port: &mut Port) -> Result<(), Fault> {
    let name = &port.compute.name;
    let fault = |what: &str, why: String| Fault::new(format!("{name}: {what}: {why}"));
    run(cloud.host, port, PLUG).map_err(|why| fault("no interface on br-int", why))?;
    let path = format!("/v2.0/ports/{}", port.id);
    let mut status = Value::Null;
    cloud.wait(LIMIT, || {
        status = cloud.admin.get(NETWORK, &path)?["port"]["status"].clone();
        Ok((status == "ACTIVE").then_some(()))
    })?;
    if status != "ACTIVE" {
        let status = status.as_str().unwrap_or("unknown");
        let why = format!("is {status} after {} s", LIMIT.as_secs());
        return Err(fault("its port", why)
            .hint(format!("`systemctl status neutron-openvswitch-agent` on {name}, and its log")));
    }
    let given = run(cloud.host, port, LEASE).map_err(|why| {
        fault("no DHCP lease", why).hint(format!(
            "the DHCP agent's log on the controller; the tunnels of {name}: `firstboot status`"
        ))
    })?;
    port.lease = parse_lease(&given);
    match port.lease {
        Some(_) => Ok(()),
        None => Err(fault("no DHCP lease", given)),
    }
}

/// Reads `10.0.0.5/24 10.0.0.1 1450 10.0.0.2`.
fn parse_lease(text: &str) -> Option<(Ipv4Addr, Option<Ipv4Addr>, u16)> {
    let mut words = text.split_whitespace();
    let (address, _) = words.next()?.split_once('/')?;
    let router = words.next()?.parse().ok();
    Some((address.parse().ok()?, router, words.next()?.parse().ok()?))
}

/// Pings the router and every other port from each; how many answered, where all did.
fn ask_each_other(host: &Host, ports: &[Port], router: bool) -> Result<usize, Fault> {
    let mut silent = Vec::new();
    let mut answers = 0;
    for port in ports {
        let Some((_, gateway, mtu)) = port.lease else { continue };
        let own = || port.compute.name.as_str();
        let others = ports.iter().filter(|other| other.id != port.id);
        let others = others.filter_map(|other| Some((other.compute.name.as_str(), other.lease?.0)));
        let gateway = gateway.filter(|_| router).map(|address| ("the router", address));
        for (name, address) in gateway.into_iter().chain(others) {
            let size = mtu.saturating_sub(HEADS);
            let script =
                format!("ip netns exec $device ping -c 3 -i 0.3 -W 3 -M do -s {size} {address}");
            match run(host, port, &script) {
                Ok(_) => answers += 1,
                Err(_) => silent.push(format!("{} gets no answer from {name}", own())),
            }
        }
    }
    if silent.is_empty() {
        return Ok(answers);
    }
    Err(Fault::new(silent.join("; ")).hint(
        "the tunnels between these nodes: `firstboot status` and `ovs-vsctl show` on each (a \
         vxlan port in br-tun for each other node)",
    ))
}

/// Removes the interfaces of this and of earlier proofs from every compute; one that does not
/// answer keeps its own until the next time, and they do no harm without their ports.
pub(super) fn remove(cloud: &Cloud) {
    for compute in &cloud.computes {
        let program = program_there(compute.address, UNPLUG).time_limit(SHELL);
        let _ = cloud.host.run(&program);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_read() {
        let lease = (Ipv4Addr::new(10, 0, 0, 5), Some(Ipv4Addr::new(10, 0, 0, 1)), 1450);
        assert_eq!(parse_lease("10.0.0.5/24 10.0.0.1 1450 10.0.0.2\n"), Some(lease));
        assert_eq!(parse_lease("10.0.0.5/24 - 1450 10.0.0.2").unwrap().1, None);
        assert_eq!(parse_lease("no lease"), None);
    }
}
