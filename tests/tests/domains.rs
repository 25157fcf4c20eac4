//! All domains are plugins: the kernel and the host have no word of any.

use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// Words of a home's domains. (A device is also what a serial line is at.)
const WORDS: [&str; 14] = [
    "automation",
    "brightness",
    "devices",
    "humidity",
    "lamp",
    "light",
    "lights",
    "logger",
    "password",
    "presence",
    "sunrise",
    "sunset",
    "thermostat",
    "zigbee",
];

const CRATES: [&str; 5] = [
    "kernel-core",
    "kernel-core/supervisor",
    "kernel-core/flash",
    "host-std",
    "host-std/plugin-host",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// The plugins by the names of their folders, but for the example, and for protocols that the host has as well.
fn plugins() -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("plugins")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !["example", "http", "kit", "sdk", "wasm"].contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

/// The words of a name: `lamp`, `is_on` of `lamp_isOn`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        if letter == '_' || letter.is_uppercase() {
            words.push(String::new());
        }
        if letter != '_' {
            words.last_mut().unwrap().extend(letter.to_lowercase());
        }
    }
    words
}

/// Names of a domain, and texts that begin as a plugin's services and events do.
fn look(tokens: TokenStream, plugins: &[String], found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => look(group.stream(), plugins, found),
            TokenTree::Ident(name) => {
                let name = name.to_string();
                if words(&name).iter().any(|word| WORDS.contains(&word.as_str())) {
                    found.push(name);
                }
            }
            TokenTree::Literal(text) => {
                let text = text.to_string();
                let inner = text.trim_start_matches(['r', 'b', '#']).trim_start_matches('"');
                let is_of = |plugin: &String| {
                    let rest = inner.strip_prefix(plugin.as_str());
                    rest.is_some_and(|rest| rest.starts_with('.') || rest == "\"")
                };
                if plugins.iter().any(is_of) {
                    found.push(text);
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

#[test]
fn the_kernel_and_the_host_know_no_domain() {
    let mut files = Vec::new();
    for folder in CRATES {
        sources(&root().join(folder).join("src"), &mut files);
    }
    assert!(files.len() > 100, "{} files", files.len());
    let plugins = plugins();
    assert!(plugins.contains(&"presence".to_owned()), "{plugins:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // What is behind it are tests.
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let mut found = Vec::new();
        look(text.parse().unwrap(), &plugins, &mut found);
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}

#[test]
fn a_word_of_a_domain_is_found() {
    let mut found = Vec::new();
    let plugins = ["presence".to_owned()];
    let text =
        r#"struct LampState; fn a(turn_lights: u8) { call("presence.set"); call("presences"); clamp(1) }"#;
    look(text.parse().unwrap(), &plugins, &mut found);
    assert_eq!(found, ["LampState", "turn_lights", "\"presence.set\""]);
}
