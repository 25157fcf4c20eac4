//! The plugin: which service, event and tick leads where.

use alloc::string::String;

use kernel_core::{Context, Error, Event, Overflow};
use plugin_kit::{Args, log, plugin};
use serde_json::Value;

use crate::args::{
    Create, CreateMapping, DeviceId, ExternalId, List, ListDevices, ListExternal, Provider, Report, Reported,
    SetState, Update,
};
use crate::device::{Device, External, Mapping};
use crate::house::House;
use crate::limits::{MAX_NAME, invalid, name};
use crate::list::Wanted;
use crate::replies::{AutoMapped, Deleted, Listed, Mapped, Queued, Received, Unmapped};
use crate::settings::Settings;
use crate::state::Fields;

/// The plugin. See the crate's documentation.
#[derive(Default)]
pub struct Devices {
    house: House,
    /// In place of those of the configuration.
    settings: Option<Settings>,
}

impl Devices {
    /// The plugin with these settings, for a program whose runtime has no configuration, as on a chip.
    pub fn with_settings(settings: Settings) -> Devices {
        Devices {
            settings: Some(settings),
            ..Devices::default()
        }
    }
}

#[plugin(
    name = "devices",
    description = "Devices, what is wanted of them and what they report",
    author = "Home Console",
    writes = ["devices_mappings", "devices_external"],
    // Whoever reports faster than rows are written waits; nothing that was reported is lost.
    overflow = Overflow::Block,
    // Thousands of rows are read at the beginning.
    hook_timeout = core::time::Duration::from_secs(60),
    buffer = 256,
    schema = "host"
)]
impl Devices {
    #[load]
    async fn load(&mut self, cx: &Context, settings: Settings) -> Result<(), Error> {
        self.house.settings = self.settings.unwrap_or(settings).check()?;
        cx.set_interval(self.house.settings.interval()).await?;
        self.house.load(cx).await
    }

