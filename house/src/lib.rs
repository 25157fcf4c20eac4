//! The plugins that the `core-runtime` program is made of.
//!
//! A new one is a crate below `plugins/`, a line in this crate's `Cargo.toml`, and a line here. The host asks for the
//! list by [`plugins!`] and knows none of them by name.

pub use {example, presence};

/// The list of plugins, as an array of `$plugin`, which has a function `of` for a plugin, and `described` for one whose
/// services have schemas.
///
/// ```
/// struct Name(&'static str);
///
/// impl Name {
///     const fn of<P>() -> Name {
///         Name(std::any::type_name::<P>())
///     }
///     const fn described<P>() -> Name {
///         Self::of::<P>()
///     }
/// }
///
/// assert!(house::plugins!(Name).iter().any(|name| name.0.contains("example")));
/// ```
#[macro_export]
macro_rules! plugins {
    ($plugin:ty) => {
        [
            <$plugin>::of::<$crate::example::Example>(),
            <$plugin>::described::<$crate::presence::PresencePlugin>(),
        ]
    };
}
