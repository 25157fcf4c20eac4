//! Settings, key by key, each with what is allowed.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use kernel_core::{Context, Error, Fault};
use serde_json::{Map, Value};

/// The code of the error of settings that are wrong: a supervisor does not try again.
const INVALID_SETTINGS: &str = "invalid_settings";

/// The longest value that an error shows, in characters.
const SHOWN: usize = 60;

/// The plugin's settings, read key by key, so that a mistake is refused with the key, the value and what is allowed. A
/// key that is `null` is one that is not there.
///
/// ```
/// use plugin_kit::SettingsReader;
/// use plugin_kit::prelude::*;
///
/// #[derive(Default)]
/// struct Meter {
///     seconds: u64,
///     unit: Option<String>,
/// }
///
/// #[plugin(name = "meter")]
/// impl Meter {
///     #[load]
///     async fn load(&mut self, cx: &Context) -> Result<(), Error> {
///         let mut settings = SettingsReader::new(cx).await?;
///         self.seconds = settings.whole("seconds", 1..=3_600, 60)?;
///         self.unit = settings.text("unit", "W or kW", |unit| ["W", "kW"].contains(&unit))?;
///         settings.finish()
///     }
/// }
///
/// # #[cfg(feature = "test")] {
/// # use serde_json::json;
/// # use plugin_kit::test::TestRuntime;
/// # let refused = |settings| {
/// #     let mut rt = TestRuntime::new();
/// #     rt.add::<Meter>(settings);
/// #     rt.start().unwrap_err().message().to_owned()
/// # };
/// assert_eq!(refused(json!({"seconds": 0})), "seconds is 0; allowed is a whole number from 1 to 3600");
/// assert_eq!(refused(json!({"unit": "MW"})), r#"unit is "MW"; allowed is W or kW"#);
/// assert_eq!(refused(json!({"second": 5})), "second is no setting; there are: seconds, unit");
/// # }
/// ```
#[derive(Debug)]
pub struct SettingsReader {
    given: Map<String, Value>,
    known: Vec<&'static str>,
}

impl SettingsReader {
    /// Those of this plugin.
    ///
    /// # Errors
    /// `invalid_settings` when they are no object.
    ///
    /// # Cancellation
    /// Nothing happened.
    pub async fn new(cx: &Context) -> Result<Self, Error> {
        let mut buf = vec![0; 512];
        if let Err(Fault::Buffer { len }) = cx.settings(&mut buf).await {
            buf = vec![0; len as usize];
        }
        let text = cx.settings(&mut buf).await?;
        let given = match serde_json::from_slice(text.as_bytes()) {
            Ok(Value::Object(given)) => given,
            Ok(Value::Null) => Map::new(),
            Ok(other) => return Err(refused("the settings", &other, "an object")),
            Err(error) => return Err(Error::new(INVALID_SETTINGS, &error.to_string())),
        };
        Ok(SettingsReader {
            given,
            known: Vec::new(),
        })
    }

    /// A value of any kind; `None` where it is not said.
    pub fn value(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.given.remove(key).filter(|value| !value.is_null())
    }

    /// A whole number within these limits.
    ///
    /// # Errors
    /// `invalid_settings`.
    pub fn whole(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<u64>,
        default: u64,
    ) -> Result<u64, Error> {
        let Some(value) = self.value(key) else {
            return Ok(default);
        };
        let number = value.as_u64().filter(|number| allowed.contains(number));
        number.ok_or_else(|| {
            let (least, most) = (allowed.start(), allowed.end());
            refused(key, &value, &format!("a whole number from {least} to {most}"))
        })
    }

    /// True or false.
    ///
    /// # Errors
    /// `invalid_settings`.
    pub fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, Error> {
        let Some(value) = self.value(key) else {
            return Ok(default);
        };
        let flag = value.as_bool();
        flag.ok_or_else(|| refused(key, &value, "true or false"))
    }

    /// A text that `check` allows, which `allowed` says in words; `None` where it is not said.
    ///
    /// # Errors
    /// `invalid_settings`.
    pub fn text(
        &mut self,
        key: &'static str,
        allowed: &str,
        check: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, Error> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        match value.as_str().filter(|text| check(text)) {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(refused(key, &value, allowed)),
        }
    }

    /// A list of texts that `check` allows; `None` where it is not said.
    ///
    /// # Errors
    /// `invalid_settings`.
    pub fn texts(
        &mut self,
        key: &'static str,
        allowed: &str,
        check: impl Fn(&str) -> bool,
    ) -> Result<Option<Vec<String>>, Error> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let Some(items) = value.as_array() else {
            return Err(refused(key, &value, &format!("a list, each of it {allowed}")));
        };
        let items = items
            .iter()
            .map(|item| match item.as_str().filter(|text| check(text)) {
                Some(text) => Ok(text.to_owned()),
                None => Err(refused(key, item, &format!("a list, each of it {allowed}"))),
            });
        items.collect::<Result<Vec<_>, _>>().map(Some)
    }

    /// That there is nothing else.
    ///
    /// # Errors
    /// `invalid_settings`, with the key that is not known and those that are.
    pub fn finish(self) -> Result<(), Error> {
        match self.given.keys().next() {
            None => Ok(()),
            Some(key) => Err(Error::format(
                INVALID_SETTINGS,
                format_args!("{key} is no setting; there are: {}", self.known.join(", ")),
            )),
        }
    }
}

fn refused(key: &str, value: &Value, allowed: &str) -> Error {
    let text = value.to_string();
    let cut = if text.chars().nth(SHOWN).is_some() {
        "..."
    } else {
        ""
    };
    let text: String = text.chars().take(SHOWN).collect();
    Error::format(
        INVALID_SETTINGS,
        format_args!("{key} is {text}{cut}; allowed is {allowed}"),
    )
}
