//! Runtimes and commands as processes.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_link::{Client, Framing, Raw, Reply, Request, ToClient};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Longer than anything here takes, on any machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The program, with nothing of this process's configuration.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_core-runtime"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RUNTIME_") {
            command.env_remove(name);
        }
    }
    command
}

/// The item of a list that has this name. (The storage is a plugin and a service as well.)
pub(crate) fn named<'v>(list: &'v Value, name: &str) -> &'v Value {
    let mut items = list.as_array().unwrap().iter();
    items.find(|item| item["name"] == name).unwrap()
}

/// Asks until the answer is yes.
pub(crate) fn until(what: &str, mut yes: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !yes() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for a process to end.
pub(crate) fn wait(child: &mut Child) -> ExitStatus {
    let mut ended = None;
    until("the process ends", || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    ended.unwrap()
}

pub(crate) fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id() as i32).unwrap();
    kill_process(pid, signal).unwrap();
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{self:?}");
        self.out
    }

    #[track_caller]
    pub(crate) fn fails(self, status: i32) -> String {
        assert_eq!((self.status, self.out.as_str()), (status, ""), "{self:?}");
        assert!(self.err.ends_with('\n'), "{self:?}");
        self.err
    }

    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let out = self.ok();
        assert_eq!(out.matches('\n').count(), 1, "one line: {out}");
        serde_json::from_str(&out).unwrap()
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command, stdin: &[u8]) -> Answer {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    // A command that does not read it closes the pipe.
    let writing = thread::spawn(move || drop(to.write_all(&stdin)));
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (out, err) = (thread::spawn(|| all(out)), thread::spawn(|| all(err)));
    let status = wait(&mut child);
    writing.join().unwrap();
    Answer {
        status: status.code().expect("it was not killed"),
        out: out.join().unwrap(),
        err: err.join().unwrap(),
    }
}

pub(crate) fn all(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

/// A runtime in a directory of its own.
pub(crate) struct Runtime {
    pub(crate) child: Child,
    dir: TempDir,
}

impl Runtime {
    pub(crate) fn start() -> Runtime {
        Runtime::start_with(tempfile::tempdir().unwrap(), &[])
    }

    /// One that is not waited for.
    pub(crate) fn launched(dir: TempDir, vars: &[(&str, &str)]) -> Runtime {
        let child = launch(dir.path(), vars);
        Runtime { child, dir }
    }

    pub(crate) fn start_with(dir: TempDir, vars: &[(&str, &str)]) -> Runtime {
        let mut runtime = Runtime::launched(dir, vars);
        until("the runtime is ready", || {
            if let Some(ended) = runtime.child.try_wait().unwrap() {
                let log = std::fs::read_to_string(runtime.path("log")).unwrap();
                panic!("the runtime ended, {ended}: {log}");
            }
            runtime.cli(&["health", "--check"]).status == 0
        });
        runtime
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program, told where this runtime is.
    pub(crate) fn command(&self) -> Command {
        let mut command = program();
        command.env("RUNTIME_SOCKET", self.path("link.sock"));
        command
    }

    pub(crate) fn cli(&self, args: &[&str]) -> Answer {
        run(self.command().args(args), b"")
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        run(self.command().arg("--json").args(args), b"").json()
    }

    pub(crate) fn with_stdin(&self, args: &[&str], stdin: &str) -> Answer {
        run(self.command().args(args), stdin.as_bytes())
    }

    /// Ends it with a signal; its exit status and its directory.
    pub(crate) fn stop(mut self, by: Signal) -> (ExitStatus, TempDir) {
        signal(&self.child, by);
        let status = wait(&mut self.child);
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        (status, dir)
    }

    /// What is stored, read from the file.
    pub(crate) fn stored(dir: &Path, namespace: &str, key: &str) -> Option<String> {
        let database = rusqlite::Connection::open(dir.join("runtime.db")).unwrap();
        database
            .query_row(
                "SELECT value FROM storage WHERE namespace = ?1 AND key = ?2",
                [namespace, key],
                |row| row.get(0),
            )
            .ok()
    }

    /// Publishes `count` events over one session.
    pub(crate) fn flood(&self, topic: &str, payload: &str, count: u32) {
        let reactor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        reactor.block_on(async {
            let stream = tokio::net::UnixStream::connect(self.path("link.sock"))
                .await
                .unwrap();
            let (read, write) = stream.into_split();
            let (read, write) = (FromTokio::new(read), FromTokio::new(write));
            let mut memory = vec![0; 2 * 128 * 1024];
            let mut client = Client::new(Framing::Stream, read, write, &mut memory).unwrap();
            client.hello("test", 1, "").await.unwrap();
            for id in 0..count {
                let publish = Request::Publish {
                    topic,
                    timeout_ms: 0,
                    payload: Raw(payload.as_bytes()),
                };
                client.request(id, publish).await.unwrap();
                loop {
                    match client.next().await.unwrap() {
                        ToClient::Hello { .. } | ToClient::KeepAlive => {}
                        ToClient::Reply {
                            id: answered,
                            what: Reply::Count(_),
                        } if answered == id => break,
                        other => panic!("{other:?}"),
                    }
                }
            }
        });
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a runtime in a directory, without waiting for it.
pub(crate) fn launch(dir: &Path, vars: &[(&str, &str)]) -> Child {
    let log = std::fs::File::create(dir.join("log")).unwrap();
    program()
        .arg("run")
        .env("RUNTIME_DB_PATH", dir.join("runtime.db"))
        .env("RUNTIME_SOCKET", dir.join("link.sock"))
        .envs(vars.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}
