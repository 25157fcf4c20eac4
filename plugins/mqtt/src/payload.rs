//! Payloads: JSON on the bus, bytes at the broker.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the bytes at the broker are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// JSON, as it is.
    #[default]
    Json,
    /// Text: a string on the bus. A number, true or false is sent as its text.
    Text,
    /// Any bytes: a string in base64 on the bus.
    Base64,
}

impl Encoding {
    /// The JSON for these bytes.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn to_json(self, bytes: Vec<u8>) -> Result<String, String> {
        let string = |text: &str| serde_json::to_string(text).map_err(|error| error.to_string());
        match self {
            // Whether it is JSON, the bus knows.
            Encoding::Json => String::from_utf8(bytes).map_err(|error| format!("it is no JSON: {error}")),
            Encoding::Text => match std::str::from_utf8(&bytes) {
                Ok(text) => string(text),
                Err(error) => Err(format!("it is no text: {error}")),
            },
            Encoding::Base64 => string(&STANDARD.encode(bytes)),
        }
    }

    /// The bytes for this JSON.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) fn to_bytes(self, json: &[u8]) -> Result<Vec<u8>, String> {
        if self == Encoding::Json {
            return Ok(json.to_vec());
        }
        let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        match (self, value) {
            (Encoding::Text, Value::String(text)) => Ok(text.into_bytes()),
            (Encoding::Text, Value::Bool(_) | Value::Number(_)) => Ok(json.to_vec()),
            (Encoding::Base64, Value::String(text)) => STANDARD
                .decode(text)
                .map_err(|error| format!("it is no base64: {error}")),
            (Encoding::Base64, _) => Err("a string in base64 is wanted".to_owned()),
            _ => Err("a string, a number, true or false is wanted".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_both_ways() {
        for (encoding, bytes, json) in [
            (Encoding::Json, &b"{\"on\":true}"[..], r#"{"on":true}"#),
            (Encoding::Text, b"say \"hi\"", r#""say \"hi\"""#),
            (Encoding::Text, b"", r#""""#),
            (Encoding::Base64, &[0, 255, 7], r#""AP8H""#),
        ] {
            assert_eq!(encoding.to_json(bytes.to_vec()).unwrap(), json);
            assert_eq!(encoding.to_bytes(json.as_bytes()).unwrap(), bytes);
        }
        assert_eq!(Encoding::Text.to_bytes(b"21.5").unwrap(), b"21.5");
        assert!(Encoding::Text.to_json(vec![255]).is_err());
        assert!(Encoding::Json.to_json(vec![255]).is_err());
        assert!(Encoding::Text.to_bytes(b"{}").is_err());
        assert!(Encoding::Base64.to_bytes(b"\"?\"").is_err());
        assert!(Encoding::Base64.to_bytes(b"1").is_err());
    }
}
