//! A real `core-runtime` process in a folder of its own.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::binary;

/// How long is waited for what should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime; killed with this value.
#[derive(Debug)]
pub struct Runtime {
    binary: PathBuf,
    child: Option<Child>,
    folder: tempfile::TempDir,
    variables: Vec<(String, OsString)>,
    words: Vec<String>,
}

impl Runtime {
    /// Builds the command and starts it.
    ///
    /// # Errors
    /// When it does not come to say that it is running.
    pub fn start() -> Result<Runtime, String> {
        let mut runtime = Runtime::new()?;
        runtime.start_again()?;
        Ok(runtime)
    }

    /// The same, with the example as the only plugin of the program.
    ///
    /// # Errors
    /// When it does not come to say that it is running.
    pub fn start_with_example() -> Result<Runtime, String> {
        let mut runtime = Runtime::new()?;
        runtime.leave_out_all_but_the_example()?;
        runtime.start_again()?;
        Ok(runtime)
    }

    /// From its next start on it has the example as the only plugin of the program.
    ///
    /// # Errors
    /// When the configuration cannot be written.
    pub fn leave_out_all_but_the_example(&mut self) -> Result<(), String> {
        let file = self.folder().join("example.toml");
        std::fs::write(&file, "[runtime]\nplugins = [\"example\"]\n")
            .map_err(|cause| format!("no configuration: {cause}"))?;
        self.set_variable("RUNTIME_CONFIG", file);
        Ok(())
    }

    /// One that is not started yet.
    ///
    /// # Errors
    /// When the command cannot be built.
    pub fn new() -> Result<Runtime, String> {
        Ok(Runtime {
            binary: binary("host-std", "dev")?,
            child: None,
            folder: tempfile::tempdir().map_err(|cause| format!("no folder for a runtime: {cause}"))?,
            variables: Vec::new(),
            words: Vec::new(),
        })
    }

    /// Starts it, once it has ended, in the folder where it was.
    ///
    /// # Errors
    /// When it does not come to say that it is running.
    pub fn start_again(&mut self) -> Result<(), String> {
        self.kill();
        let mut child = self
            .command()
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|cause| format!("the runtime does not start: {cause}"))?;
        let log = child.stderr.take().map(BufReader::new);
        // From here on it ends with this value, whatever happens.
        self.child = Some(child);
        let (told, lines) = channel();
        thread::spawn(move || {
            // Read to the end, so that the runtime never waits for its log.
            for line in log.into_iter().flat_map(BufRead::lines).map_while(Result::ok) {
                let _ = told.send(line);
            }
        });
        let start = Instant::now();
        let mut said = Vec::new();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let line = lines
                .recv_timeout(left)
                .map_err(|_| format!("the runtime never said that it is running, but: {said:#?}"))?;
            // The plugin is started once the socket is there.
            if line.contains("plugin example STARTED") {
                return Ok(());
            }
            said.push(line);
        }
    }

    /// Waits until each of its plugins is started.
    ///
    /// # Errors
    /// When it never is well.
    pub fn wait_until_well(&self) -> Result<(), String> {
        let start = Instant::now();
        loop {
            match self.run("health --check") {
                Ok(_) => return Ok(()),
                Err(why) if start.elapsed() > PATIENCE => return Err(why),
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = clean(Command::new(&self.binary));
        command
            .args(&self.words)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Starts it and kills it so soon afterwards that it may not even be ready.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_and_kill(&mut self, after: Duration) -> Result<(), String> {
        self.kill();
        let child = self.command().stderr(Stdio::null()).spawn();
        self.child = Some(child.map_err(|cause| format!("the runtime does not start: {cause}"))?);
        thread::sleep(after);
        self.kill();
        Ok(())
    }

    /// Sets a variable of its environment, from its next start on.
    pub fn set_variable(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    /// Has it started with these words behind its name, from its next start on.
    pub fn set_words(&mut self, words: &[&str]) {
        self.words = words.iter().map(|word| (*word).to_owned()).collect();
    }

    /// The number of its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The command's path.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("data/runtime.sock")
    }

    /// Runs a command line in its folder: `words` after the command's name, quoted as in a shell.
    ///
    /// # Errors
    /// When it does not run, or fails: what it said.
    pub fn run(&self, words: &str) -> Result<String, String> {
        let output = self.shell(&format!("\"$CORE_RUNTIME\" {words}"))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("core-runtime {words}: {}", why.trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Runs a line in a shell in its folder, where `CORE_RUNTIME` is the command.
    ///
    /// # Errors
    /// When there is no shell.
    pub fn shell(&self, line: &str) -> Result<Output, String> {
        clean(Command::new("sh"))
            .args(["-c", line])
            .env("CORE_RUNTIME", &self.binary)
            // Builds may be elsewhere than in the clone.
            .env("RUNTIME_KIT", concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| format!("sh does not run: {cause}"))
    }

    /// Ends it without a chance to tidy up.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to end, and gives its exit status.
    ///
    /// # Errors
    /// When it does not end.
    pub fn terminate(&mut self) -> Result<Option<i32>, String> {
        let child = self.child.as_mut().ok_or("the runtime is not running")?;
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(|cause| format!("the runtime takes no signal: {cause}"))?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match child.try_wait() {
                Ok(Some(status)) => {
                    self.child = None;
                    return Ok(status.code());
                }
                Ok(None) => thread::sleep(Duration::from_millis(10)),
                Err(cause) => return Err(format!("the runtime is lost: {cause}")),
            }
        }
        Err("the runtime did not end within its deadline".to_owned())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Without this machine's configuration.
fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RUNTIME_")) {
        command.env_remove(name);
    }
    command
}
