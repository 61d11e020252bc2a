//! The repositories of the practice media.

/// The repositories of the practice media, in the order of their needs: a
/// package of one may need packages of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repository {
    /// The counterpart of CentOS7-1804.iso.
    Os,
    /// The counterpart of RHEL7-extras.iso.
    Extras,
    /// `rhel-7-server-openstack-10-rpms` of RHEL7OSP-10.iso.
    OpenStack,
    /// `rhel-7-server-openstack-10-devtools-rpms` of RHEL7OSP-10.iso.
    DevTools,
}
