//! Secrets: text that is never shown, and the tokens that keys and sessions are known by.

use kernel_core::Error;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Text that is not shown by `Debug`, nor in an error, and is overwritten when it is dropped.
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Of a value of another type serde would show the value.
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(text.into()),
            _ => Err(D::Error::custom("text is wanted")),
        }
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}

/// What a secret is stored as.
pub(crate) type Hash = [u8; 32];

/// What a token is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Key,
    Session,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Kind::Key => "crk_",
            Kind::Session => "crs_",
        }
    }
}

/// Hexadecimal digits of the identity, and of the secret.
const ID: usize = 16;
const SECRET: usize = 64;

/// A token that was just made.
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) text: Secret,
    pub(crate) hash: Hash,
}

/// Makes a token of 256 random bits.
pub(crate) fn make(kind: Kind) -> Result<Made, Error> {
    let (mut id, mut secret) = ([0; ID / 2], Zeroizing::new([0; SECRET / 2]));
    for bytes in [&mut id[..], &mut secret[..]] {
        getrandom::fill(bytes).map_err(|error| {
            Error::format("random", format_args!("the system has no random bytes: {error}"))
        })?;
    }
    let id = hex(&id);
    let shown = Zeroizing::new(hex(&secret[..]));
    Ok(Made {
        text: format!("{}{id}_{}", kind.prefix(), shown.as_str()).into(),
        hash: Sha256::digest(&secret[..]).into(),
        id,
    })
}

/// A token that somebody shows.
pub(crate) struct Shown<'a> {
    /// What it claims to be, where it has the form of a token.
    pub(crate) claim: Option<(Kind, &'a str)>,
    hash: Hash,
}

impl<'a> Shown<'a> {
    /// It takes the same time whether the text is a token or not.
    pub(crate) fn of(text: &'a str) -> Shown<'a> {
        let found = parse(text);
        let (claim, secret) = match found {
            Some((kind, id, secret)) => (Some((kind, id)), secret),
            None => (None, Zeroizing::default()),
        };
        Shown {
            claim,
            hash: Sha256::digest(&secret[..]).into(),
        }
    }

    /// Compares with the hash of what it claims to be, or with that of nothing, in the same time.
    pub(crate) fn is(&self, hash: Option<&Hash>) -> bool {
        let same: bool = self.hash.ct_eq(hash.unwrap_or(&[0; 32])).into();
        same && hash.is_some() && self.claim.is_some()
    }
}

fn parse(text: &str) -> Option<(Kind, &str, Zeroizing<[u8; SECRET / 2]>)> {
    let kind = [Kind::Key, Kind::Session]
        .into_iter()
        .find(|kind| text.starts_with(kind.prefix()))?;
    let (id, secret) = text.strip_prefix(kind.prefix())?.split_once('_')?;
    let mut bytes = Zeroizing::new([0; SECRET / 2]);
    let is_token = id.len() == ID && unhex(id, &mut [0; ID / 2]) && unhex(secret, &mut bytes[..]);
    is_token.then_some((kind, id, bytes))
}

/// The bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits =
        |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[digit as usize]));
    bytes.iter().flat_map(digits).collect()
}

/// The bytes of exactly so many lower-case hexadecimal digits; false for other text.
pub(crate) fn unhex(text: &str, to: &mut [u8]) -> bool {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().as_chunks::<2>();
    text.len() == to.len() * 2
        && pairs
            .0
            .iter()
            .zip(to)
            .all(|([high, low], to)| match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    *to = high << 4 | low;
                    true
                }
                _ => false,
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_all_of_its_text() {
        let made = make(Kind::Key).unwrap();
        let text = made.text.expose().to_owned();
        assert_eq!(text.len(), 4 + ID + 1 + SECRET);
        let shown = Shown::of(&text);
        assert_eq!(shown.claim, Some((Kind::Key, made.id.as_str())));
        assert!(shown.is(Some(&made.hash)));
        assert!(!shown.is(None));
        for at in 0..text.len() {
            assert!(!Shown::of(&text[..at]).is(Some(&made.hash)));
            let mut other = text.clone().into_bytes();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(other).unwrap();
            let shown = Shown::of(&other);
            // Another identity has another hash to be compared with.
            let same_key = shown.claim == Some((Kind::Key, made.id.as_str()));
            assert!(!(same_key && shown.is(Some(&made.hash))), "{other}");
        }
        for other in [
            text.to_uppercase(),
            format!("{text}0"),
            format!(" {text}"),
            text.replace("crk", "crs"),
        ] {
            let shown = Shown::of(&other);
            assert!(shown.claim != Some((Kind::Key, made.id.as_str())), "{other}");
        }
    }

    #[test]
    fn what_is_not_a_token_is_like_no_hash_at_all() {
        let zeros: Hash = Sha256::digest([0; 32]).into();
        assert!(!Shown::of("nonsense").is(Some(&zeros)));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Secret::from("hunter2hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), "Secret");
        let error = serde_json::from_str::<Secret>("1234567890").unwrap_err();
        assert!(!error.to_string().contains("1234"), "{error}");
    }
}
