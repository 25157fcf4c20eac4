//! The plugin `plugins`: what can be done with plugins, as services, for the command line, the inspector and other plugins.
//!
//! | service | arguments | for |
//! |---|---|---|
//! | `plugins.list` | `{after?}`: by name, as many as an answer holds; `after` asks for more | all |
//! | `plugins.services` | `{name?, plugin?, after?}`: by name, as many as an answer holds; `after` asks for more | all |
//! | `plugins.start`, `stop`, `load`, `unload`, `reload` | `{name}` | all |
//! | `plugins.install`, `upgrade` | `{path, name?, asked?, granted?, settings?}` | operators |
//! | `plugins.develop` | `{path, name?}` | operators |
//! | `plugins.unrestricted` | `{kind}`, as in `[run]` of a manifest | operators |
//! | `plugins.remove`, `enable`, `disable` | `{name}` | operators |
//! | `plugins.settings` | `{name, set?}` | operators |
//! | `plugins.permissions` | `{name, grant?, revoke?}`: lists of `[permission, what]` | operators |
//! | `plugins.logs` | `{name, after?, limit?}` | operators |
//! | `plugins.package` | `{name}` | operators |

use std::path::PathBuf;
use std::rc::Rc;

use kernel_core::{Context, Error, Installed, Json, Mailbox, Message, Name, PluginMetadata, Service};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::task::{spawn_local, yield_now};

use crate::changes::Install;
use crate::error::InstallError;
use crate::keeper::Keeper;
use crate::lists::{self, Which};
use crate::manifest::Kind;
use crate::services::{About, Services};
use crate::session::MAX_VALUE;
use crate::text::without_place;
use crate::unrestricted::unrestricted;

/// What the plugin says of itself.
pub(crate) static METADATA: PluginMetadata = PluginMetadata {
    description: "Installs, removes and leads plugins",
    ..PluginMetadata::new("plugins", env!("CARGO_PKG_VERSION"))
};

/// Its services, each with one sentence, and whether plugins may call it.
const SERVICES: [(&str, &str, bool); 18] = [
    ("plugins.list", "Lists all plugins", true),
    ("plugins.services", "Lists all services with their schemas", true),
    ("plugins.load", "Loads a plugin", true),
    ("plugins.start", "Starts a plugin", true),
    ("plugins.stop", "Stops a plugin", true),
    ("plugins.unload", "Unloads a plugin", true),
    ("plugins.reload", "Unloads a plugin and brings it back", true),
    ("plugins.install", "Installs a package and starts it", false),
    (
        "plugins.upgrade",
        "Puts another version in a plugin's place",
        false,
    ),
    ("plugins.develop", "Runs a folder in its place", false),
    (
        "plugins.unrestricted",
        "Shows what a plugin is not kept from on this system",
        false,
    ),
    ("plugins.remove", "Removes a plugin", false),
    (
        "plugins.enable",
        "Lets a plugin start with the runtime, and now",
        false,
    ),
    (
        "plugins.disable",
        "Unloads a plugin, and does not start it with the runtime",
        false,
    ),
    (
        "plugins.settings",
        "Shows a plugin's settings, or sets some",
        false,
    ),
    (
        "plugins.permissions",
        "Shows what is granted to a plugin, or changes it",
        false,
    ),
    ("plugins.logs", "Shows what a plugin has logged", false),
    (
        "plugins.package",
        "Shows what the manifest of an installed plugin says",
        false,
    ),
];

/// Those that only read, and show nobody's secrets.
const READS: [&str; 4] = [
    "plugins.list",
    "plugins.services",
    "plugins.unrestricted",
    "plugins.package",
];

/// Bytes of the rows in an answer.
const ROOM: usize = MAX_VALUE - 1024;

/// Log lines in an answer.
const LOG_LINES: usize = 100;

/// Runs the plugin's lives, for ever.
pub(crate) async fn run(keeper: Rc<Keeper>, installed: Installed) {
    let mut buf = vec![0; MAX_VALUE + 1024];
    loop {
        let mailbox = installed.mailbox();
        let cx = mailbox.context();
        loop {
            match mailbox.next(&mut buf).await {
                Message::Load => {
                    if let Err(error) = load(&keeper.services, &cx).await {
                        let _ = mailbox.fail(&error).await;
                    }
                    keeper.announcer.set(Some(cx));
                }
                Message::Call(call) => {
                    let (keeper, id) = (keeper.clone(), call.id);
                    let by_plugin = call.caller.is_plugin();
                    let (service, args) = (call.service().to_owned(), call.args().as_str().to_owned());
                    spawn_local(async move {
                        let outcome = answer(&keeper, &service, &args, by_plugin).await;
                        reply(mailbox, id, outcome).await;
                    });
                }
                Message::Ended => break,
                _ => {}
            }
        }
        keeper.announcer.set(None);
        yield_now().await;
    }
}

async fn load(services: &Services, cx: &Context) -> Result<(), Error> {
    for (name, description, _) in SERVICES {
        let about = About {
            description: description.to_owned(),
            reads: READS.contains(&name),
            ..About::default()
        };
        let added = services.add(METADATA.name, name, about);
        added.map_err(|wrong| Error::new("invalid_schema", &wrong))?;
        let service = Service::new(Name::Fixed(name)).describe(Name::Fixed(description));
        cx.register(&service).await?;
    }
    Ok(())
}

