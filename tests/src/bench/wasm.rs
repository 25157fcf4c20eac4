//! A call to the example as a WebAssembly module, beside the same plugin built in; both in a host, from another thread.

use std::time::Instant;

use host_std::{Host, block_on};
use kernel_core::{Json, json_literal};

use super::call::LIMIT;
use super::harness::{Contender, Settings, compare};
use super::pinned;
use super::report::{Goal, Row};
use crate::wasm::{House, module};

const NAME: Json<'static> = json_literal!("\"Ада\"");

/// Nanoseconds that a call may take beyond one to the plugin that is built in.
const BEYOND: f64 = 20_000.0;

/// The comparison, and what a call takes beyond the other one.
///
/// # Errors
/// When a call was not answered, or there is no module.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    let module = module("example-wasm")?;
    let name = "call to a WASM plugin";
    let rows = pinned::both(&settings.finer(), name, (0.0, None), |settings, name, _| {
        let built_in = House::start(Host::builder().plugin::<example::Example>())?;
        let sandboxed = House::start(Host::builder())?;
        let package = sandboxed.package("example", "1.0.0", &module, "")?;
        sandboxed.install(&package)?;
        let contenders = vec![calls("in a sandbox", &sandboxed), calls("built in", &built_in)];
        compare(settings, name, contenders, None)
    })?;
    let beyond = |row: &Row| {
        let built_in = row.peers.first().map_or(0.0, |peer| peer.value.median);
        let name = row.name.replace("call to", "beyond the built-in one, call to");
        Row::figure(&name, "ns", &[row.ours.median - built_in], Goal::AtMost(BEYOND))
    };
    let beyond: Vec<Row> = rows.iter().map(beyond).collect();
    Ok(rows.into_iter().chain(beyond).collect())
}

fn calls<'a>(name: &'static str, house: &'a House) -> Contender<'a> {
    let services = house.runtime().services();
    Contender::new(name, move |count| {
        let mut buf = [0; 128];
        let begun = Instant::now();
        for _ in 0..count {
            let reply = block_on(services.call_within("example.hello", NAME, LIMIT, &mut buf));
            reply.map_err(|cause| format!("not answered: {cause}"))?;
        }
        Ok(begun.elapsed())
    })
}
