//! How QEMU runs a processor.

/// QEMU's name of the host's processor.
pub const KVM: &str = "kvm";

/// QEMU's name of emulation.
pub const TCG: &str = "tcg";

/// The CPU model under an accelerator: all that there is.
pub fn cpu(accelerator: &str) -> &'static str {
    if accelerator == KVM { "host" } else { "max" }
}
