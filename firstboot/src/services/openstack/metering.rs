//! What the answers of Ceilometer, Aodh and Gnocchi mean for their health.

use super::judge::Expected;
use serde_json::Value;

/// Ceilometer's capabilities, which it takes from its database's driver.
pub(super) fn ceilometer(answer: &Value, _: &Expected) -> Result<String, String> {
    let found = answer["api"].as_object().ok_or("the answer has no `api`")?;
    Ok(format!("has {} capabilities", found.len()))
}

/// Aodh's alarms.
pub(super) fn aodh(answer: &Value, _: &Expected) -> Result<String, String> {
    let found = answer.as_array().ok_or("the answer is not a list of alarms")?;
    Ok(format!("lists {} alarms", found.len()))
}

/// Gnocchi's storage.
pub(super) fn gnocchi(answer: &Value, _: &Expected) -> Result<String, String> {
    let left = answer["storage"]["summary"]["measures"].as_u64();
    let left = left.ok_or("the answer has no `storage.summary.measures`")?;
    Ok(format!("its storage answers, {left} measures wait to be processed"))
}
