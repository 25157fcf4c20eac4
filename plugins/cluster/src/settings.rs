//! The settings, checked.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel_core::subject::{check_filter, check_plugin_name, check_topic};
use kernel_core::{Context, Error, INVALID_SETTINGS};
use plugin_kit::SettingsReader;
use serde_json::Value;
use zeroize::Zeroizing;

/// Bytes of a runtime's name: its plugins are known as `runtime/plugin`, in 32 bytes together.
pub(crate) const MAX_RUNTIME: usize = 16;

const FILTER: &str =
    "a filter such as \"sensor.>\" that is not below runtime. or state.changed., which are the kernel's";

/// See the crate's documentation.
#[derive(Debug)]
pub(crate) struct ClusterSettings {
    pub(crate) servers: Vec<String>,
    pub(crate) cluster: String,
    pub(crate) name: String,
    pub(crate) share: Vec<String>,
    pub(crate) receive: Vec<String>,
    pub(crate) services: Vec<String>,
    pub(crate) login: Login,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) tls: bool,
    pub(crate) heartbeat: Duration,
    pub(crate) lease: Duration,
    pub(crate) replicas: usize,
    pub(crate) queue: usize,
}

/// As whom it connects.
pub(crate) enum Login {
    Nobody,
    User(String, Zeroizing<String>),
    Nkey(Zeroizing<String>),
    Credentials(Zeroizing<String>),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Login::Nobody => "Nobody",
            Login::User(..) => "User",
            Login::Nkey(_) => "Nkey",
            Login::Credentials(_) => "Credentials",
        })
    }
}

impl ClusterSettings {
    /// `None` where nothing is set.
    pub(crate) async fn read(cx: &Context) -> Result<Option<Self>, Error> {
        let mut settings = SettingsReader::new(cx).await?;
        let servers = settings.texts(
            "servers",
            "an address such as \"nats://127.0.0.1:4222\"",
            |server| server.parse::<async_nats::ServerAddr>().is_ok(),
        )?;
        let is_name = |name: &str| check_plugin_name(name).is_ok() && name.len() <= MAX_RUNTIME;
        let cluster = settings.text("cluster", NAME, is_name)?;
        let name = settings.text("name", NAME, is_name)?;
        let share = settings.texts("share", FILTER, is_shareable)?;
        let receive = settings.texts("receive", FILTER, is_shareable)?;
        let services = services(settings.value("services"))?;
        let login = login(&mut settings)?;
        let ca = settings.text("ca", "the path of a PEM file that is there", |path| {
            fs::File::open(path).is_ok()
        })?;
        let read = ClusterSettings {
            servers: servers.clone().unwrap_or_default(),
            cluster: cluster.unwrap_or_else(|| "home".to_owned()),
            name: name.clone().unwrap_or_default(),
            share: share.unwrap_or_default(),
            receive: receive.unwrap_or_default(),
            services,
            login,
            tls: settings.flag("tls", ca.is_some())?,
            ca: ca.map(PathBuf::from),
            heartbeat: Duration::from_millis(settings.whole("heartbeat_ms", 50..=60_000, 1_000)?),
            lease: Duration::from_millis(settings.whole("lease_ms", 1_000..=600_000, 10_000)?),
            replicas: settings.whole("replicas", 1..=5, 1)? as usize,
            queue: settings.whole("queue", 100..=1_000_000, 10_000)? as usize,
        };
        let unset = settings_are_empty(&read, servers.is_some() || name.is_some());
        settings.finish()?;
        if unset {
            return Ok(None);
        }
        if read.servers.is_empty() {
            return Err(wrong(
                "servers is not set: it lists the addresses of NATS servers, such as \"nats://127.0.0.1:4222\"",
            ));
        }
        let name = match name {
            Some(name) => name,
            None => host_name()?,
        };
        Ok(Some(ClusterSettings { name, ..read }))
    }
}

