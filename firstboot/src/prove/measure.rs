//! Gnocchi: a metric takes a measure and gives it back.

use super::cloud::{Cloud, text};
use super::line::{Proved, Verdict, not_tried};
use crate::host::Fault;
use crate::host::http::Method;
use contract::time;
use serde_json::{Value, json};
use std::time::Duration;

/// Gnocchi in the catalogue.
pub(super) const METRIC: &[&str] = &["metric"];
/// How long a measure may take to be processed.
const LIMIT: Duration = Duration::from_secs(90);
/// What is measured.
const VALUE: f64 = 42.0;

pub(super) fn prove(cloud: &mut Cloud) -> Proved {
    let Some(project) = &cloud.project else { return not_tried("project") };
    let admin = &project.admin;
    if !admin.has(METRIC) {
        return Ok(Verdict::Skipped("this cloud has no Gnocchi".to_owned()));
    }
    let policies = admin.get(METRIC, "/v1/archive_policy")?;
    let names: Vec<&str> =
        policies.as_array().into_iter().flatten().filter_map(|one| one["name"].as_str()).collect();
    let Some(policy) = names.iter().find(|name| **name == "low").or(names.first()) else {
        return Err(Fault::new("Gnocchi has no archive policy")
            .hint("`gnocchi-upgrade` makes the usual ones"));
    };
    let body = json!({"name": cloud.run, "archive_policy_name": policy});
    let id = text(&admin.call(Method::Post, METRIC, "/v1/metric", &body)?, "/id")?;
    let path = format!("/v1/metric/{id}/measures");
    let now = time::rfc3339(cloud.host.clock().wall());
    let body = json!([{"timestamp": now.trim_end_matches('Z'), "value": VALUE}]);
    admin.call(Method::Post, METRIC, &path, &body)?;
    let found = cloud.wait(LIMIT, || {
        let measures = admin.get(METRIC, &path)?;
        let found = measures.as_array().is_some_and(|all| all.iter().any(|one| one[2] == VALUE));
        Ok(found.then_some(()))
    })?;
    if found.is_none() {
        let text = format!("a measure was taken, and is not there after {} s", LIMIT.as_secs());
        return Err(Fault::new(text)
            .hint("`systemctl status openstack-gnocchi-metricd`, which processes measures"));
    }
    admin.call(Method::Delete, METRIC, &format!("/v1/metric/{id}"), &Value::Null)?;
    Ok(Verdict::Proven(format!("a metric of the policy {policy} took a measure and gives it back")))
}
