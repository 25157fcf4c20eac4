//! `plugin new`: the folder of a plugin that runs, from the templates of the libraries.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::check;
use crate::cli::exit::Failure;
use crate::cli::output::Out;

pub(crate) const HELP: &str = "\
A thermostat that runs as it is, with a manifest and a test, to be changed into what it is to be. In Rust it is a crate \
that `install`, `upgrade`, `check` and `dev` build for a sandbox; it uses the libraries of the clone of Core Runtime that \
this program is in or that --kit names, else those of this version.

Examples:
  core-runtime plugin new thermostat --lang python
  core-runtime plugin install ./thermostat --yes
  core-runtime call thermostat.set '{\"target\": 21.5}'";

/// A language that there is a library for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Python,
    Js,
    Rust,
}

#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The plugin's name, and the folder's
    #[arg(value_parser = check::plugin)]
    name: String,
    /// The language
    #[arg(long)]
    lang: Language,
    /// The folder of a clone of Core Runtime, whose libraries a plugin in Rust uses
    #[arg(long, value_name = "PATH", env = "RUNTIME_KIT")]
    kit: Option<PathBuf>,
}

macro_rules! files {
    ($folder:literal: $($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../../../plugins/", $folder, "/", $file)))),*]
    };
}

type Files = &'static [(&'static str, &'static str)];

impl Language {
    /// The files of a plugin, with names to be filled in.
    const fn template(self) -> Files {
        match self {
            Language::Python => files!("sdk/python/template": "main.py", "plugin.toml", "test_main.py"),
            Language::Js => files!("sdk/js/template": "main.mjs", "main.test.mjs", "plugin.toml"),
            Language::Rust => {
                files!("kit/template": "Cargo.toml", "plugin.toml", "src/lib.rs", "tests/plugin.rs", ".gitignore")
            }
        }
    }

    /// Files that go beside them: a module of JavaScript finds its library there. That of Python is in the runtime.
    const fn library(self) -> Files {
        match self {
            Language::Python | Language::Rust => &[],
            Language::Js => {
                files!("sdk/js": "core-runtime.mjs", "core-runtime.d.mts", "testing.mjs", "testing.d.mts")
            }
        }
    }
}

pub(crate) fn new(args: &NewArgs, out: &mut Out) -> Result<(), Failure> {
    let name = &args.name;
    let libraries = match args.lang {
        Language::Rust => Libraries::find(args.kit.as_deref())?,
        _ => Libraries::Published,
    };
    let folder = PathBuf::from(name);
    if folder.symlink_metadata().is_ok() {
        return Err(Failure::Usage(format!(
            "{} is there already: choose another name, or another folder to be in",
            folder.display()
        )));
    }
    fs::create_dir(&folder)?;
    for (file, text) in args.lang.template() {
        let text = text
            .replace("{name}", name)
            .replace("{Name}", &class_name(name))
            .replace("{crate}", &format!("plugin_{}", name.replace('-', "_")))
            .replace("{kit}", &libraries.dependency("kit"))
            .replace("{wasm}", &libraries.dependency("wasm"));
        write(&folder.join(file), &text)?;
    }
    for (file, text) in args.lang.library() {
        write(&folder.join(file), text)?;
    }
    libraries.lock(&folder)?;
    out.line(&format!(
        "{name} is made; `core-runtime plugin install ./{name}` installs it"
    ))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(file, text)?)
}

/// Where a crate has its libraries from.
enum Libraries {
    /// The registry.
    Published,
    /// A clone of the project.
    Clone(PathBuf),
}

impl Libraries {
    /// The clone that `kit` names, else the one that this program is in, if it is in one.
    fn find(kit: Option<&Path>) -> Result<Libraries, Failure> {
        let is_clone = |folder: &Path| folder.join("plugins/kit/Cargo.toml").is_file();
        if let Some(kit) = kit {
            return match kit.canonicalize() {
                Ok(folder) if is_clone(&folder) => Ok(Libraries::Clone(folder)),
                _ => Err(Failure::Usage(format!(
                    "--kit is {:?}; allowed is the folder of a clone of Core Runtime, which has plugins/kit/Cargo.toml",
                    kit.display().to_string()
                ))),
            };
        }
        let program = std::env::current_exe().and_then(|program| program.canonicalize());
        let clone = program.ok().and_then(|program| {
            let mut folders = program.ancestors();
            folders.find(|folder| is_clone(folder)).map(Path::to_owned)
        });
        Ok(clone.map_or(Libraries::Published, Libraries::Clone))
    }

    /// The library `plugins/<library>`, as a manifest says it.
    fn dependency(&self, library: &str) -> String {
        match self {
            Libraries::Published => format!("version = {:?}", env!("CARGO_PKG_VERSION")),
            Libraries::Clone(folder) => {
                let folder = folder.join("plugins").join(library);
                format!("path = {:?}", folder.display().to_string())
            }
        }
    }

    /// Of a clone, the versions of the crates that it was tested with; cargo leaves out what is not needed.
    fn lock(&self, folder: &Path) -> Result<(), Failure> {
        const LOCK: &str = "Cargo.lock";
        if let Libraries::Clone(clone) = self
            && clone.join(LOCK).is_file()
        {
            fs::copy(clone.join(LOCK), folder.join(LOCK))?;
        }
        Ok(())
    }
}

/// Names that the templates have another use for.
const TAKEN: [&str; 7] = [
    "Context", "Error", "Event", "Plugin", "Self", "Settings", "Target",
];

/// `my-plugin` as `MyPlugin`.
fn class_name(name: &str) -> String {
    let parts = name.split(['-', '_']).filter(|part| !part.is_empty());
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    let class: String = parts.map(capital).collect();
    match TAKEN.contains(&class.as_str()) {
        true => format!("My{class}"),
        false => class,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_named_after_the_plugin() {
        for (name, class) in [
            ("thermostat", "Thermostat"),
            ("my-lamp_2", "MyLamp2"),
            ("a--b", "AB"),
            ("settings", "MySettings"),
        ] {
            assert_eq!(class_name(name), class);
        }
    }

    #[test]
    fn without_a_clone_the_libraries_are_those_of_this_version() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            Libraries::Published.dependency("kit"),
            format!("version = \"{version}\"")
        );
        let clone = Libraries::Clone(PathBuf::from("/a \"b\""));
        assert_eq!(clone.dependency("wasm"), r#"path = "/a \"b\"/plugins/wasm""#);
    }
}