const NAME: &str = "1 to 16 of a-z, 0-9, _ and -, a letter first";

/// True where nothing says that there is a cluster.
fn settings_are_empty(read: &ClusterSettings, said: bool) -> bool {
    !said
        && read.share.is_empty()
        && read.receive.is_empty()
        && read.services.is_empty()
        && read.ca.is_none()
        && matches!(read.login, Login::Nobody)
}

/// What the kernel lets no plugin publish cannot be shared.
fn is_shareable(filter: &str) -> bool {
    check_filter(filter).is_ok() && !is_reserved(filter)
}

/// True for topics of the kernel's.
pub(crate) fn is_reserved(topic: &str) -> bool {
    topic.starts_with("runtime.") || topic.starts_with("state.changed.")
}

/// The services that are offered: filters.
fn services(value: Option<Value>) -> Result<Vec<String>, Error> {
    let allowed = "true, false, or a list of filters such as [\"devices.>\"]";
    match value {
        None | Some(Value::Bool(false)) => Ok(Vec::new()),
        Some(Value::Bool(true)) => Ok(vec![">".to_owned()]),
        Some(Value::Array(items)) => items
            .iter()
            .map(
                |item| match item.as_str().filter(|text| check_filter(text).is_ok()) {
                    Some(text) => Ok(text.to_owned()),
                    None => Err(wrong(&format!("services has {item}; allowed is {allowed}"))),
                },
            )
            .collect(),
        Some(other) => Err(wrong(&format!("services is {other}; allowed is {allowed}"))),
    }
}

fn login(settings: &mut SettingsReader) -> Result<Login, Error> {
    let is_path = |path: &str| !path.is_empty();
    let user = settings.text("user_file", "a path", is_path)?;
    let nkey = settings.text("nkey_file", "a path", is_path)?;
    let credentials = settings.text("credentials_file", "a path", is_path)?;
    match (user, nkey, credentials) {
        (None, None, None) => Ok(Login::Nobody),
        (Some(path), None, None) => {
            let text = secret("user_file", &path)?;
            let two = text.trim_end().split_once(':');
            let (user, password) =
                two.ok_or_else(|| wrong(&format!("user_file {path} has no line user:password")))?;
            Ok(Login::User(user.to_owned(), Zeroizing::new(password.to_owned())))
        }
        (None, Some(path), None) => {
            let text = secret("nkey_file", &path)?;
            Ok(Login::Nkey(Zeroizing::new(text.trim().to_owned())))
        }
        (None, None, Some(path)) => Ok(Login::Credentials(secret("credentials_file", &path)?)),
        _ => Err(wrong(
            "of user_file, nkey_file and credentials_file one alone may be set",
        )),
    }
}

/// A file that nobody else can read.
fn secret(key: &str, path: &str) -> Result<Zeroizing<String>, Error> {
    let cannot = |cause: std::io::Error| wrong(&format!("{key} {path}: {cause}"));
    let mode = fs::metadata(Path::new(path)).map_err(cannot)?.mode();
    if mode & 0o077 != 0 {
        let mode = mode & 0o777;
        return Err(wrong(&format!(
            "{key} {path} has mode {mode:o}, so that others can read it: chmod 600"
        )));
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(cannot)
}

/// The machine's name, as far as it can be one of a runtime.
fn host_name() -> Result<String, Error> {
    let system = rustix::system::uname();
    let full = system.nodename().to_string_lossy().to_lowercase();
    let first = full.split('.').next().unwrap_or("");
    let name: String = first
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect();
    if check_plugin_name(&name).is_ok() && name.len() <= MAX_RUNTIME && check_topic(&name).is_ok() {
        Ok(name)
    } else {
        Err(wrong(&format!(
            "name is not set, and the machine's name, {full:?}, is not one: allowed is {NAME}"
        )))
    }
}

fn wrong(text: &str) -> Error {
    Error::new(INVALID_SETTINGS, text)
}
