//! Architectures of an x86_64 machine, as yum ranks them (`rpmUtils/arch.py`).

/// From the machine's own down to packages for any machine.
const CHAIN: [&str; 7] = ["x86_64", "athlon", "i686", "i586", "i486", "i386", "noarch"];

/// Whether packages of this architecture can be installed at all.
pub fn usable(arch: &str) -> bool {
    CHAIN.contains(&arch)
}

/// Whether it is the machine's own or none in particular: what a bare name means
/// (`multilib_policy=best`).
pub fn native(arch: &str) -> bool {
    arch == "x86_64" || arch == "noarch"
}

/// Steps from one architecture down to another, 1 for the same; none when it is not below.
pub fn distance(from: &str, to: &str) -> Option<usize> {
    let place = |arch| CHAIN.iter().position(|a| *a == arch);
    place(to)?.checked_sub(place(from)?).map(|steps| steps + 1)
}

/// Whether packages of one name can be installed side by side in these two.
pub fn side_by_side(a: &str, b: &str) -> bool {
    a != "noarch" && b != "noarch" && (a == "x86_64") != (b == "x86_64")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps() {
        assert_eq!(distance("x86_64", "x86_64"), Some(1));
        assert_eq!(distance("x86_64", "i686"), Some(3));
        assert_eq!(distance("noarch", "x86_64"), None);
        assert!(side_by_side("x86_64", "i686") && !side_by_side("i586", "i686"));
        assert!(!side_by_side("x86_64", "noarch") && !usable("ppc64"));
    }
}
