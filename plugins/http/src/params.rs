//! What stands in a URL: names in its path, and parameters behind the question mark.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// The names in a path.
pub(crate) struct Name<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Name<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(names)) => Ok(Name(names)),
            Err(rejected) => Err(Problem::invalid(rejected.body_text())),
        }
    }
}

/// The parameters of a request, of which all are known.
#[derive(Debug)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Those of this query. A key that is none, or is there twice, is refused.
    pub(crate) fn of(query: Option<&str>, known: &[&str]) -> Result<Params, Problem> {
        let mut found = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or("").as_bytes()) {
            if !known.contains(&&*name) {
                let message = match known {
                    [] => format!("{name:?} is no parameter: there are none"),
                    _ => format!("{name:?} is no parameter; there are: {}", known.join(", ")),
                };
                return Err(Problem::invalid(message));
            }
            if found.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::invalid(format!("{name} is there twice")));
            }
        }
        Ok(Params(found))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn whole(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Problem> {
        self.text(name)
            .map(|text| whole(name, text, least, most))
            .transpose()
    }
}

/// The whole number in a text.
pub(crate) fn whole(name: &str, text: &str, least: u64, most: u64) -> Result<u64, Problem> {
    let number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten();
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            Problem::invalid(format!(
                "{name} is {shown:?}; allowed is a whole number from {least} to {most}"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_refused_with_what_is() {
        let of = |query| Params::of(Some(query), &["limit", "after"]);
        assert_eq!(of("limit=5&after=a%20b").unwrap().text("after"), Some("a b"));
        for query in ["limt=5", "limit=5&limit=6", "=", "limit=5&%00=1"] {
            assert!(of(query).is_err(), "{query}");
        }
        for text in [
            "",
            "-1",
            "+1",
            "1e3",
            " 1",
            "1001",
            "0",
            "99999999999999999999999",
        ] {
            assert!(whole("limit", text, 1, 1000).is_err(), "{text}");
        }
        assert_eq!(whole("limit", "1000", 1, 1000).unwrap(), 1000);
    }
}
