//! The parser that `FUZZ_PARSER` names, for libFuzzer.

#![no_main]

use lab_tests::parsers::{self, Parser};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static PARSER: LazyLock<&Parser> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_PARSER").unwrap_or_default();
    parsers::find(&name).unwrap_or_else(|unknown| panic!("FUZZ_PARSER: {unknown}"))
});

fuzz_target!(|data: &[u8]| {
    (PARSER.parse)(data);
});
