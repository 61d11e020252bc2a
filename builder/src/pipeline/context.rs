//! What the stages after the plan work from.

use crate::packages::media::Access;
use crate::packages::repo::Catalog;
use crate::plan::{Plan, Script};
use crate::spec::Spec;
use std::sync::Arc;

/// Everything that building needs beyond the plan.
pub struct BuildContext {
    /// Shared by the roles of a lab.
    pub catalog: Arc<Catalog>,
    pub plan: Plan,
    pub spec: Spec,
    pub scripts: Vec<(Script, String)>,
    pub access: Access,
}
