//! Devices come, change and go.

use kernel_core::{Context, Error};

use crate::args::{Create, Update};
use crate::device::{Device, Mapping, generic, unknown};
use crate::house::{House, time_of_day};
use crate::index::Known;
use crate::limits::{self, MAX_ID, MAX_NAME, MAX_TYPE};
use crate::replies::Deleted;
use crate::state::State;

impl House {
    /// Makes a device; one that is there gets what is said.
    pub(crate) async fn create(&mut self, cx: &Context, args: Create) -> Result<Device, Error> {
        if self.find(cx, &args.id).await?.is_some() {
            return self.update(cx, args.into()).await;
        }
        limits::token("id", &args.id, MAX_ID)?;
        let now = time_of_day(cx).await?;
        let mut device = Device {
            id: args.id.clone(),
            name: unknown(),
            kind: generic(),
            state: State::default(),
            created_at: now,
            updated_at: now,
            last_seen: None,
            online: false,
            home_id: None,
            home_name: None,
            room_id: None,
            room_name: None,
            owner_id: None,
            shared_with: None,
            more: Default::default(),
        };
        set(&mut device, args.into())?;
        self.add(cx, device).await
    }

    /// Stores a device that is new.
    pub(crate) async fn add(&mut self, cx: &Context, device: Device) -> Result<Device, Error> {
        self.store(cx, &device).await?;
        self.mirror(cx, &device.id, &device.state.reported).await;
        let known = Known::of(&device, cx.now());
        self.index.devices.insert(device.id.clone(), known);
        Ok(device)
    }

    pub(crate) async fn update(&mut self, cx: &Context, args: Update) -> Result<Device, Error> {
        let before = self.device(cx, &args.id).await?;
        let mut device = before.clone();
        set(&mut device, args)?;
        if device != before {
            device.updated_at = time_of_day(cx).await?;
            self.store(cx, &device).await?;
        }
        Ok(device)
    }

    /// Deletes a device with its mappings, these first: one that is left alone would be of nobody.
    pub(crate) async fn remove(&mut self, cx: &Context, id: &str) -> Result<Deleted, Error> {
        if !self.index.devices.contains_key(id) {
            self.device(cx, id).await?;
        }
        for external_id in self.index.externals(id).to_vec() {
            self.rows.delete::<Mapping>(cx, &external_id).await?;
            self.index.unmap(&external_id);
        }
        self.rows.delete::<Device>(cx, id).await?;
        self.index.devices.remove(id);
        self.unmirror(cx, id).await;
        Ok(Deleted {
            ok: true,
            id: id.into(),
        })
    }
}

impl From<Create> for Update {
    fn from(args: Create) -> Update {
        Update {
            id: args.id,
            name: args.name,
            kind: args.kind,
            home_id: args.home_id.map(Some),
            home_name: args.home_name.map(Some),
            room_id: args.room_id.map(Some),
            room_name: args.room_name.map(Some),
            owner_id: args.owner_id.map(Some),
            shared_with: args.shared_with.map(Some),
        }
    }
}

/// Sets what is said, or nothing where something of it does not fit.
fn set(device: &mut Device, args: Update) -> Result<(), Error> {
    if let Some(name) = args.name {
        limits::name("name", &name, MAX_NAME)?;
        device.name = name;
    }
    if let Some(kind) = args.kind {
        limits::token("type", &kind, MAX_TYPE)?;
        device.kind = kind;
    }
    for (what, said, place) in [
        ("home_id", args.home_id, &mut device.home_id),
        ("home_name", args.home_name, &mut device.home_name),
        ("room_id", args.room_id, &mut device.room_id),
        ("room_name", args.room_name, &mut device.room_name),
        ("owner_id", args.owner_id, &mut device.owner_id),
    ] {
        if let Some(said) = said {
            said.iter()
                .try_for_each(|text| limits::name(what, text, MAX_NAME))?;
            *place = said;
        }
    }
    if let Some(said) = args.shared_with {
        said.iter().try_for_each(|people| limits::shared_with(people))?;
        device.shared_with = said;
    }
    Ok(())
}
