//! The ways to write a package: name, `name.arch`, with version, with release, with epoch.

use crate::base::glob;
use crate::packages::repo::primary::Package;

/// Whether `word` (a glob too) names `package` in one of yum's spellings: `name`, `name.arch`,
/// `name-version`, `name-version-release`, `name-version-release.arch`,
/// `epoch:name-version-release.arch` and `name-epoch:version-release.arch`.
pub fn names(word: &str, package: &Package) -> bool {
    if word == package.name {
        return true;
    }
    if glob::is_pattern(word) {
        return glob::fits(word, &package.name)
            || spellings(package).iter().any(|spelling| glob::fits(word, spelling));
    }
    word.contains(&package.name) && spellings(package).iter().any(|spelling| word == spelling)
}

fn spellings(package: &Package) -> [String; 6] {
    let Package { name, arch, evr, .. } = package;
    let (e, v, r) = (evr.epoch, &evr.version, evr.release.as_deref().unwrap_or_default());
    [
        format!("{name}.{arch}"),
        format!("{name}-{v}"),
        format!("{name}-{v}-{r}"),
        format!("{name}-{v}-{r}.{arch}"),
        format!("{e}:{name}-{v}-{r}.{arch}"),
        format!("{name}-{e}:{v}-{r}.{arch}"),
    ]
}
