//! What a module may ask for: see the crate `plugin-wasm`.

use std::fmt;

use kernel_core::{Error, Waist};
use plugin_wasm::packed::{Asked, IMPORTS, MAX_OP, MAX_OUTCOME};
use wasmi::errors::HostError;
use wasmi::{Caller, Linker};

use super::life::{SLICE, State};
use crate::log::Level;

/// Their names.
pub(super) const NAMES: [&str; 7] = ["run", "leave", "wait", "now", "who", "log", "panicked"];

/// The longest line that is read of a module.
const LINE: usize = 4096;

/// Fuel that an operation takes beside a unit for each byte: what the runtime does is the module's time too.
const OPERATION: u64 = 1000;

/// Ends the module's life.
#[derive(Debug)]
pub(super) struct Ended(pub(super) Error);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl HostError for Ended {}

fn ended(code: &str, message: &str) -> wasmi::Error {
    wasmi::Error::host(Ended(Error::new(code, message)))
}

fn broken(what: &str) -> wasmi::Error {
    ended("protocol_error", what)
}

type Of<'a> = Caller<'a, State>;

/// Makes them known.
pub(super) fn link(linker: &mut Linker<State>) -> Result<(), wasmi::Error> {
    linker
        .func_wrap(IMPORTS, "run", run)?
        .func_wrap(IMPORTS, "leave", |mut of: Of<'_>, ticket: u32| {
            let life = &mut of.data_mut().life;
            if let Some(ticket) = life.tickets.take(ticket) {
                life.guard.leave(life.who, ticket);
            }
        })?
        .func_wrap(IMPORTS, "wait", |mut of: Of<'_>| {
            match of.data_mut().life.wait() {
                true => of.set_fuel(SLICE),
                false => Err(ended("unloaded", "its life is over")),
            }
        })?
        .func_wrap(IMPORTS, "now", |of: Of<'_>| {
            of.data().life.guard.now().as_micros()
        })?
        .func_wrap(IMPORTS, "who", |of: Of<'_>| of.data().life.who.to_bits())?
        .func_wrap(
            IMPORTS,
            "log",
            |mut of: Of<'_>, level: u32, text: u32, len: u32| {
                let level = match level {
                    1 => Level::Error,
                    2 => Level::Warn,
                    4 => Level::Debug,
                    5 => Level::Trace,
                    _ => Level::Info,
                };
                let line = line(&mut of, text, len)?;
                charge(&mut of, line.len())?;
                of.data().life.guard.identity().log.write(level, &line);
                Ok(())
            },
        )?
        .func_wrap(
            IMPORTS,
            "panicked",
            |mut of: Of<'_>, text: u32, len: u32| -> Result<(), wasmi::Error> {
                Err(ended("panic", &line(&mut of, text, len)?))
            },
        )?;
    Ok(())
}

/// The module's memory, and the rest.
fn parts<'a>(of: &'a mut Of<'_>) -> Result<(&'a mut [u8], &'a mut State), wasmi::Error> {
    let memory = of.data().memory.ok_or_else(|| broken("it has no memory"))?;
    Ok(memory.data_and_store_mut(of))
}

fn range(memory: &mut [u8], at: u32, len: u32) -> Result<&mut [u8], wasmi::Error> {
    let at = at as usize;
    let range = memory.get_mut(at..at.saturating_add(len as usize));
    range.ok_or_else(|| broken(&format!("{len} bytes at {at} are not within its memory")))
}

fn line(of: &mut Of<'_>, text: u32, len: u32) -> Result<String, wasmi::Error> {
    let (memory, _) = parts(of)?;
    let text = range(memory, text, len)?;
    Ok(String::from_utf8_lossy(text.get(..LINE).unwrap_or(text)).into_owned())
}

fn charge(of: &mut Of<'_>, bytes: usize) -> Result<(), wasmi::Error> {
    let left = of.get_fuel()?;
    of.set_fuel(left.saturating_sub(OPERATION + bytes as u64))
}

fn run(
    mut of: Of<'_>,
    op: u32,
    op_len: u32,
    buf: u32,
    buf_len: u32,
    outcome: u32,
) -> Result<u32, wasmi::Error> {
    charge(&mut of, op_len as usize)?;
    let (memory, state) = parts(&mut of)?;
    if op_len as usize > MAX_OP {
        return Err(broken(&format!(
            "an operation of {op_len} bytes: {MAX_OP} are the most"
        )));
    }
    // The buffer may lie anywhere, also where the operation is.
    state.op.clear();
    state.op.extend_from_slice(range(memory, op, op_len)?);
    let asked: Asked<'_> =
        postcard::from_bytes(&state.op).map_err(|_| broken("an operation that is none"))?;
    let came = state.life.perform(asked, range(memory, buf, buf_len)?);
    let to = range(memory, outcome, MAX_OUTCOME as u32)?;
    let written = postcard::to_slice(&came, to).map_err(|_| broken("the outcome has no room"))?;
    Ok(written.len() as u32)
}
