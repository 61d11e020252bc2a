//! The lab file and the profile as they stand over a kickstart: they decide on the lab's interface,
//! names, time servers and units.

use crate::base::lab::LabNode;
use crate::kickstart::TemplateFacts;

/// Who decides.
#[derive(Clone, Copy)]
pub struct Authority<'a> {
    /// The lab, the node and the role's units.
    pub facts: &'a TemplateFacts<'a>,
    /// Every node of the lab.
    pub nodes: &'a [LabNode],
    /// The Open vSwitch bridge that takes over the node's address.
    pub bridge: Option<&'a str>,
    /// Whether what says otherwise is an error.
    pub strict: bool,
}
