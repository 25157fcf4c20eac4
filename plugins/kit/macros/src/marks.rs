//! What a method is marked with: `#[on(..)]`, `#[service(..)]`, `#[every(..)]` and the hooks.

use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Lit, LitStr, Meta, Result, Token};

use crate::args::{number, text};

/// A mark.
pub(crate) enum Mark {
    /// The filters of events; none for all that the plugin gets.
    On(Vec<LitStr>),
    Service(Service),
    /// Milliseconds.
    Every(u64, Span),
    Hook(Hook),
}

/// What is said of a service.
pub(crate) struct Service {
    pub(crate) name: LitStr,
    pub(crate) version: Option<LitStr>,
    pub(crate) deprecated: bool,
    pub(crate) reads: bool,
    /// Arguments, for people: JSON.
    pub(crate) examples: Vec<LitStr>,
}

/// A hook without a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    Load,
    Start,
    Tick,
    Stop,
    Unload,
}

impl Mark {
    /// The mark, when the attribute is one.
    pub(crate) fn new(attribute: &Attribute) -> Option<Result<Mark>> {
        let name = attribute.path().get_ident()?.to_string();
        let hook = match name.as_str() {
            "on" => return Some(on(attribute)),
            "event" => return Some(attribute.meta.require_path_only().map(|_| Mark::On(Vec::new()))),
            "service" => return Some(service(attribute)),
            "every" => return Some(every(attribute)),
            "load" => Hook::Load,
            "start" => Hook::Start,
            "tick" => Hook::Tick,
            "stop" => Hook::Stop,
            "unload" => Hook::Unload,
            _ => return None,
        };
        Some(attribute.meta.require_path_only().map(|_| Mark::Hook(hook)))
    }
}

/// The texts of `#[on("a", "b")]`.
fn on(attribute: &Attribute) -> Result<Mark> {
    let usage = r#"a filter is wanted here: #[on("sensor.*.temperature")]"#;
    let filters = attribute
        .parse_args_with(Punctuated::<LitStr, Token![,]>::parse_terminated)
        .map_err(|error| Error::new(error.span(), usage))?;
    match filters.is_empty() {
        true => Err(Error::new_spanned(attribute, usage)),
        false => Ok(Mark::On(filters.into_iter().collect())),
    }
}

fn service(attribute: &Attribute) -> Result<Mark> {
    let usage = r#"a name is wanted first: #[service("thermostat.set")]"#;
    let wrong = |error: Error| Error::new(error.span(), usage);
    let items = attribute
        .parse_args_with(Punctuated::<Expr, Token![,]>::parse_terminated)
        .map_err(wrong)?;
    let mut items = items.into_iter();
    let first = items.next().ok_or_else(|| Error::new_spanned(attribute, usage))?;
    let name = text(&first).map_err(wrong)?;
    if name.value().contains(['*', '>']) {
        return Err(Error::new_spanned(
            name,
            "a service has one name: wildcards are for #[on(..)]",
        ));
    }
    let mut service = Service {
        name,
        version: None,
        deprecated: false,
        reads: false,
        examples: Vec::new(),
    };
    for item in items {
        match &item {
            Expr::Path(path) if path.path.is_ident("deprecated") => service.deprecated = true,
            Expr::Path(path) if path.path.is_ident("reads") => service.reads = true,
            Expr::Assign(pair) if is_named(&pair.left, "version") => {
                service.version = Some(text(&pair.right)?)
            }
            Expr::Assign(pair) if is_named(&pair.left, "examples") => service.examples = texts(&pair.right)?,
            other => {
                let known =
                    r#"not known here: there are version = "2", reads, deprecated, and examples = ["JSON"]"#;
                return Err(Error::new_spanned(other, known));
            }
        }
    }
    Ok(Mark::Service(service))
}

fn is_named(value: &Expr, name: &str) -> bool {
    matches!(value, Expr::Path(path) if path.path.is_ident(name))
}

fn texts(value: &Expr) -> Result<Vec<LitStr>> {
    match value {
        Expr::Array(list) => list.elems.iter().map(text).collect(),
        other => Err(Error::new_spanned(
            other,
            r##"a list is wanted here: [r#"{"target": 21.5}"#]"##,
        )),
    }
}

/// The time of `#[every(minutes = 1, seconds = 30)]`, all units together.
fn every(attribute: &Attribute) -> Result<Mark> {
    let usage =
        "a time is wanted here: milliseconds, seconds, minutes or hours, as in #[every(seconds = 60)]";
    let wrong = |span: Span| Error::new(span, usage);
    let units = attribute
        .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
        .map_err(|error| wrong(error.span()))?;
    let mut millis = 0u64;
    for unit in &units {
        let Meta::NameValue(pair) = unit else {
            return Err(wrong(unit.span()));
        };
        let name = pair.path.require_ident()?.to_string();
        let factor = match name.as_str() {
            "milliseconds" => 1,
            "seconds" => 1_000,
            "minutes" => 60_000,
            "hours" => 3_600_000,
            _ => return Err(wrong(pair.path.span())),
        };
        let count: u64 = number(&pair.value)?;
        millis = millis.saturating_add(count.saturating_mul(factor));
    }
    match millis {
        0 => Err(wrong(attribute.span())),
        millis => Ok(Mark::Every(millis, attribute.path().span())),
    }
}

/// The first paragraph of the documentation, on one line.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text), ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let text: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    let first = text
        .iter()
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty());
    first.map(String::as_str).collect::<Vec<_>>().join(" ")
}
