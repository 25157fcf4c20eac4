//! A real Home Assistant, from where `tests/run.sh homeassistant` installs it, in a configuration folder of its own.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::mqtt::free_port;

/// How long is waited for it to be up: at its first start it sets itself up.
const PATIENCE: Duration = Duration::from_secs(240);
/// Its user.
const USER: &str = "tester";
const PASSWORD: &str = "only-for-the-test";

/// A Home Assistant with its MQTT integration; killed with this value.
#[derive(Debug)]
pub struct HomeAssistant {
    child: Option<Child>,
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    token: String,
}

impl HomeAssistant {
    /// One that knows this broker, not started yet. `CORE_RUNTIME_HASS` is the path of its command.
    ///
    /// # Errors
    /// When it is not installed, or its configuration cannot be written.
    pub fn new(broker: u16) -> Result<HomeAssistant, String> {
        let program = std::env::var_os("CORE_RUNTIME_HASS").map(PathBuf::from);
        let program = program.ok_or("CORE_RUNTIME_HASS is not set: tests/run.sh homeassistant does that")?;
        let folder = tempfile::tempdir().map_err(|cause| format!("no folder: {cause}"))?;
        let port = free_port()?;
        let assistant = HomeAssistant {
            child: None,
            program,
            folder,
            port,
            token: String::new(),
        };
        assistant.configure(broker)?;
        Ok(assistant)
    }

    fn configure(&self, broker: u16) -> Result<(), String> {
        let write = |name: &str, text: String| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).map_err(|cause| format!("{}: {cause}", path.display()))
        };
        let storage = self.folder.path().join(".storage");
        std::fs::create_dir(storage).map_err(|cause| cause.to_string())?;
        let port = self.port;
        write(
            "configuration.yaml",
            format!("http:\n  server_host: 127.0.0.1\n  server_port: {port}\napi:\n"),
        )?;
        let entry = json!({
            "entry_id": "5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f", "version": 1, "domain": "mqtt", "title": "broker",
            "data": {"broker": "127.0.0.1", "port": broker, "discovery": true}, "options": {}, "source": "user",
            "pref_disable_new_entities": false, "pref_disable_polling": false, "unique_id": null, "disabled_by": null,
        });
        let entries = json!({
            "version": 1, "minor_version": 1, "key": "core.config_entries", "data": {"entries": [entry]},
        });
        write(".storage/core.config_entries", entries.to_string())?;
        let done = json!({
            "version": 4, "minor_version": 1, "key": "onboarding",
            "data": {"done": ["user", "core_config", "integration", "analytics"]},
        });
        write(".storage/onboarding", done.to_string())?;
        let added = Command::new(&self.program)
            .args(["--script", "auth", "-c"])
            .arg(self.folder.path())
            .args(["add", USER, PASSWORD])
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| format!("{} does not run: {cause}", self.program.display()))?;
        match added.status.success() {
            true => Ok(()),
            false => Err(format!("no user: {}", String::from_utf8_lossy(&added.stderr))),
        }
    }

    /// Starts it, and waits until it answers to whoever logs in, and has its MQTT integration.
    ///
    /// # Errors
    /// When it does not: the end of its log.
    pub fn start(&mut self) -> Result<(), String> {
        self.kill();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("output.log"))
            .map_err(|cause| cause.to_string())?;
        let errors = log.try_clone().map_err(|cause| cause.to_string())?;
        let child = Command::new(&self.program)
            .args(["--skip-pip", "-c"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .map_err(|cause| format!("it does not start: {cause}"))?;
        self.child = Some(child);
        let begun = Instant::now();
        loop {
            let why = match self.log_in() {
                Ok(token) => {
                    self.token = token;
                    match self.get("/api/config") {
                        Ok(config) if is_ready(&config) => return Ok(()),
                        Ok(config) => format!("it is {} with {}", config["state"], config["components"]),
                        Err(why) => why,
                    }
                }
                Err(why) => why,
            };
            if begun.elapsed() > PATIENCE {
                return Err(format!("Home Assistant is not up: {why}: {}", self.log()));
            }
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// The end of what it logged.
    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("output.log")).unwrap_or_default();
        let start = log.len().saturating_sub(4_000);
        log.get(start..).unwrap_or(&log).to_owned()
    }

    /// What it logged of errors and warnings of its MQTT integration.
    pub fn complaints(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("output.log")).unwrap_or_default();
        let is_complaint = |line: &&str| {
            (line.contains("ERROR") || line.contains("WARNING")) && line.contains("components.mqtt")
        };
        log.lines().filter(is_complaint).map(String::from).collect()
    }

    /// Ends it.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn log_in(&self) -> Result<String, String> {
        let client = format!("http://127.0.0.1:{}/", self.port);
        let begin = json!({"client_id": client, "redirect_uri": client, "handler": ["homeassistant", null]});
        let flow = self.request("POST", "/auth/login_flow", Some(&begin))?;
        let id = flow["flow_id"].as_str().ok_or("no flow")?;
        let login = json!({"client_id": client, "username": USER, "password": PASSWORD});
        let flow = self.request("POST", &format!("/auth/login_flow/{id}"), Some(&login))?;
        let code = flow["result"]
            .as_str()
            .ok_or_else(|| format!("no login: {flow}"))?;
        let form = format!("grant_type=authorization_code&code={code}&client_id={client}");
        let token = self.curl(&["--data", &form], "/auth/token")?;
        let token = token["access_token"].as_str().ok_or("no token")?;
        Ok(token.to_owned())
    }

    /// The state of an entity; nothing where there is none.
    pub fn entity(&self, id: &str) -> Value {
        self.get(&format!("/api/states/{id}")).unwrap_or_default()
    }

    /// The ids of all entities.
    pub fn entities(&self) -> Vec<String> {
        let states = self.get("/api/states").unwrap_or_default();
        let ids = states.as_array().into_iter().flatten();
        ids.filter_map(|state| Some(state["entity_id"].as_str()?.to_owned()))
            .collect()
    }

    /// Calls a service, such as `light/turn_on`.
    ///
    /// # Errors
    /// What it says.
    pub fn call(&self, service: &str, data: &Value) -> Result<Value, String> {
        self.request("POST", &format!("/api/services/{service}"), Some(data))
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        self.request("GET", path, None)
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let bearer = format!("Authorization: Bearer {}", self.token);
        let text = body.map(Value::to_string);
        let mut words = vec!["-X", method, "-H", "Content-Type: application/json"];
        if !self.token.is_empty() && !path.starts_with("/auth") {
            words.extend(["-H", &bearer]);
        }
        words.extend(text.iter().flat_map(|text| ["--data", text.as_str()]));
        self.curl(&words, path)
    }

    fn curl(&self, words: &[&str], path: &str) -> Result<Value, String> {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail-with-body", "--max-time", "30"])
            .args(words)
            .arg(format!("http://127.0.0.1:{}{path}", self.port))
            .stdin(Stdio::null())
            .output()
            .map_err(|cause| format!("curl does not run: {cause}"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match output.status.success() {
            true => serde_json::from_str(&text).map_err(|cause| format!("{path}: {cause}: {text}")),
            false => Err(format!(
                "{path}: {} {text}",
                String::from_utf8_lossy(&output.stderr)
            )),
        }
    }
}

fn is_ready(config: &Value) -> bool {
    let components = config["components"].as_array().into_iter().flatten();
    let has_mqtt = components
        .filter_map(Value::as_str)
        .any(|component| component == "mqtt");
    config["state"] == "RUNNING" && has_mqtt
}

impl Drop for HomeAssistant {
    fn drop(&mut self) {
        self.kill();
    }
}
