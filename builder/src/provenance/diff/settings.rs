//! What two plans decide differently, beyond packages: the leaves of their JSON.

use crate::plan::Plan;
use serde::Serialize;
use serde_json::Value;

/// One decision that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its path in the plan, such as `disk.size`.
    pub key: String,
    /// The old value as JSON; null where there is none.
    pub old: Value,
    /// The new value.
    pub new: Value,
}

/// Compared by themselves, or no more than where something was found.
const ASIDE: [&str; 3] = ["packages", "sources", "schema"];

pub fn compare(old: &Plan, new: &Plan) -> Vec<Setting> {
    let mut settings = Vec::new();
    let value = |plan: &Plan| {
        // Maps with non-string keys are what JSON cannot hold; there are none in a plan.
        let mut value = serde_json::to_value(plan).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            ASIDE.iter().for_each(|key| drop(object.remove(*key)));
        }
        value
    };
    leaves("", &value(old), &value(new), &mut settings);
    settings
}

fn leaves(key: &str, old: &Value, new: &Value, found: &mut Vec<Setting>) {
    let inside =
        |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            for (name, value) in a {
                leaves(&inside(name), value, b.get(name).unwrap_or(&Value::Null), found);
            }
            for (name, value) in b.iter().filter(|(name, _)| !a.contains_key(*name)) {
                leaves(&inside(name), &Value::Null, value, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.iter().chain(b).any(Value::is_object) => {
            for number in 0..a.len().max(b.len()) {
                let of = |list: &[Value]| list.get(number).cloned().unwrap_or_default();
                leaves(&format!("{key}[{number}]"), &of(a), &of(b), found);
            }
        }
        (a, b) if a != b => {
            found.push(Setting { key: key.to_owned(), old: a.clone(), new: b.clone() });
        }
        _ => {}
    }
}
