//! `access.allow`: the rules for who is no administrator, besides scopes: whose resources, whose keys.

use std::time::Duration;

use kernel_core::subject::matches;
use kernel_core::{Context, Error};
use plugin_kit::prelude::*;
use plugin_kit::{Args, Arguments};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::audit::Note;
use crate::check::Caller;
use crate::clock::Clock;
use crate::model::{Allow, KeyId, KeyPaging, NewKey, SetPassword};
use crate::settings::Rule;
use crate::state::Auth;
use crate::{limits, rows, scope, text};

/// Services that are asked about whatever the settings say.
const OWN: [&str; 3] = ["access.>", "auth.>", "users.>"];
/// How long a look-up may take: meanwhile no key is checked.
const PATIENCE: Duration = Duration::from_secs(1);
/// Fields that only the owner of a resource sets.
const OWNERSHIP: [&str; 2] = ["owner_id", "shared_with"];

/// What the owner of a resource is found by.
#[derive(Deserialize)]
struct Owned {
    #[serde(default)]
    owner_id: Option<String>,
    #[serde(default)]
    shared_with: Option<Vec<String>>,
}

impl Owned {
    fn judge(&self, service: &str, id: &str, user: &str, args: &Value) -> Result<(), Error> {
        let is_mine = self.owner_id.as_deref() == Some(user);
        let shared = self.shared_with.as_deref().unwrap_or(&[]);
        let is_shared = shared.iter().any(|with| with == user);
        if !is_mine && !is_shared && self.owner_id.is_some() {
            return Err(not_yours(service, id));
        }
        match sets_owner(args) && !is_mine {
            true => Err(denied(format_args!(
                "{service}: only the owner sets owner_id and shared_with"
            ))),
            false => Ok(()),
        }
    }
}

/// The arguments of a call, in whatever form they were passed: see [`Args`].
struct Passed<'a> {
    by_place: &'a [Value],
    named: Option<&'a Map<String, Value>>,
}

impl<'a> Passed<'a> {
    fn of(args: &'a Value) -> Passed<'a> {
        let (by_place, named) = match args {
            Value::Null => (&[][..], None),
            Value::Object(object) => match (object.len(), object.get("args"), object.get("kwargs")) {
                (2, Some(Value::Array(args)), Some(Value::Object(named))) => (&args[..], Some(named)),
                _ => (&[][..], Some(object)),
            },
            one => (std::slice::from_ref(one), None),
        };
        Passed { by_place, named }
    }

    fn named(&self, field: &str) -> Option<&'a Value> {
        self.named?.get(field)
    }

    /// The identity of the resource that the call is about, which may be passed by place.
    fn id(&self, service: &str, field: &str) -> Result<Option<&'a str>, Error> {
        let id = match (self.by_place.first(), self.named(field)) {
            (None, None) => return Ok(None),
            (Some(one), None) | (None, Some(one)) => one.as_str(),
            (Some(_), Some(_)) => None,
        };
        match id {
            Some(id) => Ok(Some(id)),
            None => Err(denied(format_args!("{service}: {field} has to be one text"))),
        }
    }

    fn is_subject(&self, service: &str, field: &str, user: &str) -> Result<(), Error> {
        match self.named(field) {
            Some(Value::String(named)) if named == user => Ok(()),
            _ => Err(denied(format_args!(
                "{service}: the argument {field} has to be {user:?}"
            ))),
        }
    }
}

/// Refused, with the rule that says so.
fn denied(rule: std::fmt::Arguments<'_>) -> Error {
    Error::format("denied", rule)
}

impl Auth {
    /// Filters of the services that are asked about.
    pub(crate) fn asked_of(&self) -> Vec<String> {
        let own = OWN.iter().map(|&filter| filter.to_owned());
        own.chain(self.settings.resources.keys().cloned()).collect()
    }

    pub(crate) async fn allows(&mut self, cx: &Context, allow: Allow) -> Result<bool, Error> {
        for (name, text) in [
            ("subject", &allow.subject),
            ("key_id", &allow.key_id),
            ("service", &allow.service),
        ] {
            limits::check_name(name, text)?;
        }
        let caller = self.caller(cx, &allow.subject, &allow.key_id).await?;
        if caller.is_admin() {
            return Ok(true);
        }
        let judged = match allow.service.split_once('.') {
            Some(("auth", service)) => self.own_keys(cx, &caller, service, &allow.args).await,
            Some(("users", service)) => own_name(&caller, service, &allow.args),
            Some(("access", _)) => Err(denied(format_args!("{} is not for clients", allow.service))),
            _ => self.own_resources(cx, &caller, &allow).await,
        };
        if let Err(error) = &judged {
            let clock = Clock::of(cx).await?;
            let detail = format!("{}: {}", text::cut(&allow.service, text::NAME), error.message());
            let note = Note {
                what: "call_refused",
                subject: &allow.subject,
                key_id: &allow.key_id,
                detail: &detail,
                ..Note::default()
            };
            self.audit.refused(clock, note);
        }
        judged.map(|()| true)
    }

