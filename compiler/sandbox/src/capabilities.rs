//! What this kernel gives to a sandbox, and whether it is enough.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A mechanism: given, or the kernel's words why not.
pub type Given = Result<(), String>;

/// What was tried, each for real, in a child that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The job's user is not one of the host, and none of its privileges reach outside.
    pub user_namespace: Given,
    /// A file system of its own.
    pub mount_namespace: Given,
    /// It sees and signals its own processes only, and they end together.
    pub pid_namespace: Given,
    /// No network, no abstract sockets of others.
    pub net_namespace: Given,
    /// No shared memory of others.
    pub ipc_namespace: Given,
    /// A host name of its own.
    pub uts_namespace: Given,
    /// Private layers over prebuilt things.
    pub overlayfs: Given,
    /// Its own list of processes, which is also what the supervisor sums up.
    pub procfs: Given,
    /// A filter of system calls.
    pub seccomp: Given,
    /// Limits of each process.
    pub rlimits: Given,
    /// No privileges by executing.
    pub no_new_privs: Given,
    /// Landlock's version; 0 when the kernel has none. A second fence behind the mount namespace.
    pub landlock_abi: u32,
    /// Folders that only root reads can be shown to the job's user (root workers only).
    pub idmapped_mounts: Given,
    /// The job's user, as the host counts: it must not be root.
    pub unprivileged_user: Given,
}

/// This kernel does not give the minimum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this machine cannot isolate a build, so none is run here: {}; docs/sandbox.md says what is needed", lacking.join("; "))]
pub struct Refusal {
    /// What is lacking, each with the kernel's words.
    pub lacking: Vec<String>,
}

impl Capabilities {
    /// Every mechanism with its name, and whether a sandbox needs it.
    fn all(&self) -> [(&'static str, &Given, bool); 13] {
        [
            ("user namespace", &self.user_namespace, true),
            ("mount namespace", &self.mount_namespace, true),
            ("pid namespace", &self.pid_namespace, true),
            ("net namespace", &self.net_namespace, true),
            ("ipc namespace", &self.ipc_namespace, true),
            ("uts namespace", &self.uts_namespace, true),
            ("overlayfs", &self.overlayfs, true),
            ("procfs", &self.procfs, true),
            ("seccomp", &self.seccomp, true),
            ("rlimits", &self.rlimits, true),
            ("no_new_privs", &self.no_new_privs, true),
            ("unprivileged user", &self.unprivileged_user, true),
            ("idmapped mounts", &self.idmapped_mounts, false),
        ]
    }

    /// Refuses unless the minimum is there: everything but landlock and idmapped mounts.
    ///
    /// There is no weaker mode. Landlock with an empty network namespace would keep
    /// files and sockets out of reach, but without a PID namespace nothing ends all
    /// processes of a job for certain or sums what they use, and without mounts
    /// there are no private layers: one job could change the next one's result.
    ///
    /// # Errors
    /// Names each missing mechanism and why the kernel refuses it.
    pub fn require(&self) -> Result<(), Refusal> {
        if let Err(why) = &self.user_namespace {
            // The others are tried inside of one: their reasons would be the same.
            return Err(Refusal { lacking: vec![format!("user namespace: {why}")] });
        }
        let lacks = |(name, given, needed): (&str, &Given, bool)| match given {
            Err(why) if needed => Some(format!("{name}: {why}")),
            Err(_) | Ok(()) => None,
        };
        let lacking: Vec<_> = self.all().into_iter().filter_map(lacks).collect();
        if lacking.is_empty() { Ok(()) } else { Err(Refusal { lacking }) }
    }
}

/// One line for the start log: what is used, then what is not there.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.all().into_iter().filter(|(_, given, _)| given.is_ok()).map(|(name, _, _)| name);
        f.write_str(&used.collect::<Vec<_>>().join(", "))?;
        if self.landlock_abi > 0 {
            write!(f, ", landlock (ABI {})", self.landlock_abi)?;
        } else {
            f.write_str("; without landlock")?;
        }
        for (name, given, _) in self.all() {
            if let Err(why) = given {
                write!(f, "; without {name} ({why})")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Capabilities {
        Capabilities {
            user_namespace: Ok(()),
            mount_namespace: Ok(()),
            pid_namespace: Ok(()),
            net_namespace: Ok(()),
            ipc_namespace: Ok(()),
            uts_namespace: Ok(()),
            overlayfs: Ok(()),
            procfs: Ok(()),
            seccomp: Ok(()),
            rlimits: Ok(()),
            no_new_privs: Ok(()),
            landlock_abi: 7,
            idmapped_mounts: Ok(()),
            unprivileged_user: Ok(()),
        }
    }

    #[test]
    fn everything_is_enough_and_said_in_one_line() {
        let all = all();
        assert_eq!(all.require(), Ok(()));
        let text = all.to_string();
        assert!(text.starts_with("user namespace, mount namespace") && text.ends_with("landlock (ABI 7)"), "{text}");
    }

    #[test]
    fn a_second_fence_may_be_missing_and_is_named() {
        let less = Capabilities { landlock_abi: 0, idmapped_mounts: Err("not root".into()), ..all() };
        assert_eq!(less.require(), Ok(()));
        assert!(less.to_string().ends_with("; without landlock; without idmapped mounts (not root)"), "{less}");
    }

    #[test]
    fn each_part_of_the_minimum_is_needed() {
        let none = Err("Operation not permitted".to_owned());
        let lacks: [fn(&mut Capabilities) -> &mut Given; 12] = [
            |c| &mut c.user_namespace,
            |c| &mut c.mount_namespace,
            |c| &mut c.pid_namespace,
            |c| &mut c.net_namespace,
            |c| &mut c.ipc_namespace,
            |c| &mut c.uts_namespace,
            |c| &mut c.overlayfs,
            |c| &mut c.procfs,
            |c| &mut c.seccomp,
            |c| &mut c.rlimits,
            |c| &mut c.no_new_privs,
            |c| &mut c.unprivileged_user,
        ];
        for part in lacks {
            let mut less = all();
            part(&mut less).clone_from(&none);
            let refusal = less.require().unwrap_err();
            assert_eq!(refusal.lacking.len(), 1, "{refusal}");
            assert!(refusal.to_string().contains("Operation not permitted"), "{refusal}");
        }
    }
}
