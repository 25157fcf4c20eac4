//! Runtimes of a cluster.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::runtime::Runtime;

/// How long is waited for what should come soon, on a machine with other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// A runtime with the plugins `cluster` and `example`, and workers.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) runtime: Runtime,
    pub(crate) name: String,
}

impl Member {
    /// Starts it; `settings` are further lines of those of its plugin `cluster`, `more` of the file.
    pub(crate) fn start(name: &str, servers: &[String], settings: &str, more: &str) -> Member {
        let mut member = Member {
            runtime: Runtime::new().unwrap(),
            name: name.to_owned(),
        };
        member.configure(servers, settings, more);
        member.runtime.start_again().unwrap();
        member
    }

    /// Writes its configuration, for its next start.
    pub(crate) fn configure(&mut self, servers: &[String], settings: &str, more: &str) {
        let file = self.runtime.folder().join("cluster.toml");
        let text = format!(
            "[runtime]\nplugins = [\"cluster\", \"example\"]\n{more}\n[plugins.cluster.settings]\nname = \"{}\"\n\
             servers = {servers:?}\n{settings}\n",
            self.name
        );
        fs::write(&file, text).unwrap();
        self.runtime.set_variable("RUNTIME_CONFIG", file);
    }

    /// Installs a worker by this name.
    pub(crate) fn install(&self, plugin: &str) {
        let folder = self.runtime.folder().join("worker");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("main.py"), include_str!("worker.py")).unwrap();
        let manifest = "[plugin]\nname = \"worker\"\nversion = \"1.0.0\"\ndescription = \"Works\"\nauthor = \"tests\"\n\
                        license = \"MIT\"\napi = 1\n[run]\nkind = \"process\"\ncommand = [\"python3\", \"main.py\"]\n\
                        [permissions]\ncall = [\">\"]\nstate = [\"cluster.lease.>\"]\n";
        fs::write(folder.join("plugin.toml"), manifest).unwrap();
        let said = self
            .runtime
            .run(&format!("plugin install ./worker --yes --name {plugin}"))
            .unwrap();
        assert!(said.contains("installed"), "{said}");
    }

    /// The notes that a worker has written.
    pub(crate) fn notes(&self, plugin: &str) -> String {
        let mut found = Vec::new();
        look_for(
            &self.runtime.folder().join("data/plugins").join(plugin),
            &mut found,
        );
        found
            .iter()
            .map(|file| fs::read_to_string(file).unwrap())
            .collect()
    }

    /// Calls a service.
    pub(crate) fn call(&self, service: &str, args: &str) -> Result<Value, String> {
        let said = self.runtime.run(&format!("call {service} '{args}'"))?;
        serde_json::from_str(&said).map_err(|cause| format!("{said}: {cause}"))
    }

    pub(crate) fn status(&self) -> Value {
        self.call("cluster.status", "null").unwrap()
    }

    /// The other runtimes that it knows.
    pub(crate) fn members(&self) -> Vec<String> {
        let members = self.call("cluster.members", "null").unwrap();
        let members = members.as_array().unwrap().iter();
        members
            .map(|member| member["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Publishes an event.
    pub(crate) fn publish(&self, topic: &str, payload: &str) {
        self.runtime.run(&format!("publish {topic} '{payload}'")).unwrap();
    }

    /// The events that match, as they come.
    pub(crate) fn watch(&self, filter: &str) -> Watch {
        let file = self.runtime.folder().join(format!("watch-{}", fastrand()));
        let child = Command::new(self.runtime.binary())
            .args(["watch", filter, "--json"])
            .current_dir(self.runtime.folder())
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .stdout(fs::File::create(&file).unwrap())
            .spawn()
            .unwrap();
        Watch { child, file }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self
            .runtime
            .pid()
            .and_then(|pid| Pid::from_raw(pid as i32))
            .unwrap();
        kill_process(pid, signal).unwrap();
    }
}

fn look_for(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            look_for(&entry.path(), found);
        } else if entry.file_name() == "notes" {
            found.push(entry.path());
        }
    }
}

/// A number for a file's name.
fn fastrand() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos()
}

/// A `watch` that goes on; ended with this value.
#[derive(Debug)]
pub(crate) struct Watch {
    child: Child,
    file: PathBuf,
}

impl Watch {
    /// What has come so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.file).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `look` finds something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
