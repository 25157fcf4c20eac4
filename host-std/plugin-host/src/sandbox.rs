//! What a plugin's process may see of the machine, by Landlock: its own folders, what programs need to run, and what was
//! granted beyond. It holds for all that the process becomes and starts.

use std::env;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
    path_beneath_rules,
};
use serde::{Deserialize, Serialize};

/// The newest that this program knows of; an older kernel enforces what it can.
const NEWEST: ABI = ABI::V10;

/// What programs read to run at all.
const SYSTEM: [&str; 29] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/opt",
    "/nix",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/ssl",
    "/etc/ca-certificates",
    "/etc/pki",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/passwd",
    "/etc/group",
    "/proc/self",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/dev/urandom",
    "/sys/devices/system/cpu",
];

/// Devices that are nobody's.
const DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// The files and the network of a process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rules {
    /// To read and run.
    pub(crate) read: Vec<PathBuf>,
    /// To read, run and write.
    pub(crate) write: Vec<PathBuf>,
    /// Whether TCP is free.
    pub(crate) network: bool,
}

impl Rules {
    /// Restricts this process for ever, as far as the system can.
    pub(crate) fn enter(&self, program: &Path) -> Result<(), RulesetError> {
        let (read, all) = (AccessFs::from_read(NEWEST), AccessFs::from_all(NEWEST));
        let mut rules = Ruleset::default()
            .handle_access(all)?
            .scope(Scope::from_all(NEWEST))?;
        if !self.network {
            rules = rules.handle_access(AccessNet::from_all(NEWEST))?;
        }
        rules
            .create()?
            .add_rules(path_beneath_rules(SYSTEM, read))?
            .add_rules(path_beneath_rules(homes_of(program), read))?
            .add_rules(path_beneath_rules(&self.read, read))?
            .add_rules(path_beneath_rules(
                DEVICES,
                AccessFs::ReadFile | AccessFs::WriteFile,
            ))?
            .add_rules(path_beneath_rules(&self.write, all))?
            .restrict_self()?;
        Ok(())
    }
}

/// Where a program and what belongs to it lie, when that is outside the system's own folders: the folder that holds its
/// `bin`, both by the name that finds it and by the file that this is in the end.
fn homes_of(program: &Path) -> Vec<PathBuf> {
    let found = match program.components().count() {
        1 => env::split_paths(&env::var_os("PATH").unwrap_or_default())
            .map(|folder| folder.join(program))
            .find(|place| place.is_file()),
        _ => Some(program.to_path_buf()),
    };
    let real = found.as_ref().and_then(|place| place.canonicalize().ok());
    let home = |place: PathBuf| {
        let folder = place.parent()?.to_path_buf();
        match folder
            .file_name()
            .is_some_and(|name| name == "bin" || name == "shims")
        {
            true => folder.parent().map(Path::to_path_buf),
            false => Some(folder),
        }
    };
    let homes = found.into_iter().chain(real).filter_map(home);
    // A `bin` at the top, or in somebody's home, does not bring all of that along.
    homes
        .filter(|home| home.components().count() > 2 && !is_a_persons(home))
        .collect()
}

fn is_a_persons(folder: &Path) -> bool {
    folder.parent() == Some(Path::new("/home")) || env::home_dir().is_some_and(|home| home == folder)
}
