//! What a plugin is not kept from on this system, whatever it was granted: said before it is installed, and in its row.

use std::sync::OnceLock;

use landlock::{AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetError, Scope};

use crate::manifest::Kind;

/// Of a plugin that runs in this way.
pub(crate) fn unrestricted(run: Kind) -> &'static [&'static str] {
    match run {
        Kind::Process => of_a_process(),
        // There is nothing that it could reach.
        Kind::Wasm => &[],
        Kind::Http => &["all that its server does by itself"],
        Kind::Link => &["all that its node does by itself"],
    }
}

fn of_a_process() -> &'static [&'static str] {
    static MISSING: OnceLock<Vec<&str>> = OnceLock::new();
    MISSING.get_or_init(|| {
        let has = |rules: Result<Ruleset, RulesetError>| rules.is_ok();
        let hard = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let mut missing = Vec::new();
        match has(hard().handle_access(AccessFs::ReadFile)) {
            false => missing.push("files"),
            true => {
                for (access, name) in [
                    (AccessFs::Truncate, "cutting files short"),
                    (AccessFs::IoctlDev, "commands to devices"),
                    (AccessFs::ResolveUnix, "Unix sockets of other programs"),
                ] {
                    if !has(hard().handle_access(access)) {
                        missing.push(name);
                    }
                }
            }
        }
        let tcp = has(hard().handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp));
        let udp = has(hard().handle_access(AccessNet::BindUdp | AccessNet::ConnectSendUdp));
        missing.push(match (tcp, udp) {
            (false, _) => "network",
            (true, false) => "network other than TCP",
            (true, true) => "network other than TCP and UDP",
        });
        if !has(hard().scope(Scope::Signal)) {
            missing.push("signals to other programs");
        }
        // The limit is one of each process.
        missing.extend([
            "memory of all its processes together",
            "number of its processes",
            "processor time",
        ]);
        missing
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_says_what_it_leaves_open() {
        assert!(unrestricted(Kind::Process).contains(&"processor time"));
        assert!(
            unrestricted(Kind::Process)
                .iter()
                .any(|name| name.starts_with("network"))
        );
        assert_eq!(unrestricted(Kind::Wasm), [""; 0]);
        assert_eq!(unrestricted(Kind::Http).len(), 1);
        assert_eq!(unrestricted(Kind::Link).len(), 1);
    }
}
