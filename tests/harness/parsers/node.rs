//! What the nodes' program reads: its own files, other programs' and other nodes'.

use contract::peers::wire::{Announcement, PeerStatus, Refused};
use contract::spec::Spec;
use contract::status::find_current;
use firstboot::services::answer_file::AnswerFile;
use firstboot::services::chrony as time;
use firstboot::services::ovsdb as switch;
use firstboot::state::RunState;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) fn answers(data: &[u8]) -> bool {
    let mut file = AnswerFile::parse(data);
    assert_eq!(file.to_bytes(), data, "an answer file changes");
    let secrets = file.secrets().len();
    let wanted: BTreeMap<String, String> = ["CONFIG_NTP_SERVERS", "CONFIG_COMPUTE_HOSTS", "NEW"]
        .map(|key| (key.to_owned(), "192.0.2.1,192.0.2.2".to_owned()))
        .into();
    file.apply(&wanted);
    assert!(file.holds(&wanted), "a key does not get its value");
    let again = AnswerFile::parse(&file.to_bytes());
    assert!(again.holds(&wanted), "a value is lost when the file is written");
    secrets > 0
}

pub(super) fn answer_seeds() -> Vec<Vec<u8>> {
    vec![
        b"[general]\n# comment\nCONFIG_NTP_SERVERS=\nCONFIG_COMPUTE_HOSTS : 10.0.0.1,\n  10.0.0.2\n\
          config_default_password = x\nCONFIG_MARIADB_PW=secret\n[other]\nkey=value\n"
            .to_vec(),
        b"CONFIG_NTP_SERVERS=a\r\n;b\r\nCONFIG_KEYSTONE_ADMIN_PW=\r\n".to_vec(),
    ]
}

pub(super) fn chrony(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let servers = ["192.0.2.1", "pool ntp.example.com"].map(|s| s.parse().expect("a server"));
    let written = time::conf_with(&text, &servers);
    assert!(time::conf_holds(&written, &servers), "the servers are not in what was written");
    assert_eq!(time::conf_with(&written, &servers), written, "writing twice changes it");
    time::conf_holds(&text, &servers)
}

pub(super) fn chrony_seeds() -> Vec<Vec<u8>> {
    vec![
        b"#\nserver 192.0.2.1 iburst\npool ntp.example.com iburst\ndriftfile /x\n".to_vec(),
        b"pool 0.centos.pool.ntp.org iburst\n! x\nmakestep 1.0 3\npeer 10.0.0.1".to_vec(),
    ]
}

pub(super) fn chrony_replies(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let parsed = [time::parse_csv(&text), time::parse_table(&text)];
    for source in parsed.iter().flatten().flatten() {
        let _ = (source.to_string(), source.selected());
    }
    parsed.iter().flatten().any(|sources| !sources.is_empty())
}

pub(super) fn reply_seeds() -> Vec<Vec<u8>> {
    vec![
        b"^,*,192.0.2.1,3,6,377,22,0.000001961,0.000001961,0.000010\n\
          #,?,PPS0,0,4,0,4294967295,0.0,0.0,0.0\n"
            .to_vec(),
        b"210 Number of sources = 1\nMS Name/IP address  Stratum Poll Reach LastRx Last sample\n\
          =====\n^* 192.0.2.1  3   6   377    22  +1961ns[+1961ns] +/-   10us\n"
            .to_vec(),
        b"506 Cannot talk to daemon\n".to_vec(),
    ]
}

/// Columns of tables as the database sends them, in every form at every depth.
pub(super) fn ovsdb(data: &[u8]) -> bool {
    fn look(value: &Value) -> usize {
        let found = switch::set(value).into_iter().filter_map(switch::uuid).count();
        let pairs = switch::map(value).len();
        let inner: usize = match value {
            Value::Array(items) => items.iter().map(look).sum(),
            Value::Object(fields) => fields.values().map(look).sum(),
            _ => 0,
        };
        found + pairs + inner
    }
    serde_json::from_slice::<Value>(data).is_ok_and(|value| look(&value) > 0)
}

