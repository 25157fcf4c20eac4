//! What is said to a server, and by it.

use std::collections::BTreeSet;

use hyper::Method;
use kernel_core::Error;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::services::{About, is_positional};
use crate::text::without_place;

/// What a server says of itself.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    name: String,
    version: Option<String>,
    #[serde(default)]
    pub(super) services: Vec<Offered>,
}

/// One of its services.
#[derive(Debug, Deserialize)]
pub(super) struct Offered {
    pub(super) name: String,
    pub(super) endpoint: String,
    #[serde(default = "post")]
    method: String,
    #[serde(flatten)]
    pub(super) about: About,
}

fn post() -> String {
    "POST".to_owned()
}

/// Where a service is called.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: String,
}

impl Metadata {
    /// Takes apart what a server says, which is to be this plugin of this version.
    ///
    /// # Errors
    /// `protocol_error`, `wrong_plugin`, `wrong_version`: what is wrong.
    pub(super) fn parse(text: &str, name: &str, version: &str) -> Result<Metadata, Error> {
        let metadata: Metadata = serde_json::from_str(text).map_err(|cause| {
            let cause = without_place(&cause);
            Error::new("protocol_error", &format!("the server's metadata: {cause}"))
        })?;
        if metadata.name != name {
            let why = format!(
                "the server says that it is {}, its manifest {name}",
                metadata.name
            );
            return Err(Error::new("wrong_plugin", &why));
        }
        if let Some(other) = metadata.version.as_ref().filter(|said| *said != version) {
            let why = format!("the server says that it is version {other}, its manifest {version}");
            return Err(Error::new("wrong_version", &why));
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = metadata
            .services
            .iter()
            .find(|service| !names.insert(&service.name))
        {
            let why = format!("the server's metadata has the service {} twice", twice.name);
            return Err(Error::new("protocol_error", &why));
        }
        Ok(metadata)
    }
}

impl Offered {
    /// Where it is called.
    ///
    /// # Errors
    /// `protocol_error`: what is allowed.
    pub(super) fn endpoint(&self) -> Result<Endpoint, Error> {
        let wrong = |what: &str, value: &str, allowed: &str| {
            let why = format!(
                "{what} of service {} is {value:?}; allowed is {allowed}",
                self.name
            );
            Error::new("protocol_error", &why)
        };
        let method = match self.method.to_ascii_uppercase().as_str() {
            "POST" => Method::POST,
            "GET" => Method::GET,
            _ => return Err(wrong("the method", &self.method, "POST or GET")),
        };
        let is_path = self.endpoint.starts_with('/')
            && !self.endpoint.starts_with("//")
            && self.endpoint.parse::<hyper::Uri>().is_ok();
        match is_path {
            true => Ok(Endpoint {
                method,
                path: self.endpoint.clone(),
            }),
            false => Err(wrong("the endpoint", &self.endpoint, "a path such as /hello")),
        }
    }
}

impl Endpoint {
    /// The body of a call with these arguments, JSON: `{"args": [..], "kwargs": {..}}`.
    ///
    /// # Errors
    /// `invalid_argument` where GET is to take some.
    pub(super) fn body(&self, args: &str) -> Result<Option<String>, Error> {
        let given = match serde_json::from_str::<Value>(args) {
            Ok(value) if is_positional(&value) => args.to_owned(),
            Ok(Value::Null) => NONE.to_owned(),
            // As it is written: a number keeps its digits.
            _ => format!("{{\"args\":[{args}],\"kwargs\":{{}}}}"),
        };
        match self.method {
            Method::GET if !takes_nothing(&given) => {
                let why = format!("GET {} takes no arguments", self.path);
                Err(Error::new("invalid_argument", &why))
            }
            Method::GET => Ok(None),
            _ => Ok(Some(given)),
        }
    }
}

/// No arguments.
const NONE: &str = "{\"args\":[],\"kwargs\":{}}";

fn takes_nothing(given: &str) -> bool {
    #[derive(Deserialize)]
    struct Given<'a> {
        #[serde(borrow)]
        args: Vec<&'a RawValue>,
        kwargs: serde_json::Map<String, Value>,
    }
    serde_json::from_str::<Given<'_>>(given)
        .is_ok_and(|given| given.args.is_empty() && given.kwargs.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_travel_as_the_original_has_them() {
        let post = Endpoint {
            method: Method::POST,
            path: "/x".to_owned(),
        };
        for (args, body) in [
            ("null", NONE),
            ("1e2", r#"{"args":[1e2],"kwargs":{}}"#),
            (r#"{"a":1}"#, r#"{"args":[{"a":1}],"kwargs":{}}"#),
            (
                r#"{"args":[1],"kwargs":{"b":2}}"#,
                r#"{"args":[1],"kwargs":{"b":2}}"#,
            ),
        ] {
            assert_eq!(post.body(args).unwrap().unwrap(), body, "{args}");
        }
        let get = Endpoint {
            method: Method::GET,
            ..post
        };
        assert_eq!(get.body("null"), Ok(None));
        assert_eq!(get.body(NONE), Ok(None));
        assert_eq!(get.body("1").unwrap_err().code(), "invalid_argument");
    }

    #[test]
    fn what_a_server_says_is_checked() {
        let parse = |text: &str| Metadata::parse(text, "lamp", "1.0.0");
        let service = |rest: &str| format!(r#"{{"name":"lamp","services":[{{"name":"lamp.on",{rest}}}]}}"#);
        for (text, code) in [
            ("[]".to_owned(), "protocol_error"),
            (r#"{"name":"other"}"#.to_owned(), "wrong_plugin"),
            (r#"{"name":"lamp","version":"2"}"#.to_owned(), "wrong_version"),
            (
                r#"{"name":"lamp","services":[{"name":"a"}]}"#.to_owned(),
                "protocol_error",
            ),
            (
                service(r#""endpoint":"/on"},{"name":"lamp.on","endpoint":"/off""#),
                "protocol_error",
            ),
        ] {
            assert_eq!(parse(&text).unwrap_err().code(), code, "{text}");
        }
        for (rest, sound) in [
            (r#""endpoint":"/on""#, true),
            (r#""endpoint":"/on?x=1","method":"get""#, true),
            (r#""endpoint":"/on","method":"DELETE""#, false),
            (r#""endpoint":"on""#, false),
            (r#""endpoint":"http://elsewhere/on""#, false),
            (r#""endpoint":"//elsewhere/on""#, false),
            (r#""endpoint":"/a b""#, false),
            (r#""endpoint":"/a\r\nX: y""#, false),
        ] {
            let metadata = parse(&service(rest)).unwrap();
            assert_eq!(metadata.services[0].endpoint().is_ok(), sound, "{rest}");
        }
    }
}
