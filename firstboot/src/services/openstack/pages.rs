//! The pages that need no token: Horizon's login, noVNC's console, Swift's health.

use super::findings::to_state;
use super::session::{LIMIT, get_page};
use crate::host::Host;
use crate::services::answer_file::AnswerFile;
use contract::status::ServiceState;
use std::net::{Ipv4Addr, SocketAddrV4};

/// The ports of Horizon with TLS, of nova-novncproxy, and of Swift's proxy.
const HORIZON_TLS: u16 = 443;
const NOVNC: u16 = 6080;
const SWIFT: u16 = 8080;
/// The page that Nova's console address names in Newton, and since Rocky.
const CONSOLES: [&str; 2] = ["vnc_auto.html", "vnc_lite.html"];

/// Asks those that are installed.
pub(super) fn ask(host: &Host, answers: &AnswerFile, address: Ipv4Addr) -> Vec<ServiceState> {
    let is = |key: &str, value: &str| answers.get(key).as_deref() == Some(value);
    let tls = is("CONFIG_HORIZON_SSL", "y");
    let mut services = Vec::new();
    if !is("CONFIG_HORIZON_INSTALL", "n") {
        let judged = if tls { reach(host, address, HORIZON_TLS) } else { horizon(host, address) };
        services.push(to_state("horizon", judged));
    }
    if !is("CONFIG_NOVA_INSTALL", "n") {
        let judged = if tls { reach(host, address, NOVNC) } else { console(host, address) };
        services.push(to_state("novncproxy", judged));
    }
    // Other releases install Swift by default; here it is off unless the file enables it.
    if is("CONFIG_SWIFT_INSTALL", "y") {
        services.push(to_state("swift", swift(host, address)));
    }
    services
}

/// With its own certificate it is not asked further.
fn reach(host: &Host, address: Ipv4Addr, port: u16) -> Result<String, String> {
    let to = SocketAddrV4::new(address, port);
    match host.runner().reach(to, LIMIT) {
        Ok(()) => Ok(format!("accepts connections at {to} (TLS, not looked into)")),
        Err(error) => Err(format!("{to} does not answer: {error}")),
    }
}

fn horizon(host: &Host, address: Ipv4Addr) -> Result<String, String> {
    let body = get_page(host, format!("http://{address}/dashboard/auth/login/"))?;
    if body.contains("csrfmiddlewaretoken") && body.contains("password") {
        Ok("shows its login page".to_owned())
    } else {
        Err("its login page has no login form".to_owned())
    }
}

fn console(host: &Host, address: Ipv4Addr) -> Result<String, String> {
    let page = |name: &str| get_page(host, format!("http://{address}:{NOVNC}/{name}"));
    let [newton, later] = CONSOLES;
    page(newton).or_else(|why| page(later).map_err(|_| why))?;
    Ok("shows the console's page".to_owned())
}

fn swift(host: &Host, address: Ipv4Addr) -> Result<String, String> {
    let body = get_page(host, format!("http://{address}:{SWIFT}/healthcheck"))?;
    if body.trim() == "OK" {
        Ok("its proxy is healthy".to_owned())
    } else {
        Err("its proxy does not answer OK".to_owned())
    }
}
