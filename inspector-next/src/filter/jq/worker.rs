//! The process that evaluates: reads an expression, then batches of events, until its input ends.

use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::Range;
use std::time::{Duration, Instant};

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};

use super::{SHOWN, wire};

/// The memory it may have.
const MEMORY: u64 = 1 << 30;
/// How long results are kept back at most.
const FLUSH: Duration = Duration::from_millis(20);

type Filter = jaq_core::Filter<data::JustLut<Val>>;

/// Evaluates for the inspector that started this process, over standard input and output.
///
/// # Errors
///
/// When a limit cannot be set, or the inspector is gone.
pub fn run() -> io::Result<()> {
    limit()?;
    let stdin = BufReader::with_capacity(1 << 16, io::stdin().lock());
    let stdout = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match serve(stdin, stdout) {
        // The inspector is done with it.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        other => other,
    }
}

fn limit() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let at_most = |most| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(Resource::As, at_most(MEMORY))?;
    setrlimit(Resource::Core, at_most(0))?;
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

fn serve(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let code = String::from_utf8_lossy(&wire::text(&mut from)?).into_owned();
    let filter = match compile(&code) {
        Ok(filter) => filter,
        Err((span, reason)) => {
            wire::put_compiled(&mut to, Some((span, &reason)))?;
            return to.flush();
        }
    };
    wire::put_compiled(&mut to, None)?;
    to.flush()?;
    loop {
        // All of a batch is read before anything is answered, so that neither side waits for the other.
        let batch = wire::text(&mut from)?;
        let mut batch = batch.as_slice();
        let mut flushed = Instant::now();
        while !batch.is_empty() {
            let seq = wire::number(&mut batch)?;
            let time = wire::number(&mut batch)?;
            let topic = wire::text(&mut batch)?;
            let source = wire::text(&mut batch)?;
            let payload = wire::text(&mut batch)?;
            match first_output(&filter, seq, time, &topic, &source, &payload) {
                Ok(None) => wire::put_number(&mut to, wire::NO)?,
                Ok(Some(output)) => {
                    wire::put_number(&mut to, wire::YES)?;
                    wire::put_text(&mut to, cut(&output).as_bytes())?;
                }
                Err(reason) => {
                    wire::put_number(&mut to, wire::FAILED)?;
                    wire::put_text(&mut to, cut(&reason).as_bytes())?;
                }
            }
            if flushed.elapsed() > FLUSH {
                to.flush()?;
                flushed = Instant::now();
            }
        }
        to.flush()?;
    }
}

/// The longest part at the start that is shown.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN)).unwrap_or(text)
}

fn compile(code: &str) -> Result<Filter, (Range<usize>, String)> {
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let modules = Loader::new(defs).load(&arena, File { code, path: () });
    let at = |part: &str| {
        // A part may also be of a definition of the library, or empty at the end.
        let span = load::span(code, part);
        if code.get(span.clone()).is_some() {
            span
        } else {
            0..code.len()
        }
    };
    let modules = modules.map_err(|errors| {
        let error = errors.into_iter().next().map(|(_, error)| error);
        match error {
            Some(load::Error::Lex(errors)) => match errors.into_iter().next() {
                Some((expected, found)) => (at(found), format!("jq: {} expected", expected.as_str())),
                None => whole(code),
            },
            Some(load::Error::Parse(errors)) => match errors.into_iter().next() {
                Some((expected, "")) => (
                    code.len()..code.len(),
                    format!("jq: {} expected at the end", expected.as_str()),
                ),
                Some((expected, found)) => (at(found), format!("jq: {} expected", expected.as_str())),
                None => whole(code),
            },
            Some(load::Error::Io(errors)) => match errors.into_iter().next() {
                Some((path, reason)) => (at(path), format!("jq: modules are not read here: {reason}")),
                None => whole(code),
            },
            None => whole(code),
        }
    })?;
    Compiler::default()
        .with_funs(funs)
        .with_global_vars(["$topic", "$source", "$seq", "$time"])
        .compile(modules)
        .map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
            first.map_or_else(
                || whole(code),
                |(name, undefined)| (at(name), format!("jq: undefined {} `{name}`", undefined.as_str())),
            )
        })
}

fn whole(code: &str) -> (Range<usize>, String) {
    (0..code.len(), "jq: not an expression".to_owned())
}

/// The first output, when it is neither `null` nor `false`.
fn first_output(
    filter: &Filter,
    seq: u64,
    time: u64,
    topic: &[u8],
    source: &[u8],
    payload: &[u8],
) -> Result<Option<String>, String> {
    let input = read::parse_single(payload).map_err(|error| format!("the payload is not JSON: {error}"))?;
    let number = |number: u64| Val::from(number as usize);
    let text = |text: &[u8]| Val::from(String::from_utf8_lossy(text).into_owned());
    let vars = Vars::new([text(topic), text(source), number(seq), number(time)]);
    let ctx = Ctx::<data::JustLut<Val>>::new(&filter.lut, vars);
    match filter.id.run((ctx, input)).map(unwrap_valr).next() {
        None | Some(Ok(Val::Null | Val::Bool(false))) => Ok(None),
        Some(Ok(output)) => Ok(Some(output.to_string())),
        Some(Err(error)) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(code: &str, payload: &str) -> Result<Option<String>, String> {
        let filter = compile(code).map_err(|(span, reason)| format!("{span:?} {reason}"))?;
        first_output(&filter, 7, 8, b"device.kitchen", b"thermo", payload.as_bytes())
    }

    #[test]
    fn the_first_output_decides() {
        assert_eq!(eval(".value * 2", r#"{"value":21}"#), Ok(Some("42".into())));
        assert_eq!(eval(".value > 30", r#"{"value":21}"#), Ok(None));
        assert_eq!(eval(".missing", r#"{"value":21}"#), Ok(None));
        assert_eq!(eval("empty", "1"), Ok(None));
        assert_eq!(eval("false, 1", "1"), Ok(None));
        assert_eq!(eval(". , error", "0"), Ok(Some("0".into())));
    }

    #[test]
    fn the_event_is_in_variables() {
        assert_eq!(
            eval("[$topic, $source, $seq, $time]", "null"),
            Ok(Some(r#"["device.kitchen","thermo",7,8]"#.into()))
        );
    }

    #[test]
    fn a_fault_has_its_place() {
        for (code, at) in [
            (". | foo", 4..7),
            (".a + ", 5..5),
            ("[1, 2", 5..5),
            ("$nope", 0..5),
            (".a ] b", 3..6),
        ] {
            let (span, reason) = compile(code).map(|_| ()).unwrap_err();
            assert_eq!(span, at, "{code}: {reason}");
        }
    }

    #[test]
    fn an_error_at_an_event_is_said() {
        assert!(eval(".a.b", r#"{"a":1}"#).unwrap_err().contains("cannot index"));
    }
}
