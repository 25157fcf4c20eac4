//! Gives the linker the memory of the board that was chosen.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

const BOARDS: [&str; 2] = ["microbit", "mps2-an386"];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let chosen: Vec<&str> = BOARDS.into_iter().filter(|board| is_chosen(board)).collect();
    let [board] = chosen[..] else {
        return Err(format!("choose exactly one board by a feature: one of {BOARDS:?}").into());
    };
    let memory = format!("memory/{board}.x");
    fs::copy(&memory, out.join("memory.x"))?;
    println!("cargo::rerun-if-changed={memory}");
    println!("cargo::rustc-link-search={}", out.display());
    // Here rather than in the configuration, where a RUSTFLAGS variable would replace them.
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
    if env::var_os("CARGO_FEATURE_MEASURED").is_some() {
        // Who calls what can be read from the image then; it does not grow by it.
        println!("cargo::rustc-link-arg-bins=--emit-relocs");
    }
    Ok(())
}

fn is_chosen(board: &str) -> bool {
    let feature = board.to_uppercase().replace('-', "_");
    env::var_os(format!("CARGO_FEATURE_{feature}")).is_some()
}
