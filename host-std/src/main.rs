//! The `core-runtime` program.

fn main() -> std::process::ExitCode {
    match host_std::Config::from_env() {
        Ok(config) => host_std::run(config),
        Err(refused) => {
            eprintln!("core-runtime: {refused}");
            std::process::ExitCode::from(host_std::EXIT_CONFIG)
        }
    }
}
