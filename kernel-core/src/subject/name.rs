//! A name as it is handed to the kernel.

use crate::fault::{Capacity, Fault};
use crate::mem::{Names, Text};

/// A topic, filter, service name or state key that the kernel may have to keep.
///
/// Any `&str` is one: what is to be kept is copied, into one of the kernel's `names`. One made by
/// [`name!`](crate::name) lives for ever, takes no such place, and was checked when the program was compiled;
/// a chip, where `names` are few, uses that.
///
/// ```
/// use kernel_core::{Name, name};
/// let room = "kitchen";
/// let made: &str = &format!("lamp.{room}.on");
/// let made: Name<'_> = made.into();
/// let fixed: Name<'_> = name!("lamp.*.on");
/// assert_eq!((made.as_str(), fixed.as_str()), ("lamp.kitchen.on", "lamp.*.on"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Name<'n> {
    /// Lives for ever.
    Fixed(&'static str),
    /// Is copied when it is kept.
    Copied(&'n str),
}

impl<'n> Name<'n> {
    /// The text.
    pub const fn as_str(&self) -> &'n str {
        match self {
            Name::Fixed(text) | Name::Copied(text) => text,
        }
    }

    /// Keeps the name for the kernel.
    pub(crate) fn keep(self, names: &mut Names) -> Result<Text, Fault> {
        let text = match self {
            Name::Fixed(text) => return Ok(Text::Fixed(text)),
            Name::Copied(text) => text,
        };
        names.keep(text).ok_or({
            if text.len() > names.longest() {
                Fault::TooLarge {
                    max: names.longest() as u32,
                }
            } else {
                names.usage().full(Capacity::Names)
            }
        })
    }
}

/// Keeps all of these names for the kernel, or none.
#[cfg(feature = "large")]
pub(crate) fn keep_all<const N: usize>(all: [Name<'_>; N], names: &mut Names) -> Result<[Text; N], Fault> {
    let mut kept = [Text::Fixed(""); N];
    for (place, name) in kept.iter_mut().zip(all) {
        match name.keep(names) {
            Ok(text) => *place = text,
            Err(fault) => {
                kept.iter().for_each(|text| names.release(*text));
                return Err(fault);
            }
        }
    }
    Ok(kept)
}

/// A `&str`, a `&String`, and so `&format!(..)`, a `&heapless::String`.
impl<'n, T: AsRef<str> + ?Sized> From<&'n T> for Name<'n> {
    fn from(text: &'n T) -> Self {
        Name::Copied(text.as_ref())
    }
}

/// A [`Name`](crate::Name) that lives for ever, checked when the program is compiled.
///
/// ```compile_fail
/// let name = kernel_core::name!("not..a.filter");
/// ```
#[macro_export]
macro_rules! name {
    ($text:expr) => {{
        const NAME: $crate::Name<'static> = {
            let text: &'static str = $text;
            assert!(
                $crate::subject::check_filter(text).is_ok(),
                "not a topic or a filter: see kernel_core::subject for how they are formed"
            );
            $crate::Name::Fixed(text)
        };
        NAME
    }};
}
