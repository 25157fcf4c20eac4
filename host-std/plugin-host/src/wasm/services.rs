//! What a module says of its services: see the exports of the crate `plugin-wasm`.

use kernel_core::Error;
use plugin_wasm::packed::SERVICES;
use serde::Deserialize;
use wasmi::{Instance, Store, TypedFunc};

use super::life::State;
use crate::services::About;
use crate::text::without_place;

/// The longest list, in bytes.
const LONGEST: usize = 1 << 20;

#[derive(Deserialize)]
struct One {
    name: String,
    #[serde(flatten)]
    about: About,
}

/// The function that says where the list lies, if the module has it.
pub(super) fn function(instance: &Instance, store: &Store<State>) -> Option<TypedFunc<(), u64>> {
    instance.get_typed_func(store, SERVICES).ok()
}

/// Keeps the list at this place of the module's memory: the address in the upper half, its bytes in the lower one. A
/// name below the module's own is kept below the one that it is installed under.
///
/// # Errors
/// `invalid_module`: what is wrong with the list.
pub(super) fn keep(store: &Store<State>, own: &str, place: u64) -> Result<(), Error> {
    let invalid = |wrong: &str| Error::new("invalid_module", &format!("its services: {wrong}"));
    let (at, len) = ((place >> 32) as usize, (place & u64::from(u32::MAX)) as usize);
    if len > LONGEST {
        return Err(invalid(&format!("{len} bytes; {LONGEST} are the most")));
    }
    let state = store.data();
    let memory = state.memory.map_or(&[][..], |memory| memory.data(store));
    let list = memory.get(at..at.saturating_add(len));
    let list = list.ok_or_else(|| invalid(&format!("{len} bytes at {at} are not within its memory")))?;
    let list: Vec<One> = serde_json::from_slice(list).map_err(|cause| invalid(&without_place(&cause)))?;
    let identity = state.life.guard.identity();
    for One { mut name, about } in list {
        if let Some(below) = name.strip_prefix(own).filter(|below| below.starts_with('.')) {
            name = format!("{}{below}", identity.name);
        }
        identity
            .services
            .add(&identity.name, &name, about)
            .map_err(|wrong| invalid(&wrong))?;
    }
    Ok(())
}
