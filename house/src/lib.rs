//! The plugins and storage engines that the `core-runtime` program is made of; those that speak with brokers, browsers and
//! other runtimes with the feature `bridges`.
//!
//! A new plugin is a crate below `plugins/`, a line in this crate's `Cargo.toml`, and a line here. The host asks for the
//! lists by [`plugins!`] and [`storage_engines!`] and knows none of them by name.

#[cfg(feature = "bridges")]
pub use gateway_mcp::over_stdio as mcp_over_stdio;
pub use {auth, automation, devices, example, history, logger, presence, sim, users};
#[cfg(feature = "bridges")]
pub use {cluster, gateway_http, homeassistant, mqtt, nats_storage, zigbee2mqtt};

/// The list of plugins, as an array of `$plugin`, which has a function `of` for a plugin, `described` for one whose
/// services have schemas, `with_own_loop` for one that is a function over its mailbox, `gateway` for one that lets clients
/// of another protocol in, and a method `in_demo` for one that is there in the demonstration alone, with these settings.
///
/// ```
/// struct Name(&'static str);
///
/// impl Name {
///     fn of<P>() -> Name {
///         Name(std::any::type_name::<P>())
///     }
///     fn described<P>() -> Name {
///         Self::of::<P>()
///     }
///     fn gateway<P>() -> Name {
///         Self::of::<P>()
///     }
///     fn with_own_loop<L>(metadata: &kernel_core::PluginMetadata, _live: L) -> Name {
///         Name(metadata.name)
///     }
///     fn in_demo(self, _settings: &'static str) -> Name {
///         self
///     }
/// }
///
/// assert!(house::plugins!(Name).iter().any(|name| name.0.contains("example")));
/// ```
#[macro_export]
macro_rules! plugins {
    ($plugin:ty) => {
        $crate::and_bridges![
            $plugin:
            <$plugin>::described::<$crate::logger::LoggerPlugin>(),
            <$plugin>::described::<$crate::users::Users>(),
            <$plugin>::described::<$crate::auth::Auth>(),
            <$plugin>::described::<$crate::devices::Devices>(),
            <$plugin>::described::<$crate::presence::PresencePlugin>(),
            <$plugin>::described::<$crate::automation::AutomationPlugin>(),
            <$plugin>::described::<$crate::history::HistoryPlugin>(),
            <$plugin>::of::<$crate::example::Example>(),
            <$plugin>::described::<$crate::sim::Sim>().in_demo(r#"{"populate":true}"#),
        ]
    };
}

/// The array of these plugins and of the bridges.
#[cfg(feature = "bridges")]
#[doc(hidden)]
#[macro_export]
macro_rules! and_bridges {
    ($plugin:ty: $($others:tt)*) => {
        [
            $($others)*
            <$plugin>::described::<$crate::zigbee2mqtt::Zigbee2Mqtt>(),
            <$plugin>::described::<$crate::homeassistant::HomeAssistant>(),
            <$plugin>::described::<$crate::mqtt::Mqtt>(),
            <$plugin>::with_own_loop(&$crate::cluster::METADATA, $crate::cluster::live),
            <$plugin>::gateway::<$crate::gateway_http::Http>(),
        ]
    };
}

/// The array of these plugins.
#[cfg(not(feature = "bridges"))]
#[doc(hidden)]
#[macro_export]
macro_rules! and_bridges {
    ($plugin:ty: $($others:tt)*) => {
        [$($others)*]
    };
}

/// The storage engines beside the host's own, as an array of `$engine`, which has a function `of` for the scheme of the
/// URLs that name it and what opens one.
#[cfg(feature = "bridges")]
#[macro_export]
macro_rules! storage_engines {
    ($engine:ty) => {
        [<$engine>::of("nats", $crate::nats_storage::NatsStorage::open)]
    };
}

/// No storage engine beside the host's own.
#[cfg(not(feature = "bridges"))]
#[macro_export]
macro_rules! storage_engines {
    ($engine:ty) => {
        [] as [$engine; 0]
    };
}
