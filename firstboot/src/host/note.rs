//! What a step notes.

use contract::overlay::SwitchState;
use contract::status::ServiceState;

/// What a step notes in addition to its result, for the journal and the state file.
#[derive(Clone, Debug, PartialEq)]
pub enum Note {
    /// A line that a program printed.
    Output {
        /// The program.
        program: String,
        /// The line.
        line: String,
    },
    /// The status of a service of OpenStack.
    Service(ServiceState),
    /// The node's switch, judged; `None` while there is nothing to judge it by.
    Switch(Option<SwitchState>),
}
