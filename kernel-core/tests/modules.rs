//! The arrows between the kernel's modules: each knows only those before it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules in order: each may use those before it, and none of those behind it.
const ORDER: [&str; 17] = [
    "error", "id", "wake", "fault", "mem", "capacity", "time", "subject", "json", "bus", "call", "state",
    "storage", "life", "kernel", "api", "lib",
];

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
}

/// The modules of this crate that a text names by `crate::`, outside comments and the macros for others.
fn used(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: Vec<_> = code.filter(|line| !line.contains("$crate")).collect();
    let code = code.join("\n");
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            for part in list.split('}').next().unwrap().split(',') {
                names.insert(part.trim().split(':').next().unwrap().to_owned());
            }
        } else {
            let end = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            names.insert(rest[..end].to_owned());
        }
    }
    names
}

/// What in these files breaks the order.
fn broken(sources: &[(String, String)]) -> Vec<String> {
    let place = |module: &str| ORDER.iter().position(|name| *name == module);
    let mut faults = Vec::new();
    for (module, text) in sources {
        let Some(own) = place(module) else {
            faults.push(format!("{module} is not in the order"));
            continue;
        };
        for name in used(text) {
            match place(&name) {
                Some(other) if other <= own => {}
                Some(_) => faults.push(format!("{module} uses {name}, which comes after it")),
                None if name.starts_with(|c: char| c.is_uppercase()) => {
                    faults.push(format!(
                        "{module} uses {name} by the crate's root, which comes after it"
                    ));
                }
                // A macro of the crate, which names nothing by itself.
                None => {}
            }
        }
    }
    faults
}

#[test]
fn each_module_knows_only_those_before_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&root, &mut all);
    let sources: Vec<_> = all
        .iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap();
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            (
                first.trim_end_matches(".rs").to_owned(),
                fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    assert!(sources.len() > 40, "{} files", sources.len());
    assert_eq!(broken(&sources), [""; 0]);
}

#[test]
fn an_arrow_the_wrong_way_is_seen() {
    let source = |module: &str, text: &str| [(module.to_owned(), text.to_owned())];
    for (module, text) in [
        ("bus", "use crate::kernel::Core;"),
        ("mem", "fn f() { crate::life::x() }"),
        ("time", "use crate::{mem::X, api::Y};"),
        ("call", "use crate::Core;"),
        ("new", ""),
    ] {
        assert_eq!(broken(&source(module, text)).len(), 1, "{module}: {text}");
    }
    for (module, text) in [
        ("bus", "use crate::mem::Table;\n// crate::kernel"),
        ("api", "use crate::kernel::Core;"),
        ("api", "crate::json_literal!(\"1\")"),
    ] {
        assert_eq!(broken(&source(module, text)), [""; 0]);
    }
}
