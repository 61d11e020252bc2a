//! Tables of Open vSwitch's database (RFC 7047): transactions, rows, and the values of columns.

use crate::host::{Fault, Host};
use serde_json::{Value, json};

/// The database server's socket.
pub const SOCKET: &str = "/var/run/openvswitch/db.sock";
/// The schema's name.
const DATABASE: &str = "Open_vSwitch";

/// Does `operations` as one transaction and returns their results in order.
///
/// # Errors
/// As [`crate::host::ovsdb::call`]; also when an operation fails, and then none is done.
pub fn transact(host: &Host, operations: Vec<Value>) -> Result<Vec<Value>, Fault> {
    let mut params = vec![json!(DATABASE)];
    params.extend(operations);
    let results = host.runner().ovsdb(&host.path(SOCKET)?, "transact", &Value::Array(params))?;
    let results = results.as_array().cloned().unwrap_or_default();
    match results.iter().find(|result| result.get("error").is_some()) {
        None => Ok(results),
        Some(refused) => {
            let word = |key: &str| refused[key].as_str().unwrap_or_default().to_owned();
            Err(Fault::new(format!(
                "the OVS database refuses: {} {}",
                word("error"),
                word("details")
            )))
        }
    }
}

/// The rows of each of `tables`, as they are at one moment.
///
/// # Errors
/// As [`transact`].
pub fn rows<const N: usize>(
    host: &Host,
    tables: [(&str, &[&str]); N],
) -> Result<[Vec<Value>; N], Fault> {
    let selects = tables.iter().map(
        |(table, columns)| json!({"op": "select", "table": table, "where": [], "columns": columns}),
    );
    let results = transact(host, selects.collect())?;
    let rows = |index: usize| {
        results.get(index).and_then(|result| result["rows"].as_array()).cloned().unwrap_or_default()
    };
    Ok(std::array::from_fn(rows))
}

/// The items of a column: `["set", [a, b]]`, or one item without the wrapping.
pub fn set(value: &Value) -> Vec<&Value> {
    match value.as_array().map(Vec::as_slice) {
        Some([kind, items]) if kind == "set" => items.as_array().into_iter().flatten().collect(),
        _ => vec![value],
    }
}

/// The identifier in `["uuid", "…"]`.
pub fn uuid(value: &Value) -> Option<&str> {
    match value.as_array().map(Vec::as_slice) {
        Some([kind, id]) if kind == "uuid" => id.as_str(),
        _ => None,
    }
}

/// The pairs of `["map", [[key, value], …]]` whose both sides are text.
pub fn map(value: &Value) -> Vec<(&str, &str)> {
    let pairs = match value.as_array().map(Vec::as_slice) {
        Some([kind, pairs]) if kind == "map" => pairs.as_array(),
        _ => None,
    };
    let pairs = pairs.into_iter().flatten();
    pairs.filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_in_both_forms() {
        let one = json!(["uuid", "a"]);
        let many = json!(["set", [["uuid", "a"], ["uuid", "b"]]]);
        assert_eq!(set(&one).len(), 1);
        assert_eq!(set(&many).into_iter().filter_map(uuid).collect::<Vec<_>>(), ["a", "b"]);
        assert!(set(&json!(["set", []])).is_empty());
        assert_eq!(set(&json!("secure")), [&json!("secure")]);
        assert_eq!(map(&json!(["map", [["peer", "x"], [1, 2]]])), [("peer", "x")]);
        for odd in [json!(null), json!([]), json!(["set"]), json!(["map", 3]), json!(7)] {
            let _ = (set(&odd), uuid(&odd), map(&odd));
        }
    }
}
