//! What stands in `#[plugin(..)]`.

use proc_macro2::Ident;
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, LitInt, LitStr, Meta, Result, Token};

/// Those that are passed on to `PluginMetadata` as they are.
const METADATA: [&str; 9] = [
    "description",
    "author",
    "reads",
    "writes",
    "overflow",
    "restart",
    "hook_timeout",
    "handler_timeout",
    "handler_budget",
];

/// The most bytes of a plugin's name.
const MAX_NAME: usize = 32;

/// What the attribute says.
pub(crate) struct Args {
    pub(crate) name: LitStr,
    pub(crate) version: Option<Expr>,
    /// The fields of the metadata that are not as usual.
    pub(crate) metadata: Vec<(Ident, Expr)>,
    /// Its value or futures are not `Send`.
    pub(crate) local: bool,
    /// It can be there several times: its services are below the name that it is installed under.
    pub(crate) instances: bool,
    /// Bytes for what has to be copied where there is no allocator.
    pub(crate) buffer: usize,
    pub(crate) schema: Option<Schema>,
}

/// That the services are described.
pub(crate) enum Schema {
    Always,
    /// With this feature of the plugin's crate.
    With(LitStr),
}

impl Args {
    pub(crate) fn new(metas: Punctuated<Meta, Token![,]>) -> Result<Args> {
        let mut name = None;
        let mut args = Args {
            name: LitStr::new("", proc_macro2::Span::call_site()),
            version: None,
            metadata: Vec::new(),
            local: false,
            instances: false,
            buffer: 128,
            schema: None,
        };
        for meta in metas {
            let key = meta.path().require_ident()?.clone();
            match (key.to_string().as_str(), meta) {
                ("name", Meta::NameValue(value)) => name = Some(plugin_name(&value.value)?),
                ("version", Meta::NameValue(value)) => args.version = Some(value.value),
                ("needs", Meta::NameValue(value)) => {
                    args.metadata
                        .push((Ident::new("dependencies", key.span()), listed(value.value)));
                }
                ("reads" | "writes", Meta::NameValue(value)) => {
                    args.metadata.push((key, listed(value.value)))
                }
                ("buffer", Meta::NameValue(value)) => args.buffer = number(&value.value)?,
                ("schema", Meta::NameValue(value)) => args.schema = Some(Schema::With(text(&value.value)?)),
                ("schema", Meta::Path(_)) => args.schema = Some(Schema::Always),
                ("local", Meta::Path(_)) => args.local = true,
                ("instances", Meta::Path(_)) => args.instances = true,
                (known, Meta::NameValue(value)) if METADATA.contains(&known) => {
                    args.metadata.push((key, value.value));
                }
                (_, meta) => {
                    let known = format!(
                        "not known here: there are name, version, needs, {}, buffer, each with `= ..`, schema, instances and local",
                        METADATA.join(", ")
                    );
                    return Err(Error::new_spanned(meta, known));
                }
            }
        }
        args.name = name.ok_or_else(|| {
            let span = proc_macro2::Span::call_site();
            Error::new(
                span,
                r#"a plugin has a name: #[plugin(name = "thermostat", version = "1.0.0")]"#,
            )
        })?;
        Ok(args)
    }
}

fn plugin_name(value: &Expr) -> Result<LitStr> {
    let name = text(value)?;
    let inner = name.value();
    let formed = inner.starts_with(|first: char| first.is_ascii_lowercase())
        && inner.len() <= MAX_NAME
        && inner
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    match formed {
        true => Ok(name),
        false => Err(Error::new_spanned(
            name,
            "a plugin's name is 1 to 32 of a-z, 0-9, _ and -, a letter first",
        )),
    }
}

/// `["a", "b"]` as a slice.
fn listed(value: Expr) -> Expr {
    match value {
        Expr::Array(_) => syn::parse_quote!(&#value),
        other => other,
    }
}

/// A text as it is written here.
pub(crate) fn text(value: &Expr) -> Result<LitStr> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text), ..
        }) => Ok(text.clone()),
        other => Err(Error::new_spanned(other, "a text is wanted here, in quotes")),
    }
}

/// A number as it is written here.
pub(crate) fn number<N: std::str::FromStr<Err: std::fmt::Display>>(value: &Expr) -> Result<N> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => LitInt::base10_parse(number),
        other => Err(Error::new_spanned(other, "a whole number is wanted here")),
    }
}