    /// Nobody touches the keys or the password of somebody else, or gets more than he has.
    async fn own_keys(
        &self,
        cx: &Context,
        caller: &Caller,
        service: &str,
        args: &Value,
    ) -> Result<(), Error> {
        let own = |user: &str| match user == caller.holder.user {
            true => Ok(()),
            false => Err(denied(format_args!(
                "auth.{service}: only an administrator does this for another user"
            ))),
        };
        let within = |scopes: &[String]| match scopes
            .iter()
            .find(|wanted| !scope::is_within(wanted, &caller.scopes))
        {
            None => Ok(()),
            Some(more) => Err(denied(format_args!(
                "auth.{service}: your key has no scope {}",
                text::brief(more)
            ))),
        };
        // What a key with an end leads to ends with it. A session is begun with the password, which has none.
        let end = caller
            .holder
            .expires_in_ms
            .filter(|_| caller.holder.scopes.is_some());
        let lasts = |seconds: Option<u64>| match (end, seconds) {
            (None, _) => Ok(()),
            (Some(end), Some(seconds)) if seconds.saturating_mul(1_000) <= end => Ok(()),
            (Some(end), _) => Err(denied(format_args!(
                "auth.{service}: your key ends in {} s",
                end / 1_000
            ))),
        };
        match service {
            "login" | "logout" => Ok(()),
            "create_key" => {
                let key: NewKey = decode(args)?;
                own(&key.user)?;
                lasts(key.expires_in_s)?;
                within(&key.scopes)
            }
            "list_keys" => {
                let paging: KeyPaging = decode(args)?;
                own(paging.user.as_deref().unwrap_or(""))
            }
            "rotate_key" | "revoke_key" => {
                let key: KeyId = decode(args)?;
                let holder = self.keys.get(&key.key_id, Clock::of(cx).await?);
                own(holder.as_ref().map_or("", |holder| &holder.user))?;
                if service == "revoke_key" {
                    return Ok(());
                }
                lasts(None)?;
                within(holder.and_then(|holder| holder.scopes).as_deref().unwrap_or(&[]))
            }
            "set_password" => {
                let password: SetPassword = decode(args)?;
                own(&password.user)?;
                lasts(None)?;
                // Whoever has it may do all that the user may.
                within(&caller.of_user)
            }
            _ => Err(denied(format_args!(
                "auth.{service}: only an administrator does this"
            ))),
        }
    }

    /// The most special rule that there is for the service.
    async fn own_resources(&mut self, cx: &Context, caller: &Caller, allow: &Allow) -> Result<(), Error> {
        let service = allow.service.as_str();
        let rules = self
            .settings
            .resources
            .iter()
            .filter(|(filter, _)| matches(filter, service));
        // Without a wildcard before any with one, a longer one before a shorter one.
        let rule = rules.max_by_key(|(filter, _)| (*filter == service, filter.len()));
        let Some((_, rule)) = rule else {
            return Ok(());
        };
        let (passed, user) = (Passed::of(&allow.args), caller.holder.user.as_str());
        match rule.clone() {
            Rule::Subject(field) => passed.is_subject(service, &field, user),
            Rule::Resource {
                id: field,
                lookup,
                new,
            } => {
                let id = passed.id(service, &field)?;
                let found = match id {
                    Some(id) => self.lookup(cx, service, &lookup, id).await?,
                    None => None,
                };
                match (id, found, new) {
                    (Some(id), Some(owned), _) => owned.judge(service, id, user, &allow.args),
                    (_, None, Some(new)) => passed.is_subject(service, &new, user),
                    (Some(id), None, None) => Err(not_yours(service, id)),
                    (None, ..) => Err(denied(format_args!(
                        "{service}: only an administrator calls it without {field}"
                    ))),
                }
            }
        }
    }

    /// The resource, if there is one.
    async fn lookup(
        &mut self,
        cx: &Context,
        service: &str,
        lookup: &str,
        id: &str,
    ) -> Result<Option<Owned>, Error> {
        let unavailable = |why: &str| {
            Error::format(
                "unavailable",
                format_args!("{service}: {lookup} does not answer: {why}"),
            )
        };
        if self.slow.is(lookup, cx.now()) {
            return Err(unavailable("it is tried again in some seconds"));
        }
        match cx.call_value(lookup, &json!({ "id": id }), PATIENCE).await {
            Ok(owned) => Ok(Some(owned)),
            Err(error) if error.code() == "timeout" => {
                self.slow.note(lookup, cx.now());
                Err(unavailable("it took too long"))
            }
            // Of the resource, or of the service.
            Err(error) if error.code() == "not_found" && cx.services().has_service(lookup).await? => Ok(None),
            Err(error) => Err(unavailable(error.message())),
        }
    }
}

/// Whoever is no administrator looks, and changes his own name.
fn own_name(caller: &Caller, service: &str, args: &Value) -> Result<(), Error> {
    let passed = Passed::of(args);
    let is_own = || passed.named("id").and_then(Value::as_str) == Some(&caller.holder.user);
    let only_name = || {
        let mut fields = passed.named.into_iter().flat_map(Map::keys);
        passed.by_place.is_empty() && fields.all(|field| field == "id" || field == "name")
    };
    match service {
        "get" | "list" | "scopes" | "list_roles" => Ok(()),
        "update" if is_own() && only_name() => Ok(()),
        _ => Err(denied(format_args!(
            "users.{service}: only an administrator changes more than his own name"
        ))),
    }
}

fn not_yours(service: &str, id: &str) -> Error {
    denied(format_args!(
        "{service}: there is no {} of yours",
        text::brief(id)
    ))
}

/// Whether the arguments say, anywhere, whose a resource is.
fn sets_owner(args: &Value) -> bool {
    match args {
        Value::Object(fields) => fields
            .iter()
            .any(|(name, value)| OWNERSHIP.contains(&name.as_str()) || sets_owner(value)),
        Value::Array(items) => items.iter().any(sets_owner),
        _ => false,
    }
}

/// The arguments as the service itself decodes them.
fn decode<T: Arguments>(args: &Value) -> Result<T, Error> {
    let text = args.to_string();
    let Args(decoded) = Args::decode(rows::json(&text)?)?;
    Ok(decoded)
}
