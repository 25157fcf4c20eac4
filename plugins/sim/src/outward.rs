//! What the house says to others besides reports: what devices there are, and who is at home.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::json::Json;
use kernel_core::{Context, Error};
use plugin_kit::{ContextValues, MAX_REPLY, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::people::NAMES;
use crate::rules;
use crate::settings::Settings;
use crate::thing::{Fields, ROOMS};
use crate::world::World;

/// Milliseconds after which is said again what devices there are.
const AGAIN: u64 = 3_600_000;
/// Milliseconds after which is tried again what others did not take.
const RETRY: u64 = 10_000;
/// Devices that one step announces, and that one step makes.
const MOST_A_STEP: usize = 20;
/// Mappings that one step looks at; a chip has no room for more.
const PAGE: u16 = 40;

/// The payload of a report.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) external_id: &'a str,
    pub(crate) state: &'a Fields,
}

/// The payload of a discovery.
#[derive(Serialize)]
struct Discovered<'a> {
    external_id: &'a str,
    provider: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    room_id: &'a str,
    room_name: &'a str,
    state: &'a Fields,
}

#[derive(Serialize)]
struct Create<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    room_id: &'a str,
    room_name: &'a str,
}

#[derive(Serialize)]
struct Map<'a> {
    external_id: &'a str,
    internal_id: &'a str,
}

#[derive(Serialize)]
struct Present<'a> {
    person: &'a str,
    present: bool,
}

/// Which mappings are looked at.
#[derive(Serialize)]
struct Look {
    limit: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// A page of mappings.
#[derive(Deserialize)]
struct Page {
    items: Vec<Mapped>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Mapped {
    external_id: String,
}

/// Which rules are looked at: they are listed by their ids.
#[derive(Serialize)]
struct LookForRules {
    after: &'static str,
    limit: u16,
}

#[derive(Deserialize)]
struct RulePage {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
}

/// How far it is with making devices.
#[derive(Default)]
enum Populate {
    #[default]
    No,
    Look {
        after: Option<String>,
    },
    Make,
    /// Rules are made as well.
    Rules,
    Done,
}

/// What was said so far.
#[derive(Default)]
pub(crate) struct Outward {
    /// How many devices were announced, and when the first of them.
    announced: usize,
    since: u64,
    populate: Populate,
    /// Devices that are mapped.
    mapped: BTreeSet<String>,
    /// Devices that are looked at, and made where they are not mapped.
    made: usize,
    /// What was said of each person.
    people: Vec<Option<bool>>,
    /// Until when nothing more is made, and said of people, because it was not taken.
    making: u64,
    saying: u64,
    buf: Vec<u8>,
}

impl Outward {
    pub(crate) fn new(settings: &Settings) -> Outward {
        Outward {
            populate: match settings.populate {
                true => Populate::Look { after: None },
                false => Populate::No,
            },
            people: vec![None; settings.people.into()],
            ..Outward::default()
        }
    }

    pub(crate) fn populated(&self) -> usize {
        self.made
    }

    /// Says what devices there are, again and again: whoever wants to know may come later.
    pub(crate) async fn announce(&mut self, cx: &Context, world: &World) -> Result<(), Error> {
        if world.now - self.since >= AGAIN {
            (self.announced, self.since) = (0, world.now);
        }
        for thing in world.things.iter().skip(self.announced).take(MOST_A_STEP) {
            let (_, kind, _) = thing.body.names();
            let (room_id, room_name) = ROOMS[thing.room];
            let discovered = Discovered {
                external_id: &thing.external_id,
                provider: "sim",
                name: &thing.name(),
                kind,
                room_id,
                room_name,
                // How it is changes; what it is does not.
                state: &thing.found,
            };
            cx.publish_value("external.device_discovered", &discovered)
                .await?;
            self.announced += 1;
        }
        Ok(())
    }

    /// Makes and maps the devices that are not mapped, where that is wanted.
    pub(crate) async fn populate(&mut self, cx: &Context, world: &mut World) -> Result<(), Error> {
        if world.now < self.making {
            return Ok(());
        }
        let done = match self.populate {
            Populate::No | Populate::Done => return Ok(()),
            Populate::Look { .. } => self.look(cx).await,
            Populate::Make => self.make(cx, world).await,
            Populate::Rules => self.make_rules(cx).await,
        };
        if let Err(error) = done {
            self.making = retry(world, &error);
        }
        Ok(())
    }