async fn reply(mailbox: Mailbox, id: kernel_core::CallId, outcome: Result<Value, InstallError>) {
    let text;
    let error;
    let answer = match outcome {
        Ok(value) => {
            text = value.to_string();
            Json::parse(&text).map_err(|wrong| Error::new("not_json", &wrong.to_string()))
        }
        Err(cause) => Err(Error::new(cause.code(), cause.message())),
    };
    let answer = match answer {
        Ok(json) => Ok(json),
        Err(cause) => {
            error = cause;
            Err(&error)
        }
    };
    // A caller that is gone does not matter.
    let _ = mailbox.reply(id, answer).await;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Page {
    after: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfKind {
    kind: Kind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Develop {
    path: PathBuf,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    name: String,
    set: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Permit {
    name: String,
    #[serde(default)]
    grant: Vec<(String, String)>,
    #[serde(default)]
    revoke: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Logs {
    name: String,
    #[serde(default)]
    after: u64,
    limit: Option<usize>,
}

fn args<T: DeserializeOwned>(text: &str) -> Result<T, InstallError> {
    serde_json::from_str(text).map_err(|cause| InstallError::new("invalid_argument", without_place(&cause)))
}

/// Arguments that may be left out, in whichever way.
fn optional<T: DeserializeOwned + Default>(text: &str) -> Result<T, InstallError> {
    let none = json!({"args": [], "kwargs": {}});
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value.is_null() || value == none => Ok(T::default()),
        _ => args(text),
    }
}

async fn answer(keeper: &Keeper, service: &str, text: &str, by_plugin: bool) -> Result<Value, InstallError> {
    let open = SERVICES.iter().any(|(name, _, open)| *name == service && *open);
    if by_plugin && !open {
        let why = format!("{service} is for operators: no plugin may call it");
        return Err(InstallError::new("denied", why));
    }
    let (runtime, supervisor) = (keeper.runtime, keeper.supervisor);
    match service {
        "plugins.list" => {
            let Page { after } = optional(text)?;
            Ok(lists::fitting(keeper.rows(&after).into_iter(), ROOM).into())
        }
        "plugins.services" => {
            let which: Which = optional(text)?;
            Ok(lists::services(runtime, &keeper.services, &which, ROOM))
        }
        "plugins.load" | "plugins.start" | "plugins.stop" | "plugins.unload" | "plugins.reload" => {
            let Named { name } = args(text)?;
            let state = match service {
                "plugins.load" => supervisor.load(runtime, &name).await?,
                "plugins.start" => supervisor.start(runtime, &name).await?,
                "plugins.stop" => supervisor.stop(runtime, &name).await?,
                "plugins.unload" => supervisor.unload(runtime, &name).await?,
                _ => supervisor.reload(runtime, &name).await?,
            };
            Ok(json!({ "name": name, "state": state.as_str() }))
        }
        "plugins.install" => keeper.install(args::<Install>(text)?).await,
        "plugins.upgrade" => keeper.upgrade(args::<Install>(text)?).await,
        "plugins.develop" => {
            let Develop { path, name } = args(text)?;
            keeper.develop(&path, name).await
        }
        "plugins.unrestricted" => Ok(json!(unrestricted(args::<OfKind>(text)?.kind))),
        "plugins.remove" => keeper.remove(&args::<Named>(text)?.name).await,
        "plugins.enable" => keeper.enable(&args::<Named>(text)?.name, true).await,
        "plugins.disable" => keeper.enable(&args::<Named>(text)?.name, false).await,
        "plugins.settings" => {
            let Settings { name, set } = args(text)?;
            if let Some(set) = set {
                keeper.set_settings(&name, set).await?;
            }
            let entry = keeper.entry(&name)?;
            let settings = entry.running.effective_settings();
            let settings = settings.map_err(|wrong| InstallError::new("invalid_settings", wrong))?;
            Ok(json!({ "name": name, "settings": settings, "schema": entry.manifest.settings }))
        }
        "plugins.permissions" => {
            let Permit { name, grant, revoke } = args(text)?;
            if !(grant.is_empty() && revoke.is_empty()) {
                keeper.permit(&name, &grant, &revoke).await?;
            }
            let entry = keeper.entry(&name)?;
            let record = entry.record.borrow();
            Ok(json!({ "name": name, "granted": record.granted, "asked": entry.manifest.permissions }))
        }
        "plugins.logs" => {
            let Logs { name, after, limit } = args(text)?;
            let entry = keeper.entry(&name)?;
            let lines = entry
                .running
                .identity
                .log
                .after(after, limit.unwrap_or(LOG_LINES).clamp(1, LOG_LINES));
            let lines = lines.into_iter().map(|line| json!(line));
            Ok(json!({ "lines": lists::fitting(lines, ROOM) }))
        }
        "plugins.package" => {
            let Named { name } = args(text)?;
            let entry = keeper.entry(&name)?;
            let manifest = &entry.manifest;
            Ok(json!({
                "name": manifest.name, "version": manifest.version, "description": manifest.description,
                "author": manifest.author, "license": manifest.license, "homepage": manifest.homepage,
                "needs": manifest.needs, "permissions": manifest.permissions, "settings": manifest.settings,
            }))
        }
        _ => Err(InstallError::new(
            "not_found",
            format!("there is no service {service}"),
        )),
    }
}
