//! The root tree of an image, and its own programs run in it.

use crate::oracle;
use std::path::Path;

/// Copies the root tree of a build's cache to `to`: what runs in it then does not change
/// the cache. The copy has owners, modes, times and extended attributes.
///
/// # Panics
/// When the tree does not exist.
pub fn copy(cache: &Path, digest: &str, to: &Path) {
    let root = cache.join("trees").join(digest).join("root");
    oracle::ok("cp", ["-a".as_ref(), root.as_os_str(), to.as_os_str()]);
}

/// Runs a shell command of the tree in the tree, with /proc and /dev, in namespaces of its
/// own. Returns its standard output whatever its status.
///
/// # Panics
/// When it cannot be started.
pub fn run(root: &Path, command: &str) -> String {
    let script = "mount -t proc proc \"$0/proc\" && mount --rbind /dev \"$0/dev\" \
        && exec chroot \"$0\" /bin/sh -c \"$1\"";
    let arguments = ["--mount", "--pid", "--fork", "--net", "sh", "-c", script];
    let arguments =
        arguments.into_iter().map(AsRef::as_ref).chain([root.as_os_str(), command.as_ref()]);
    let output = oracle::run("unshare", arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty() || output.status.success(), "{command}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
