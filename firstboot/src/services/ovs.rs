//! Open vSwitch: its bridges, ports and interfaces, and creating a bridge.

use crate::host::Fault;
use crate::host::{Host, Output, Program};
use crate::services::ovsdb::{self, map, set, uuid};
use contract::spec;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the switch may take to do what its database asks for.
const SETTLE: Duration = Duration::from_secs(20);
/// Time between two checks.
const POLL: Duration = Duration::from_millis(200);

/// The key of a bridge's hardware address in its `other_config`.
const HARDWARE: &str = "hwaddr";

/// The switch as its database has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Switch {
    /// Version, if it has run since the database was made.
    pub version: Option<String>,
    /// The bridges.
    pub bridges: Vec<Bridge>,
    /// Who may change the database, other than over its socket.
    pub managers: Vec<Connection>,
    /// The last configuration that the switch has adopted.
    pub cur_cfg: i64,
}

/// A connection to a controller or a manager.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Address.
    pub target: String,
    /// Whether it is up, as the daemon that keeps it had it last.
    pub is_connected: bool,
}

/// A bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bridge {
    /// Name.
    pub name: String,
    /// `secure` or `standalone`; unset means standalone.
    pub fail_mode: Option<String>,
    /// Its OpenFlow controllers.
    pub controllers: Vec<Connection>,
    /// The hardware address that its configuration gives it.
    pub hardware: Option<String>,
    /// Its ports.
    pub ports: Vec<Port>,
}

/// A port of a bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Name.
    pub name: String,
    /// VLAN.
    pub tag: Option<i64>,
    /// Its interfaces; more than one for a bond.
    pub interfaces: Vec<Interface>,
}

/// An interface of a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// `internal`, `patch`, `vxlan` …; empty for a device of the system.
    pub kind: String,
    /// Options, `peer` for instance, sorted.
    pub options: Vec<(String, String)>,
    /// Why it could not be made.
    pub error: Option<String>,
    /// Its number in the bridge; none or -1 if it could not be made.
    pub number: Option<i64>,
}

impl Interface {
    /// The value of the option `name`.
    pub fn option(&self, name: &str) -> Option<&str> {
        let mut options = self.options.iter();
        options.find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Bridge {
    /// Its interfaces, over all ports.
    pub fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.ports.iter().flat_map(|port| &port.interfaces)
    }
}

impl Switch {
    /// The bridge `name`.
    pub fn bridge(&self, name: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|bridge| bridge.name == name)
    }

    /// The bridge that has the port `name`.
    pub fn bridge_of(&self, name: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|bridge| bridge.ports.iter().any(|port| port.name == name))
    }
}

/// Asks the switch itself, whose database keeps its last state when it dies.
///
/// # Errors
/// When the program that asks cannot be started.
pub fn ask_daemon(host: &Host) -> Result<Output, Fault> {
    host.run(&Program::new("ovs-appctl").args(["--timeout=5", "version"]))
}

/// Reads the switch's database.
///
/// # Errors
/// When the database server does not answer.
pub fn read_switch(host: &Host) -> Result<Switch, Fault> {
    let [top, bridges, ports, interfaces, controllers, managers] = ovsdb::rows(
        host,
        [
            ("Open_vSwitch", &["bridges", "manager_options", "ovs_version", "cur_cfg"]),
            ("Bridge", &["_uuid", "name", "fail_mode", "controller", "other_config", "ports"]),
            ("Port", &["_uuid", "name", "tag", "interfaces"]),
            ("Interface", &["_uuid", "name", "type", "options", "error", "ofport"]),
            ("Controller", &["_uuid", "target", "is_connected"]),
            ("Manager", &["_uuid", "target", "is_connected"]),
        ],
    )?;
    let top = top.first().cloned().unwrap_or_default();
    let found = referred(&top["bridges"], &bridges).map(|row| Bridge {
        name: text(&row["name"]),
        fail_mode: set(&row["fail_mode"]).first().map(|mode| text(mode)),
        controllers: referred(&row["controller"], &controllers).map(connection).collect(),
        hardware: map(&row["other_config"])
            .into_iter()
            .find_map(|(key, value)| (key == HARDWARE).then(|| value.to_owned())),
        ports: referred(&row["ports"], &ports).map(|row| port(row, &interfaces)).collect(),
    });
    Ok(Switch {
        version: set(&top["ovs_version"]).first().map(|version| text(version)),
        bridges: found.collect(),
        managers: referred(&top["manager_options"], &managers).map(connection).collect(),
        cur_cfg: top["cur_cfg"].as_i64().unwrap_or_default(),
    })
}

fn port(row: &Value, interfaces: &[Value]) -> Port {
    let interfaces = referred(&row["interfaces"], interfaces).map(|row| {
        let mut options: Vec<(String, String)> = map(&row["options"])
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        options.sort();
        let error = set(&row["error"]).first().map(|error| text(error)).filter(|e| !e.is_empty());
        let number = set(&row["ofport"]).first().and_then(|number| number.as_i64());
        Interface { name: text(&row["name"]), kind: text(&row["type"]), options, error, number }
    });
    Port {
        name: text(&row["name"]),
        tag: set(&row["tag"]).first().and_then(|tag| tag.as_i64()),
        interfaces: interfaces.collect(),
    }
}

