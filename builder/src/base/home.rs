//! Home directories of whoever runs imgbuild.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The user's own, by HOME.
pub fn own() -> Option<PathBuf> {
    env::var_os("HOME").map(PathBuf::from)
}

/// Directories of imgbuild's configuration: the user's, then the machine's (XDG base directory
/// specification, in which relative paths do not count).
pub fn configurations() -> Vec<PathBuf> {
    let given = env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let user = given.or_else(|| own().map(|home| home.join(".config")));
    let machine = PathBuf::from("/etc");
    user.into_iter().chain([machine]).map(|directory| directory.join("imgbuild")).collect()
}

/// Under sudo(8), that of the user who called it, by passwd(5).
pub fn of_sudo_user() -> Option<PathBuf> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let name = env::var("SUDO_USER").ok().filter(|name| name != "root")?;
    find(&fs::read_to_string("/etc/passwd").ok()?, &name)
}

/// Whether a directory belongs to the user, root, or who called sudo(8), and nobody else can write
/// to it.
pub fn is_own(directory: &Path) -> bool {
    let sudo = env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
    let own = [Some(nix::unistd::geteuid().as_raw()), Some(0), sudo];
    fs::metadata(directory)
        .is_ok_and(|meta| own.contains(&Some(meta.uid())) && meta.mode() & 0o022 == 0)
}

/// The home of the account `name`.
fn find(passwd: &str, name: &str) -> Option<PathBuf> {
    let fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut homes = fields.filter(|f| f.first() == Some(&name)).filter_map(|f| f.get(5).copied());
    homes.next().filter(|home| home.starts_with('/')).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_of_exactly_that_name() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nanna:x:1:1::/home/anna:/bin/sh\n\
                      ann:x:2:2::/srv/ann:/bin/sh\nodd:x:3:3\n";
        assert_eq!(find(passwd, "ann"), Some(PathBuf::from("/srv/ann")));
        assert_eq!(find(passwd, "odd"), None);
        assert_eq!(find(passwd, "bob"), None);
    }
}
