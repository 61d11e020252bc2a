//! The APIs behind Keystone's catalogue, and who judges their answers.

use super::judge::{self, Expected};
use super::metering;
use serde_json::Value;

/// Judges an answer; the evidence, or what is wrong.
type Judge = fn(&Value, &Expected) -> Result<String, String>;

/// One service.
pub(super) struct Api {
    /// Its name.
    pub(super) name: &'static str,
    /// The answer file's key that installs it, and what that is where the file lacks it.
    pub(super) key: (&'static str, &'static str),
    /// Its types in the catalogue, the best one first.
    pub(super) kinds: &'static [&'static str],
    /// What is asked, and who judges the answer.
    pub(super) questions: &'static [(&'static str, Judge)],
}

/// A service that packstack installs unless told otherwise.
const fn usual(
    name: &'static str,
    key: &'static str,
    kinds: &'static [&'static str],
    questions: &'static [(&'static str, Judge)],
) -> Api {
    Api { name, key: (key, "y"), kinds, questions }
}

/// A service that packstack installs on request.
const fn extra(
    name: &'static str,
    key: &'static str,
    kinds: &'static [&'static str],
    questions: &'static [(&'static str, Judge)],
) -> Api {
    Api { name, key: (key, "n"), kinds, questions }
}

/// All of them, in the order in which they are asked.
pub(super) const APIS: &[Api] = &[
    usual(
        "nova",
        "CONFIG_NOVA_INSTALL",
        &["compute"],
        &[
            ("/os-services", judge::nova_services),
            ("/os-hypervisors/detail", judge::nova_hypervisors),
        ],
    ),
    usual("glance", "CONFIG_GLANCE_INSTALL", &["image"], &[("/v2/images", judge::glance)]),
    usual("neutron", "CONFIG_NEUTRON_INSTALL", &["network"], &[("/v2.0/agents", judge::neutron)]),
    usual(
        "cinder",
        "CONFIG_CINDER_INSTALL",
        &["volumev3", "volumev2", "volume"],
        &[("/os-services", judge::cinder)],
    ),
    // Meters are not asked for: with Gnocchi behind it, Ceilometer answers 410 to that.
    usual(
        "ceilometer",
        "CONFIG_CEILOMETER_INSTALL",
        &["metering"],
        &[("/v2/capabilities", metering::ceilometer)],
    ),
    usual("aodh", "CONFIG_AODH_INSTALL", &["alarming"], &[("/v2/alarms", metering::aodh)]),
    usual("gnocchi", "CONFIG_GNOCCHI_INSTALL", &["metric"], &[("/v1/status", metering::gnocchi)]),
    extra("heat", "CONFIG_HEAT_INSTALL", &["orchestration"], &[("/stacks", judge::heat)]),
    extra("manila", "CONFIG_MANILA_INSTALL", &["share"], &[("/os-services", judge::manila)]),
    extra("sahara", "CONFIG_SAHARA_INSTALL", &["data-processing"], &[("/clusters", judge::sahara)]),
    extra("trove", "CONFIG_TROVE_INSTALL", &["database"], &[("/instances", judge::trove)]),
    extra("ironic", "CONFIG_IRONIC_INSTALL", &["baremetal"], &[("/v1/drivers", judge::ironic)]),
];
