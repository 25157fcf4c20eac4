//! What integrations find, and which devices that is.

use alloc::string::String;

use kernel_core::{Context, Error};

use crate::args::{Create, CreateMapping};
use crate::device::{Device, External, Mapping, MappingRow};
use crate::house::{House, is_key};
use crate::limits::{self, MAX_DISCOVERY, MAX_EXTERNAL_ID, MAX_ID, MAX_NAME, MAX_STATE, MAX_TYPE, invalid};
use crate::replies::{AutoMapped, Mapped, Unmapped};
use crate::rows::{Keys, is_of_the_row};
use crate::state::Fields;

/// Devices that one call makes.
const MOST_A_CALL: u32 = 500;
/// Errors that a reply names.
const MOST_ERRORS: usize = 8;

impl House {
    /// Keeps what an integration found, where it is other than what it said before.
    pub(crate) async fn discovered(&mut self, cx: &Context, payload: Fields) -> Result<(), Error> {
        let external_id = payload.get("external_id").and_then(|id| id.as_str());
        let Some(external_id) = external_id.map(String::from) else {
            return Err(invalid(format_args!("external_id: a string is wanted")));
        };
        limits::name("external_id", &external_id, MAX_EXTERNAL_ID)?;
        limits::fields("payload", &payload, MAX_DISCOVERY)?;
        match self.rows.get::<External>(cx, &external_id).await {
            Ok(Some(known)) if known.payload == payload => return Ok(()),
            Err(error) if !is_of_the_row(&error) => return Err(error),
            _ => {}
        }
        self.rows.set::<External>(cx, &external_id, &payload).await
    }

    pub(crate) async fn create_mapping(
        &mut self,
        cx: &Context,
        args: CreateMapping,
    ) -> Result<Mapped, Error> {
        limits::name("external_id", &args.external_id, MAX_EXTERNAL_ID)?;
        self.device(cx, &args.internal_id).await?;
        self.map(cx, args.external_id, args.internal_id).await
    }

    async fn map(&mut self, cx: &Context, external_id: String, internal_id: String) -> Result<Mapped, Error> {
        let row = MappingRow { internal_id };
        if self.index.internal(&external_id) != Some(&row.internal_id) {
            self.rows.set::<Mapping>(cx, &external_id, &row).await?;
            self.index.map(&external_id, &row.internal_id);
        }
        Ok(Mapped {
            ok: true,
            external_id,
            internal_id: row.internal_id,
        })
    }

    pub(crate) async fn delete_mapping(
        &mut self,
        cx: &Context,
        external_id: String,
    ) -> Result<Unmapped, Error> {
        let is_there = is_key(&external_id) && self.rows.delete::<Mapping>(cx, &external_id).await?;
        self.index.unmap(&external_id);
        match is_there {
            true => Ok(Unmapped {
                ok: true,
                external_id,
            }),
            false => Err(Error::format(
                "not_found",
                format_args!("there is no mapping of {external_id:?}"),
            )),
        }
    }

    /// Makes devices of what was found and is not mapped.
    pub(crate) async fn auto_map(
        &mut self,
        cx: &Context,
        provider: Option<&str>,
    ) -> Result<AutoMapped, Error> {
        let mut done = AutoMapped {
            ok: true,
            ..AutoMapped::default()
        };
        let mut keys = Keys::after("");
        while let Some(key) = self.rows.next_key::<External>(cx, &mut keys).await? {
            let is_mapped = self.index.internal(&key).is_some();
            if is_mapped && provider.is_none() {
                done.skipped += 1;
                continue;
            }
            let external = match self.rows.get::<External>(cx, &key).await {
                Ok(Some(external)) => external,
                Ok(None) => continue,
                Err(error) => {
                    note(&mut done, error)?;
                    continue;
                }
            };
            if provider.is_some() && external.text(&["provider"]) != provider {
                continue;
            }
            if is_mapped {
                done.skipped += 1;
                continue;
            }
            if done.created == MOST_A_CALL {
                done.more = true;
                break;
            }
            match self.adopt(cx, &external).await {
                Ok(()) => done.created += 1,
                Err(error) => note(&mut done, error)?,
            }
        }
        Ok(done)
    }

    /// Makes a device of what was found, and maps it. One that is there, and of nobody, is taken as it is.
    async fn adopt(&mut self, cx: &Context, external: &External) -> Result<(), Error> {
        let external_id = &external.external_id;
        let id = id_of(external_id)?;
        if let [other, ..] = self.index.externals(&id) {
            return Err(invalid(format_args!("{external_id}: {id} is mapped to {other}")));
        }
        if self.find(cx, &id).await?.is_none() {
            self.make(cx, &id, external).await?;
        }
        self.map(cx, external_id.clone(), id).await?;
        Ok(())
    }

    async fn make(&mut self, cx: &Context, id: &str, external: &External) -> Result<Device, Error> {
        let text = |name| external.text(&[name]).map(String::from);
        let kind = external.text(&["type"]);
        let short: String = external.external_id.chars().take(8).collect();
        let named = external.text(&["name", "title"]).map(|name| cut(name, MAX_NAME));
        let name = named.unwrap_or_else(|| format!("{} ({short})", kind.unwrap_or("device")));
        let kind = kind.filter(|kind| limits::token("type", kind, MAX_TYPE).is_ok());
        let mut device = self
            .create(
                cx,
                Create {
                    id: id.into(),
                    name: Some(name),
                    kind: kind.map(String::from),
                    home_id: text("home_id"),
                    home_name: text("home_name"),
                    room_id: text("room_id"),
                    room_name: text("room_name"),
                    ..Create::default()
                },
            )
            .await?;
        // What it was found with is what it reported.
        if let Some(state) = external.payload.get("state").and_then(|state| state.as_object()) {
            limits::fields("state", state, MAX_STATE)?;
            device.state.reported = state.clone();
            device = self.add(cx, device).await?;
        }
        Ok(device)
    }
}

/// The id of the device that is made for this external one: what a token of a topic does not have is `_`.
fn id_of(external_id: &str) -> Result<String, Error> {
    let mut id = String::from("device-");
    for letter in external_id.chars() {
        let is_plain = limits::token("id", letter.encode_utf8(&mut [0; 4]), 4).is_ok();
        id.push(if is_plain { letter } else { '_' });
    }
    limits::token("id", &id, MAX_ID)?;
    Ok(id)
}

/// The beginning of a text, of at most `max` bytes.
fn cut(text: &str, max: usize) -> String {
    let mut short = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if short.len() + letter.len_utf8() > max {
            break;
        }
        short.push(letter);
    }
    short
}

/// Notes what could not be mapped; an error of the storage itself ends it.
fn note(done: &mut AutoMapped, error: Error) -> Result<(), Error> {
    if !is_of_the_row(&error) && !error.is_by_caller() {
        return Err(error);
    }
    if done.errors.len() < MOST_ERRORS {
        done.errors.push(format!("{error}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_of_what_a_topic_takes() {
        assert_eq!(id_of("yandex-light").unwrap(), "device-yandex-light");
        assert_eq!(id_of("192.168.1.5 *>").unwrap(), "device-192_168_1_5___");
        assert!(id_of(&"x".repeat(122)).is_err());
        assert_eq!(cut("Lampe\n ä", 7), "Lampe ");
    }
}
