//! `core-inspector`: see into a running runtime.

fn main() {}
