//! The plugin.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use kernel_core::json_literal;
use plugin_kit::Args;
use plugin_kit::prelude::*;

use crate::person;
use crate::types::{Changed, People, Person, Presence, SetPresence, Skipped};

/// The most people that are known.
pub const MAX_PEOPLE: usize = 64;

const NAMESPACE: &str = "presence";

/// Bytes for a page of keys.
const PAGE: usize = 1024;

/// See the crate's documentation.
#[derive(Debug, Default)]
pub struct PresencePlugin {
    people: BTreeMap<String, Presence>,
    skipped: Vec<Skipped>,
}

#[plugin(
    name = "presence",
    description = "Knows who is at home",
    author = "Home Console",
    schema = "host"
)]
impl PresencePlugin {
    #[start]
    async fn start(&mut self, cx: &Context) -> Result<(), Error> {
        let storage = cx.storage(NAMESPACE);
        let (mut after, mut buf) = (String::new(), vec![0; PAGE]);
        loop {
            let page = storage.list_keys(&after, u16::MAX, &mut buf).await?;
            let keys: Vec<String> = page.map(ToOwned::to_owned).collect();
            let Some(last) = keys.last() else { break };
            after.clone_from(last);
            for key in keys {
                match self.row(cx, &key).await {
                    Ok(presence) => drop(self.people.insert(key, presence)),
                    // What is damaged, or of somebody else, is no reason not to start.
                    Err(error) => {
                        log::warn!("{key} in {NAMESPACE} is skipped: {error}");
                        let error = error.to_string();
                        self.skipped.push(Skipped { key, error });
                    }
                }
            }
        }
        for presence in self.people.values() {
            let key = state_key(&presence.person);
            cx.state().set_value(&key, &presence.present).await?;
        }
        cx.state()
            .set_value(name!("presence.anyone"), &self.anyone(None))
            .await?;
        Ok(())
    }

    /// Says whether a person is at home.
    #[service(".set", examples = [r#"{"person": "anna", "present": true}"#])]
    async fn set(&mut self, cx: &Context, Args(args): Args<SetPresence>) -> Result<Presence, Error> {
        person::check(&args.person)?;
        let before = self.people.get(&args.person);
        if let Some(same) = before.filter(|before| before.present == args.present) {
            return Ok(same.clone());
        }
        if before.is_none() && self.people.len() >= MAX_PEOPLE {
            return Err(Error::format(
                "too_many_people",
                format_args!("{MAX_PEOPLE} people are known, and no more can be: presence.delete makes room"),
            ));
        }
        let was = before.is_some_and(|before| before.present);
        let time = plugin_kit::unix_time(cx).await?;
        let now = Presence {
            person: args.person,
            present: args.present,
            since: time.map(|time| time.as_millis() as u64),
        };
        self.change(cx, &now.person, Some(&now)).await?;
        self.people.insert(now.person.clone(), now.clone());
        self.announce(cx, &now.person, was, now.present).await?;
        Ok(now)
    }

    /// What is known of a person.
    #[service(".get", reads, examples = [r#"{"person": "anna"}"#])]
    fn get(&self, Args(args): Args<Person>) -> Result<Presence, Error> {
        let found = self.people.get(&args.person);
        found.cloned().ok_or_else(|| {
            let name = args.person;
            Error::format("not_found", format_args!("nobody is known by the name {name}"))
        })
    }

    /// All who are known.
    #[service(".list", reads)]
    fn list(&self) -> Result<People, Error> {
        Ok(People {
            people: self.people.values().cloned().collect(),
            anyone: self.anyone(None),
            skipped: self.skipped.clone(),
        })
    }

    /// Forgets a person.
    #[service(".delete", examples = [r#"{"person": "anna"}"#])]
    async fn delete(&mut self, cx: &Context, Args(args): Args<Person>) -> Result<bool, Error> {
        let Some(before) = self.people.get(&args.person) else {
            return Ok(false);
        };
        let was = before.present;
        self.change(cx, &args.person, None).await?;
        self.people.remove(&args.person);
        self.announce(cx, &args.person, was, false).await?;
        Ok(true)
    }
}

impl PresencePlugin {
    async fn row(&self, cx: &Context, key: &str) -> Result<Presence, Error> {
        person::check(key)?;
        if self.people.len() >= MAX_PEOPLE {
            return Err(Error::new(
                "too_many_people",
                &format!("there are {MAX_PEOPLE} others"),
            ));
        }
        let found: Option<Presence> = cx.storage(NAMESPACE).get_value(key).await?;
        match found {
            Some(presence) if presence.person == key => Ok(presence),
            Some(other) => {
                let name = other.person;
                Err(Error::format("invalid_value", format_args!("it is of {name}")))
            }
            None => Err(Error::new("not_found", "it is gone")),
        }
    }

    /// Whether somebody is present, where one person is this from now on.
    fn anyone(&self, changed: Option<(&str, bool)>) -> bool {
        let (name, present) = changed.unwrap_or(("", false));
        let mut others = self.people.values().filter(|presence| presence.person != name);
        present || others.any(|presence| presence.present)
    }

    /// Stores the row of a person, and shows it in the state; both, or an error and none.
    async fn change(&self, cx: &Context, name: &str, to: Option<&Presence>) -> Result<(), Error> {
        let before = self.people.get(name).map(|before| before.present);
        let present = to.map(|to| to.present);
        // The state first: it has less room.
        self.show(
            cx,
            name,
            present,
            self.anyone(Some((name, present == Some(true)))),
        )
        .await?;
        let storage = cx.storage(NAMESPACE);
        let stored = match to {
            Some(to) => storage.set_value(name, to).await,
            None => storage.delete(name).await.map(drop),
        };
        if stored.is_err()
            && let Err(error) = self.show(cx, name, before, self.anyone(None)).await
        {
            log::error!("the state of {name} was not taken back: {error}");
        }
        stored
    }

    async fn show(&self, cx: &Context, name: &str, present: Option<bool>, anyone: bool) -> Result<(), Error> {
        let key = state_key(name);
        let anyone = (name!("presence.anyone"), truth(anyone));
        match present {
            Some(present) => {
                let writes = [((&key).into(), truth(present)), anyone];
                cx.state().update(&writes).await?;
            }
            None => {
                cx.state().update(&[anyone]).await?;
                cx.state().delete(&key).await?;
            }
        }
        Ok(())
    }

    async fn announce(&self, cx: &Context, person: &str, was: bool, is: bool) -> Result<(), Error> {
        let topic = match (was, is) {
            (false, true) => "presence.entered",
            (true, false) => "presence.left",
            _ => return Ok(()),
        };
        cx.publish_value(topic, &Changed { person }).await?;
        Ok(())
    }
}

fn state_key(name: &str) -> String {
    format!("presence.{name}")
}

fn truth(value: bool) -> Json<'static> {
    if value {
        json_literal!("true")
    } else {
        json_literal!("false")
    }
}