    /// Looks at one more page of what is mapped: that is left as it is.
    async fn look(&mut self, cx: &Context) -> Result<(), Error> {
        let Populate::Look { after } = &self.populate else {
            return Ok(());
        };
        let look = Look {
            limit: PAGE,
            after: after.clone(),
        };
        let reply = self.call(cx, "devices.list_mappings", &look).await?;
        let page: Page = serde_json::from_slice(reply.as_bytes()).map_err(|error| {
            Error::format("invalid_reply", format_args!("devices.list_mappings: {error}"))
        })?;
        let ids = page.items.into_iter().map(|item| item.external_id);
        self.mapped.extend(ids.filter(|id| id.starts_with("sim-")));
        self.populate = match page.next {
            Some(after) => Populate::Look { after: Some(after) },
            None => Populate::Make,
        };
        Ok(())
    }

    async fn make(&mut self, cx: &Context, world: &mut World) -> Result<(), Error> {
        for thing in world.things.iter_mut().skip(self.made).take(MOST_A_STEP) {
            if !self.mapped.contains(&thing.external_id) {
                let (_, kind, _) = thing.body.names();
                let (room_id, room_name) = ROOMS[thing.room];
                let create = Create {
                    id: &thing.id,
                    name: &thing.name(),
                    kind,
                    room_id,
                    room_name,
                };
                self.call(cx, "devices.create", &create).await?;
                let map = Map {
                    external_id: &thing.external_id,
                    internal_id: &thing.id,
                };
                self.call(cx, "devices.create_mapping", &map).await?;
                // What it said before nobody knew whom it meant.
                thing.reported = None;
            }
            self.made += 1;
        }
        if self.made == world.things.len() {
            self.populate = Populate::Rules;
        }
        Ok(())
    }

    /// Makes the rules that are not there; one that is there is left as it is.
    async fn make_rules(&mut self, cx: &Context) -> Result<(), Error> {
        let look = LookForRules {
            after: rules::PREFIX,
            limit: 100,
        };
        let reply = self.call(cx, "automation.list", &look).await?;
        let there: RulePage = serde_json::from_slice(reply.as_bytes())
            .map_err(|error| Error::format("invalid_reply", format_args!("automation.list: {error}")))?;
        for rule in rules::RULES {
            let rule: Value = serde_json::from_str(rule)
                .map_err(|error| Error::format("invalid_rule", format_args!("{error}")))?;
            if there.rules.iter().all(|known| rule["id"] != known.id) {
                self.call(cx, "automation.create", &rule).await?;
            }
        }
        self.populate = Populate::Done;
        Ok(())
    }

    /// Says who is at home, to whoever wants to know.
    pub(crate) async fn say_presence(&mut self, cx: &Context, world: &World) -> Result<(), Error> {
        for (person, name) in NAMES.iter().enumerate().take(self.people.len()) {
            let present = world.is_present(person);
            if present == self.people[person] || world.now < self.saying {
                continue;
            }
            let said = Present {
                person: name,
                present: present == Some(true),
            };
            match self.call(cx, "presence.set", &said).await {
                Ok(_) => self.people[person] = present,
                Err(error) => self.saying = retry(world, &error),
            }
        }
        Ok(())
    }

    async fn call<T: Serialize + Sync + ?Sized>(
        &mut self,
        cx: &Context,
        service: &str,
        args: &T,
    ) -> Result<Json<'_>, Error> {
        let text = serde_json::to_vec(args).unwrap_or_default();
        let args = Json::new(&text).map_err(|error| Error::format("encode", format_args!("{error}")))?;
        self.buf.resize(MAX_REPLY, 0);
        Ok(cx.call(service, args, &mut self.buf).await?)
    }
}

/// When it is tried again. That nobody has the service is nobody's mistake.
fn retry(world: &World, error: &Error) -> u64 {
    match error.code() {
        "not_found" => log::debug!("tried again in a while: {error}"),
        _ => log::warn!("tried again in a while: {error}"),
    }
    world.now + RETRY
}
