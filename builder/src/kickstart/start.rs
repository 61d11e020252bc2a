//! What a system of the kickstart starts with: the kernel's arguments, the target, the units.

use super::model::{Display, Kickstart};
use crate::base::lab::Services;

impl Kickstart {
    /// The kernel's arguments: `bootloader --append`, and what kdump makes of `crashkernel`.
    pub fn kernel_arguments(&self) -> String {
        let append = &self.bootloader.append;
        let Some(kdump) = &self.kdump else { return append.clone() };
        let mut words = split_arguments(append);
        words.retain(|word| !word.starts_with("crashkernel="));
        let reserved = format!("crashkernel={}", kdump.reserved);
        words.extend(kdump.enabled.then_some(reserved.as_str()));
        words.join(" ")
    }

    /// The unit of the default target.
    pub fn default_target(&self) -> &'static str {
        match self.display {
            Display { graphical: true, skipped: false, .. } => "graphical.target",
            _ => "multi-user.target",
        }
    }

    /// The units that its commands enable and disable, as Anaconda carries them out: `services`
    /// disables, then enables; `timezone` lets chronyd start unless it is named or `--nontp` is
    /// given; `firewall` comes after them, and the add-on for kdump last.
    pub fn own_units(&self) -> Services {
        let Services { mut enabled, disabled } = self.services.clone();
        let mut disabled: Vec<String> =
            disabled.into_iter().filter(|unit| !enabled.contains(unit)).collect();
        let no_ntp = self.timezone.as_ref().is_some_and(|t| t.no_ntp);
        let chronyd = "chronyd".to_owned();
        if !enabled.contains(&chronyd) && !disabled.contains(&chronyd) {
            if no_ntp { &mut disabled } else { &mut enabled }.push(chronyd);
        }
        let firewall = self.firewall.as_ref().map(|f| ("firewalld", f.enabled));
        let kdump = self.kdump.as_ref().map(|k| ("kdump", k.enabled));
        for (unit, is_on) in [firewall, kdump].into_iter().flatten() {
            enabled.retain(|u| u != unit);
            disabled.retain(|u| u != unit);
            if is_on { &mut enabled } else { &mut disabled }.push(unit.to_owned());
        }
        Services { enabled, disabled }
    }

    /// The role's units, and those of the kickstart that the role does not name.
    pub fn merge_units(&self, role: &Services) -> Services {
        let mut units = role.clone();
        let own = self.own_units();
        for (list, new) in [(&mut units.enabled, own.enabled), (&mut units.disabled, own.disabled)]
        {
            for unit in new.into_iter().filter(|unit| !role.names(unit)) {
                if !list.contains(&unit) {
                    list.push(unit);
                }
            }
        }
        units
    }
}

/// The kernel's arguments one by one; a double quote holds blanks together, as the kernel takes
/// it (next_arg in lib/cmdline.c).
fn split_arguments(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let words = text.split(move |c: char| {
        quoted ^= c == '"';
        c.is_ascii_whitespace() && !quoted
    });
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::model::Kdump;
    use super::*;

    #[test]
    fn kdump_replaces_what_append_reserves() {
        let append = "quiet crashkernel=1M  dyndbg=\"file a crashkernel=9M +p\" x=1";
        let mut kickstart = Kickstart::default();
        kickstart.bootloader.append = append.to_owned();
        assert_eq!(kickstart.kernel_arguments(), append);
        let kdump = |enabled| Some(Kdump { enabled, reserved: "200M".to_owned() });
        kickstart.kdump = kdump(true);
        let others = "quiet dyndbg=\"file a crashkernel=9M +p\" x=1";
        assert_eq!(kickstart.kernel_arguments(), format!("{others} crashkernel=200M"));
        assert!(kickstart.required_packages().contains(&"kexec-tools"));
        kickstart.services.disabled.push("kdump".to_owned());
        assert_eq!(kickstart.merge_units(&Services::default()).enabled, ["chronyd", "kdump"]);
        assert!(kickstart.merge_units(&Services::default()).disabled.is_empty());
        kickstart.kdump = kdump(false);
        assert_eq!(kickstart.kernel_arguments(), others);
        assert_eq!(kickstart.merge_units(&Services::default()).disabled, ["kdump"]);
    }

    #[test]
    fn skipx_counts_more_than_xconfig() {
        let mut kickstart = Kickstart::default();
        assert_eq!(kickstart.default_target(), "multi-user.target");
        kickstart.display.graphical = true;
        assert_eq!(kickstart.default_target(), "graphical.target");
        kickstart.display.skipped = true;
        assert_eq!(kickstart.default_target(), "multi-user.target");
    }
}
