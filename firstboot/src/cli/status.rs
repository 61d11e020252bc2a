//! `firstboot status`.

use super::exit_codes::{CONFIG, FAILED, IO, READY, WORKING};
use super::output::complain;
use crate::host::Host;
use crate::report::{Status, StatusError, load_status};
use contract::status::Readiness;
use std::io::{self, Write};
use std::time::Duration;

/// Time between two checks of `status --wait`.
const POLL: Duration = Duration::from_secs(1);

pub(super) fn show_status(host: &Host, json: bool, wait: bool, timeout: Option<Duration>) -> u8 {
    let began = host.clock().monotonic();
    loop {
        let status = load_status(host);
        let over = timeout.is_some_and(|limit| host.clock().monotonic() - began >= limit);
        let working = status.as_ref().is_ok_and(|status| status.state == Readiness::Working);
        if wait && working && !over {
            host.clock().sleep(POLL);
            continue;
        }
        return match status {
            Ok(status) => print_status(&status, json),
            Err(error) => {
                complain(&error.to_string());
                if matches!(error, StatusError::Spec(_)) { CONFIG } else { IO }
            }
        };
    }
}

fn print_status(status: &Status, json: bool) -> u8 {
    let text = if json {
        serde_json::to_string_pretty(status).map(|text| text + "\n")
    } else {
        Ok(status.to_text(terminal_size::terminal_size().map(|(width, _)| width.0.into())))
    };
    // Only maps with odd keys cannot be written as JSON; a status has none.
    let written = text.map(|text| io::stdout().write_all(text.as_bytes()));
    match (written, status.state) {
        (Ok(Ok(())), Readiness::Ready) => READY,
        (Ok(Ok(())), Readiness::Failed) => FAILED,
        (Ok(Ok(())), Readiness::Working) => WORKING,
        _ => IO,
    }
}
