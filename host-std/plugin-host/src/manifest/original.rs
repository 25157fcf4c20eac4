//! `plugin.json` of the original. It cannot say what a plugin needs, so such a plugin asks for everything.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::check::{self, is_name, is_version};
use super::error::{ManifestError, Source};
use super::{Limits, Manifest, Run};
use crate::permissions::Permissions;
use crate::text::without_place;

#[derive(Deserialize)]
struct Raw {
    class_path: String,
    name: String,
    #[serde(default = "first_version")]
    version: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    dependencies: Vec<String>,
}

fn first_version() -> String {
    "0.0.0".to_owned()
}

pub(super) fn read(file: &Path) -> Result<Manifest, ManifestError> {
    let text = fs::read_to_string(file).map_err(|cause| ManifestError::unreadable(file, &cause))?;
    let raw: Raw = serde_json::from_str(&text).map_err(|error| {
        let place = (error.line(), error.column().max(1));
        ManifestError::syntax(file, place, &without_place(&error))
    })?;
    let source = Source { file, text: &text };
    let checked = |key: &str, value: String, sound: bool, allowed: &str| match sound {
        true => Ok(value),
        false => {
            let at = text.find(&format!("\"{key}\"")).unwrap_or(0);
            Err(source.refuse(&(at..at), key, &format!("{value:?}"), allowed))
        }
    };
    for name in &raw.dependencies {
        checked(
            "dependencies",
            name.clone(),
            kernel_core::subject::check_plugin_name(name).is_ok(),
            check::NAME,
        )?;
    }
    let (named, versioned, classed) = (
        is_name(&raw.name),
        is_version(&raw.version),
        is_class(&raw.class_path),
    );
    let class = checked(
        "class_path",
        raw.class_path,
        classed,
        "a module and a class, such as plugins.lamp.plugin.Lamp",
    )?;
    Ok(Manifest {
        name: checked("name", raw.name, named, check::NAME)?,
        version: checked("version", raw.version, versioned, check::VERSION)?,
        description: raw.description,
        author: raw.author,
        license: String::new(),
        homepage: String::new(),
        run: Run::Process {
            command: command(&class),
        },
        build: Vec::new(),
        needs: raw.dependencies,
        permissions: Permissions::all(),
        limits: Limits::default(),
        settings: None,
    })
}

/// What runs a class of the original: a module of the Python library.
pub(crate) fn command(class: &str) -> Vec<String> {
    ["python3", "-m", "core_runtime.original", class]
        .map(str::to_owned)
        .to_vec()
}

fn is_class(path: &str) -> bool {
    let sound = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    path.contains('.') && path.split('.').all(sound)
}