fn connection(row: &Value) -> Connection {
    Connection { target: text(&row["target"]), is_connected: row["is_connected"] == true }
}

/// The rows that a column refers to.
fn referred<'a>(column: &'a Value, rows: &'a [Value]) -> impl Iterator<Item = &'a Value> {
    let row = |id: &str| rows.iter().find(move |row| uuid(&row["_uuid"]) == Some(id));
    set(column).into_iter().filter_map(uuid).filter_map(row)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Creates `bridge` with `device` as its port and with the hardware address `hardware`, if it is
/// known, as far as they do not exist, and waits until the switch has done it; what was changed.
///
/// # Errors
/// When the database refuses, or the switch does not adopt it in time; then `device`
/// may already be a port.
pub fn create_bridge(
    host: &Host,
    bridge: &spec::SpecBridge,
    device: &str,
    hardware: Option<&str>,
) -> Result<Vec<String>, Fault> {
    let switch = read_switch(host)?;
    let found = switch.bridge(&bridge.name);
    let mut operations = Vec::new();
    let mut changes = Vec::new();
    if found.is_none() {
        operations.extend(new_bridge(bridge));
        changes.push(format!("bridge {}", bridge.name));
    }
    if let Some(hardware) =
        hardware.filter(|wanted| found.is_none_or(|b| b.hardware.as_deref() != Some(wanted)))
    {
        let this = json!([["name", "==", bridge.name]]);
        let set = json!([
            ["other_config", "delete", ["set", [HARDWARE]]],
            ["other_config", "insert", ["map", [[HARDWARE, hardware]]]],
        ]);
        operations
            .push(json!({"op": "mutate", "table": "Bridge", "where": this, "mutations": set}));
        changes.extend(found.map(|found| format!("hardware address of {}", found.name)));
    }
    let has_port = switch.bridge_of(device).is_some();
    if !has_port {
        operations.push(insert_interface(device, "", "device"));
        operations.push(insert_port(device, "device"));
        let ports = json!([["ports", "insert", ["set", [["named-uuid", "device_port"]]]]]);
        let this = json!([["name", "==", bridge.name]]);
        operations
            .push(json!({"op": "mutate", "table": "Bridge", "where": this, "mutations": ports}));
        changes.extend(found.map(|found| format!("port {device} of {}", found.name)));
    }
    commit(host, operations)?;
    Ok(changes)
}

fn new_bridge(bridge: &spec::SpecBridge) -> Vec<Value> {
    let name = &bridge.name;
    let row = json!({
        "name": name,
        "fail_mode": "standalone",
        "datapath_type": bridge.datapath.as_deref().filter(|kind| *kind != "system").unwrap_or(""),
        "ports": ["named-uuid", "bridge_port"],
    });
    let bridges = json!([["bridges", "insert", ["set", [["named-uuid", "bridge"]]]]]);
    vec![
        // Another process may create it meanwhile.
        json!({"op": "wait", "timeout": 0, "table": "Bridge", "where": [["name", "==", name]],
               "columns": ["name"], "until": "==", "rows": []}),
        insert_interface(name, "internal", "bridge"),
        insert_port(name, "bridge"),
        json!({"op": "insert", "table": "Bridge", "uuid-name": "bridge", "row": row}),
        json!({"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": bridges}),
    ]
}

fn insert_interface(name: &str, kind: &str, id: &str) -> Value {
    json!({"op": "insert", "table": "Interface", "uuid-name": format!("{id}_interface"),
           "row": {"name": name, "type": kind}})
}

fn insert_port(name: &str, id: &str) -> Value {
    let interfaces = json!(["named-uuid", format!("{id}_interface")]);
    json!({"op": "insert", "table": "Port", "uuid-name": format!("{id}_port"),
           "row": {"name": name, "interfaces": interfaces}})
}

/// Removes the bridge `name` with its ports, if it exists.
///
/// # Errors
/// As [`create_bridge`].
pub fn delete_bridge(host: &Host, name: &str) -> Result<(), Fault> {
    let [bridges] = ovsdb::rows(host, [("Bridge", &["_uuid", "name"])])?;
    let Some(bridge) = bridges.iter().find(|row| row["name"] == name) else { return Ok(()) };
    let without = json!([["bridges", "delete", ["set", [bridge["_uuid"]]]]]);
    commit(
        host,
        vec![json!({"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": without})],
    )
}

/// Does `operations` and waits until the switch has adopted them.
fn commit(host: &Host, mut operations: Vec<Value>) -> Result<(), Fault> {
    if operations.is_empty() {
        return Ok(());
    }
    let next = json!([["next_cfg", "+=", 1]]);
    operations
        .push(json!({"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": next}));
    operations.push(
        json!({"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}),
    );
    let results = ovsdb::transact(host, operations)?;
    let wanted = results.last().and_then(|last| last["rows"][0]["next_cfg"].as_i64()).unwrap_or(0);
    let began = host.clock().monotonic();
    while read_switch(host)?.cur_cfg < wanted {
        if host.clock().monotonic() - began >= SETTLE {
            let seconds = SETTLE.as_secs();
            return Err(Fault::new(format!(
                "ovs-vswitchd has not adopted the new configuration after {seconds} s"
            ))
            .hint("/var/log/openvswitch/ovs-vswitchd.log shows why"));
        }
        host.clock().sleep(POLL);
    }
    Ok(())
}