pub(super) fn ovsdb_seeds() -> Vec<Vec<u8>> {
    vec![
        br#"[{"rows":[{"_uuid":["uuid","a"],"name":"br-ex","fail_mode":["set",[]],
             "ports":["set",[["uuid","b"],["uuid","c"]]],"options":["map",[["peer","x"]]]}]}]"#
            .to_vec(),
    ]
}

/// Messages on the database's socket.
pub(super) fn ovsdb_framing(data: &[u8]) -> bool {
    firstboot::host::ovsdb::read_answer(data).is_ok()
}

pub(super) fn framing_seeds() -> Vec<Vec<u8>> {
    vec![
        br#"{"id":"echo","method":"echo","params":[]}
           {"id":1,"error":null,"result":[{"rows":[]},{"count":1}]}"#
            .to_vec(),
        br#"{"id":1,"error":{"error":"unknown database","details":"x"},"result":null}"#.to_vec(),
    ]
}

pub(super) fn spec(data: &[u8]) -> bool {
    let Ok(spec) = Spec::parse(&String::from_utf8_lossy(data)) else { return false };
    // TOML's numbers end before those of a spec.
    if let Ok(text) = spec.to_toml() {
        assert_eq!(Spec::parse(&text), Ok(spec), "a spec changes when it is written");
    }
    true
}

pub(super) fn spec_seeds() -> Vec<Vec<u8>> {
    let examples = crate::product::workspace().join("firstboot/examples");
    ["controller", "compute"]
        .map(|role| std::fs::read(examples.join(format!("{role}.spec.toml"))).expect("example"))
        .to_vec()
}

pub(super) fn state(data: &[u8]) -> bool {
    let Ok(state) = RunState::parse(&String::from_utf8_lossy(data)) else { return false };
    let _ = (state.readiness(), find_current(&state.steps));
    // A number that JSON rounds may change once.
    let text = serde_json::to_string(&state).expect("JSON");
    let again = RunState::parse(&text).expect("a state file that was just written");
    assert_eq!(again.readiness(), state.readiness());
    true
}

pub(super) fn state_seeds() -> Vec<Vec<u8>> {
    vec![
        br#"{"version":1,"node":"nova01","role":"compute","boot_id":"0b-1","started":"2018-11-01T00:00:00Z",
            "uptime":3.25,"steps":[{"name":"identity","outcome":"unchanged","since":"","at":0.5,
            "seconds":0.1,"attempts":1,"message":"m"},{"name":"network","outcome":"failed","since":"",
            "seconds":0.0,"attempts":2,"message":"","remedy":"r"}],
            "services":[{"name":"nova","ok":true,"evidence":"e"}]}"#
            .to_vec(),
    ]
}

pub(super) fn wire(data: &[u8]) -> bool {
    let announced = serde_json::from_slice::<Announcement>(data);
    let peers = serde_json::from_slice::<Vec<PeerStatus>>(data);
    let refused = serde_json::from_slice::<Refused>(data);
    announced.is_ok_and(|announcement| announcement.is_sensible())
        || peers.is_ok()
        || refused.is_ok()
}

pub(super) fn wire_seeds() -> Vec<Vec<u8>> {
    vec![
        br#"{"node":"nova01","boot_id":"0b-1","seq":7,"session":"ab","image":"i","state":"working",
            "steps":[{"name":"identity","outcome":"changed"}],"step":"identity","for_seconds":1.5,
            "cloud":"up"}"#
            .to_vec(),
        br#"{"node":"openstack","boot_id":"0b-1","seq":7,"session":"ab","image":"i","state":"ready",
            "steps":[],"step":"announce","for_seconds":1.5,"cloud":"up","switch":{"overlay":
            {"open_vswitch":true,"tunnels":["vxlan"],"hosts":["192.168.1.10"]},
            "faults":["no tunnel to nova01 (192.168.1.11)"]}}"#
            .to_vec(),
        br#"[{"node":"nova01","role":"compute","address":"192.168.1.11","state":"ready","step":"x",
            "since":null,"reachable":true,"heard":"2018-11-01T00:00:00Z","boot_id":null}]"#
            .to_vec(),
        br#"{"reason":"old","message":"m"}"#.to_vec(),
    ]
}