    /// Makes a device. One that is there gets what is said of it, and keeps the rest.
    #[service(".create", examples = [
        r#"{"id": "lamp_kitchen", "name": "Lamp", "type": "light", "room_id": "kitchen", "shared_with": ["anna"]}"#
    ])]
    async fn create(&mut self, cx: &Context, Args(args): Args<Create>) -> Result<Device, Error> {
        self.house.create(cx, args).await
    }

    /// A device.
    #[service(".get", reads, examples = [r#"{"id": "lamp_kitchen"}"#])]
    async fn get(&mut self, cx: &Context, args: Args<DeviceId>) -> Result<Device, Error> {
        self.house.device(cx, &args.id).await
    }

    /// All devices, or those that a user may use; with limit or after a page of them.
    #[service(".list", reads, examples = [r#"{"limit": 100, "after": "lamp_kitchen"}"#, "{}"])]
    async fn list(&mut self, cx: &Context, Args(args): Args<ListDevices>) -> Result<Listed<Device>, Error> {
        let wanted = Wanted {
            limit: args.limit,
            after: args.after,
        };
        let user = args.user.as_deref();
        user.map_or(Ok(()), |user| name("user", user, MAX_NAME))?;
        let overlay = |house: &House, mut device: Device| {
            house.overlay(&mut device);
            user.is_none_or(|user| device.is_for(user)).then_some(device)
        };
        self.house.list(cx, wanted, overlay).await
    }

    /// Changes what is said of a device, but not its state.
    #[service(".update", examples = [r#"{"id": "lamp_kitchen", "name": "Ceiling", "room_id": null}"#])]
    async fn update(&mut self, cx: &Context, Args(args): Args<Update>) -> Result<Device, Error> {
        self.house.update(cx, args).await
    }

    /// Deletes a device with its mappings.
    #[service(".delete", examples = [r#"{"id": "lamp_kitchen"}"#])]
    async fn delete(&mut self, cx: &Context, args: Args<DeviceId>) -> Result<Deleted, Error> {
        self.house.remove(cx, &args.id).await
    }

    /// Asks a device to have these fields so: published as a command for its integration.
    #[service(".set_state", examples = [r#"{"id": "lamp_kitchen", "state": {"on": true, "brightness": 50}}"#])]
    async fn set_state(&mut self, cx: &Context, args: Args<SetState>) -> Result<Queued, Error> {
        self.house.command(cx, &args.id, "set_state", &args.state).await
    }

    /// Asks a device to be on.
    #[service(".turn_on", examples = [r#"{"id": "lamp_kitchen"}"#, r#""lamp_kitchen""#])]
    async fn turn_on(&mut self, cx: &Context, args: Args<DeviceId>) -> Result<Queued, Error> {
        self.house.command(cx, &args.id, "turn_on", &on(true)).await
    }

    /// Asks a device to be off.
    #[service(".turn_off", examples = [r#"{"id": "lamp_kitchen"}"#, r#""lamp_kitchen""#])]
    async fn turn_off(&mut self, cx: &Context, args: Args<DeviceId>) -> Result<Queued, Error> {
        self.house.command(cx, &args.id, "turn_off", &on(false)).await
    }

    /// Takes what a device reports, as the event external.device_state_reported does.
    #[service(".report", examples = [
        r#"{"id": "lamp_kitchen", "state": {"on": true}, "online": true}"#,
        r#"{"external_id": "zigbee-0x01", "state": {"on": true}}"#
    ])]
    async fn report(&mut self, cx: &Context, args: Args<Report>) -> Result<Received, Error> {
        let id = match (&args.id, &args.external_id) {
            (Some(id), None) => id.clone(),
            (None, Some(external_id)) => self
                .house
                .index
                .internal(external_id)
                .map(String::from)
                .ok_or_else(|| {
                    Error::format(
                        "not_found",
                        format_args!("there is no mapping of {external_id:?}"),
                    )
                })?,
            _ => return Err(invalid(format_args!("id or external_id is wanted, and not both"))),
        };
        self.house.report(cx, &id, &args.state, args.online).await
    }

    /// What integrations found, all of it or with limit or after a page.
    #[service(".list_external", reads, examples = [r#"{"provider": "zigbee", "limit": 100, "after": "zigbee-0x01"}"#, "{}"])]
    async fn list_external(
        &mut self,
        cx: &Context,
        Args(args): Args<ListExternal>,
    ) -> Result<Listed<External>, Error> {
        let provider = checked(args.provider)?;
        let wanted = Wanted {
            limit: args.limit,
            after: args.after,
        };
        let keep = |_: &House, external: External| {
            let is_wanted = provider.is_none() || external.text(&["provider"]) == provider.as_deref();
            is_wanted.then_some(external)
        };
        self.house.list(cx, wanted, keep).await
    }

    /// Says which device an integration's id stands for; one that is mapped is mapped anew.
    #[service(".create_mapping", examples = [r#"{"external_id": "zigbee-0x01", "internal_id": "lamp_kitchen"}"#])]
    async fn create_mapping(
        &mut self,
        cx: &Context,
        Args(args): Args<CreateMapping>,
    ) -> Result<Mapped, Error> {
        self.house.create_mapping(cx, args).await
    }

    /// All mappings, or with limit or after a page of them.
    #[service(".list_mappings", reads, examples = [r#"{"limit": 100, "after": "zigbee-0x01"}"#, "{}"])]
    async fn list_mappings(
        &mut self,
        cx: &Context,
        Args(args): Args<List>,
    ) -> Result<Listed<Mapping>, Error> {
        let wanted = Wanted {
            limit: args.limit,
            after: args.after,
        };
        self.house.list(cx, wanted, |_, mapping| Some(mapping)).await
    }

    /// Takes a mapping away; its device stays.
    #[service(".delete_mapping", examples = [r#"{"external_id": "zigbee-0x01"}"#])]
    async fn delete_mapping(
        &mut self,
        cx: &Context,
        Args(args): Args<ExternalId>,
    ) -> Result<Unmapped, Error> {
        self.house.delete_mapping(cx, args.external_id).await
    }

    /// Makes devices of what integrations found and what is not mapped, 500 at most.
    #[service(".auto_map_external", examples = [r#"{"provider": "zigbee"}"#, "{}"])]
    async fn auto_map_external(
        &mut self,
        cx: &Context,
        Args(args): Args<Provider>,
    ) -> Result<AutoMapped, Error> {
        let provider = checked(args.provider)?;
        self.house.auto_map(cx, provider.as_deref()).await
    }

    #[on("external.device_discovered")]
    async fn discovered(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
        let payload = serde_json::from_slice(event.payload().as_bytes())
            .map_err(|error| invalid(format_args!("{error}")))?;
        self.house.discovered(cx, payload).await
    }

    #[on("external.device_state_reported")]
    async fn reported(
        &mut self,
        cx: &Context,
        event: Event<'_>,
        reported: Args<Reported>,
    ) -> Result<(), Error> {
        if event.lost > 0 {
            log::warn!("{} events were lost before this one", event.lost);
        }
        self.house.reported(cx, &reported).await
    }

    #[tick]
    async fn tick(&mut self, cx: &Context) -> Result<(), Error> {
        self.house.sweep(cx).await
    }
}

fn on(on: bool) -> Fields {
    Fields::from_iter([(String::from("on"), Value::Bool(on))])
}

/// The name of an integration, if there is one.
fn checked(provider: Option<String>) -> Result<Option<String>, Error> {
    provider
        .iter()
        .try_for_each(|provider| name("provider", provider, MAX_NAME))?;
    Ok(provider)
}
