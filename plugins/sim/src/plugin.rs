//! The plugin: the house's way to the runtime.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use kernel_core::{Context, Error, Instant};
use plugin_kit::{Args, Arguments, ContextValues, log, plugin, unix_time};
use serde::{Deserialize, Serialize};

use crate::outward::{Outward, Report};
use crate::people::NAMES;
use crate::settings::Settings;
use crate::thing::Fields;
use crate::time::Time;
use crate::world::World;

/// The plugin. See the crate's documentation.
#[derive(Default)]
pub struct Sim {
    world: Option<World>,
    outward: Outward,
    last: Instant,
    /// In place of those of the configuration.
    settings: Option<Settings>,
}

impl Sim {
    /// The plugin with these settings, for a program whose runtime has no configuration, as on a chip.
    pub fn with_settings(settings: Settings) -> Sim {
        Sim {
            settings: Some(settings),
            ..Sim::default()
        }
    }
}

/// The payload of a command; what else it has is not looked at.
#[derive(Deserialize)]
struct Requested {
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    params: Fields,
}

impl Arguments for Requested {}

/// A device that is to drop off.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DropOff {
    /// Its id.
    #[cfg_attr(feature = "host", schemars(extend("x-existing" = true)))]
    pub external_id: String,
    /// For so many seconds: 1 to 86,400.
    #[cfg_attr(feature = "host", schemars(range(min = 1, max = 86_400)))]
    pub seconds: u32,
}

impl Arguments for DropOff {
    const NAMES: &'static [&'static str] = &["external_id", "seconds"];
}

/// How the house is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "host", derive(schemars::JsonSchema))]
pub struct Status {
    /// How many devices there are.
    pub devices: usize,
    /// Those of them that are made and mapped, where the house is populated.
    pub populated: usize,
    /// Devices that are not to be reached: the first twenty.
    pub away: Vec<String>,
    /// Commands that are not done yet.
    pub waiting: usize,
    /// Who is at home.
    pub present: Vec<String>,
}

#[plugin(
    name = "sim",
    description = "A simulated house, which acts as an integration would",
    author = "Home Console",
    buffer = 512,
    schema = "host"
)]
impl Sim {
    #[load]
    async fn load(&mut self, cx: &Context, settings: Settings) -> Result<(), Error> {
        let settings = self.settings.take().unwrap_or(settings);
        settings.check()?;
        self.world = Some(World::new(&settings));
        self.outward = Outward::new(&settings);
        cx.set_interval(Duration::from_millis(settings.step_ms.into()))
            .await?;
        Ok(())
    }

    #[start]
    fn start(&mut self, cx: &Context) -> Result<(), Error> {
        self.last = cx.now();
        Ok(())
    }

    #[tick]
    async fn tick(&mut self, cx: &Context) -> Result<(), Error> {
        let Some(world) = &mut self.world else {
            return Ok(());
        };
        let now = cx.now();
        let span = now.since(core::mem::replace(&mut self.last, now));
        let since_epoch = unix_time(cx).await?;
        let time = Time::at(since_epoch.unwrap_or(Duration::from_millis(world.now) + span));
        let reports = world.step(span.as_millis() as u64, time);
        self.outward.announce(cx, world).await?;
        self.outward.populate(cx, world).await?;
        self.outward.say_presence(cx, world).await?;
        for thing in reports.into_iter().filter_map(|index| world.things.get(index)) {
            let report = Report {
                external_id: &thing.external_id,
                state: &thing.body.state(world.now),
            };
            cx.publish_value("external.device_state_reported", &report)
                .await?;
        }
        Ok(())
    }

    #[on("internal.device_command_requested")]
    fn requested(&mut self, Args(requested): Args<Requested>) -> Result<(), Error> {
        if let (Some(external_id), Some(world)) = (&requested.external_id, &mut self.world)
            && !world.command(external_id, requested.params)
        {
            log::debug!("a command for {external_id:?}, which is of somebody else");
        }
        Ok(())
    }

    /// How the house is.
    #[service(".status", reads)]
    fn status(&self) -> Result<Status, Error> {
        let things = self.world.as_ref().map_or(&[][..], |world| &world.things);
        let away = things.iter().filter(|thing| thing.away.is_some());
        let is_present = |person: usize| self.world.as_ref()?.is_present(person);
        let present = NAMES
            .iter()
            .enumerate()
            .filter(|(person, _)| is_present(*person) == Some(true));
        Ok(Status {
            devices: things.len(),
            populated: self.outward.populated(),
            away: away.map(|thing| thing.external_id.clone()).take(20).collect(),
            waiting: things.iter().filter(|thing| thing.todo.is_some()).count(),
            present: present.map(|(_, name)| (*name).to_owned()).collect(),
        })
    }

    /// Makes a device drop off for a while.
    #[service(".drop_off", examples = [r#"{"external_id": "sim-lamp_kitchen", "seconds": 600}"#])]
    fn drop_off(&mut self, args: Args<DropOff>) -> Result<(), Error> {
        if !(1..=86_400).contains(&args.seconds) {
            return Err(Error::format(
                "invalid_argument",
                format_args!("seconds: {}, 1 to 86400 is allowed", args.seconds),
            ));
        }
        let span = u64::from(args.seconds) * 1_000;
        let world = self.world.as_mut();
        match world.is_some_and(|world| world.drop_off(&args.external_id, span)) {
            true => Ok(()),
            false => Err(Error::format(
                "not_found",
                format_args!("there is no device {:?} here", args.external_id),
            )),
        }
    }
}
