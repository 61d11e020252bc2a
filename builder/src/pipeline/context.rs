//! What the stages after the plan work from.

use crate::packages::media::Access;
use crate::packages::repo::Catalog;
use crate::plan::{Plan, PlanPackage, Script};
use crate::spec::Spec;
use std::sync::Arc;

/// Packages and where they are.
#[derive(Clone, Copy)]
pub struct PackageSet<'a> {
    pub packages: &'a [PlanPackage],
    pub catalog: &'a Catalog,
    pub access: &'a Access,
}

/// Everything that building needs beyond the plan.
pub struct BuildContext {
    /// Shared by the roles of a lab.
    pub catalog: Arc<Catalog>,
    pub plan: Plan,
    pub spec: Spec,
    pub scripts: Vec<(Script, String)>,
    pub access: Access,
}

impl BuildContext {
    /// The plan's packages.
    pub fn package_set(&self) -> PackageSet<'_> {
        let Self { catalog, plan, access, .. } = self;
        PackageSet { packages: &plan.packages, catalog, access }
    }
}
