//! A journal that keeps its records.

use firstboot::journal;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The fields of one record, its text under `MESSAGE`.
pub type Fields = BTreeMap<String, String>;

/// A journal that keeps its records.
#[derive(Clone, Default)]
pub struct Recorder(pub Arc<Mutex<Vec<Fields>>>);

impl log::Log for Recorder {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        let mut fields: Fields = journal::fields(record).into_iter().collect();
        fields.insert("MESSAGE".into(), record.args().to_string());
        self.0.lock().unwrap().push(fields);
    }

    fn flush(&self) {}
}
