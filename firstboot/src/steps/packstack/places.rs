//! Where the step keeps what it needs on the controller.

/// The job's name.
pub(super) const JOB: &str = "packstack";
/// The private directory (mode 0700) of what follows.
pub(crate) const DIRECTORY: &str = "/var/lib/firstboot/packstack";
/// The file as packstack generated it.
pub(super) const GENERATED: &str = "/var/lib/firstboot/packstack/generated.txt";
/// The file with our keys, as it was before the last run.
pub(super) const KEPT: &str = "/var/lib/firstboot/packstack/answers.txt";
/// The file that packstack is given, and rewrites.
pub(super) const IN_USE: &str = crate::services::packstack::running::ANSWERS;
/// The output of the run that was given [`KEPT`]; removed before that changes.
pub(super) const LOG: &str = "/var/lib/firstboot/packstack/output.log";
/// That it finished.
pub(super) const RESULT: &str = "/var/lib/firstboot/packstack/result.json";
/// What packstack leaves on the controller.
pub(super) const RC_FILE: &str = "/root/keystonerc_admin";
