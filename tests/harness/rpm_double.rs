//! Packages of the tests' own, which stand for packages that the media do not hold: made by
//! rpmbuild, in a repository made by createrepo_c.

use crate::lab::text;
use crate::{oracle, product};
use std::fs;
use std::path::Path;

/// What every double has: files as they are, and nothing found out that they need. With the
/// time and the host fixed, the same files give the same package.
const COMMON: &str = "%define __os_install_post %{nil}\n%define debug_package %{nil}\n\
    %define _build_id_links none\n%define _binary_payload w1.gzdio\n%define _buildhost double\n\
    %define use_source_date_epoch_as_buildtime 1\n\
    %define clamp_mtime_to_source_date_epoch 1\n\
    AutoReqProv: no\nLicense: as what it stands for\n";

/// A double of authconfig: it keeps its arguments in /root/authconfig.
pub const AUTHCONFIG: &str = "Name: authconfig\nVersion: 6.2.8\nRelease: 30.el7.double\n\
    Summary: A test double of authconfig\nBuildArch: noarch\nRequires: bash\n\
    %description\nNot EL7's.\n\
    %install\nmkdir -p %{buildroot}/usr/sbin\n\
    printf '#!/bin/sh\\nprintf \"%%%%s\\\\n\" \"$@\" >/root/authconfig\\n' >%{buildroot}/usr/sbin/authconfig\n\
    chmod 755 %{buildroot}/usr/sbin/authconfig\n\
    %files\n/usr/sbin/authconfig\n";

/// Makes the package of `spec`, which has no `License`, and a new repository `to` of it.
///
/// # Panics
/// When a tool fails.
pub fn repository(spec: &str, to: &Path) {
    let work = tempfile::tempdir_in(product::cache_directory()).expect("temporary directory");
    let file = work.path().join("double.spec");
    fs::write(&file, format!("{COMMON}{spec}")).expect("spec");
    let define =
        |name: &str, path: &Path| ["--define".to_owned(), format!("{name} {}", text(path))];
    let words = ["SOURCE_DATE_EPOCH=1", "rpmbuild", "-bb", "--quiet"].map(str::to_owned);
    let directories = [define("_topdir", work.path()), define("_rpmdir", to)].concat();
    oracle::ok("env", words.into_iter().chain(directories).chain([text(&file)]));
    oracle::ok("createrepo_c", ["-q", &text(to)]);
}
