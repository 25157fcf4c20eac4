//! The `core-runtime` program.

fn main() -> std::process::ExitCode {
    host_next::cli::main()
}
