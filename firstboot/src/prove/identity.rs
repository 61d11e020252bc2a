//! Keystone: a project and a user of the proof's own.

use super::cloud::{Cloud, Project, text};
use super::line::{Proved, Verdict};
use crate::host::http::Method;
use crate::host::{Fault, Host};
use crate::services::openstack::keystone;
use crate::services::openstack::session::{IDENTITY, Login, Session};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;

/// The roles that make someone a user of a project: since Rocky, in Newton, and Horizon's own.
const ROLES: [&str; 3] = ["member", "_member_", "user"];

pub(super) fn prove(cloud: &mut Cloud) -> Proved {
    let admin = &cloud.admin;
    let name = cloud.run.clone();
    let password = make_password(cloud.host)?;
    let body = json!({"project": {"name": name, "domain_id": "default"}});
    let project = text(&admin.call(Method::Post, IDENTITY, "/projects", &body)?, "/project/id")?;
    let body = json!({"user": {"name": name, "domain_id": "default", "password": password,
        "default_project_id": project}});
    let user = text(&admin.call(Method::Post, IDENTITY, "/users", &body)?, "/user/id")?;
    let login = Login::admin(cloud.answers)?;
    let path = format!("/users?name={}&domain_id=default", login.user);
    let own = text(&admin.get(IDENTITY, &path)?, "/users/0/id")?;
    let roles = list_roles(admin)?;
    let find = |wanted: &[&str]| {
        let found = wanted.iter().find_map(|name| roles.iter().find(|(known, _)| known == name));
        found.ok_or_else(|| Fault::new(format!("Keystone has no role {}", wanted.join(" or "))))
    };
    let member = find(&ROLES)?;
    for (who, role) in [(&user, member), (&own, find(&["admin"])?)] {
        let path = format!("/projects/{project}/users/{who}/roles/{}", role.1);
        admin.call(Method::Put, IDENTITY, &path, &Value::Null)?;
    }
    let keystone = keystone(cloud.spec);
    let open = |user: &str, password: &str| {
        let (user, password) = (user.to_owned(), password.to_owned());
        Session::open(cloud.host, &keystone, &Login { user, password, project: name.clone() })
    };
    let evidence = format!("{name}, whose user has the role {} and a token", member.0);
    let (user, admin) = (open(&name, &password)?, open(&login.user, &login.password)?);
    cloud.project = Some(Project { user, admin, password });
    Ok(Verdict::Proven(evidence))
}

/// Name and identifier of each role.
fn list_roles(admin: &Session) -> Result<Vec<(String, String)>, Fault> {
    let answer = admin.get(IDENTITY, "/roles")?;
    let roles = answer["roles"].as_array().into_iter().flatten();
    roles.map(|role| Ok((text(role, "/name")?, text(role, "/id")?))).collect()
}

/// 128 random bits.
fn make_password(host: &Host) -> Result<String, Fault> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes))?;
    let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    host.keep_secret(&password);
    Ok(password)
}
