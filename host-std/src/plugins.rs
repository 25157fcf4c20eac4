//! The plugins that a program is made of, and how one life of each is run.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use kernel_core::json::JsonError;
use kernel_core::{
    Context, Error, Event, Installed, Json, LocalPlugin, Plugin, PluginMetadata, Replied, Reply, Request,
    drive,
};
use link_gateway::{Door, Gateway};
use plugin_kit::schema::{Described, Services};

/// The plugins of this program.
pub const BUILT_IN: &[PluginType] = &house::plugins!(PluginType);

/// One life of a plugin, being run: it returns when the life is over.
pub type Life<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The same, of a plugin that stays on one thread.
pub type LocalLife<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A plugin that can be installed: what it says of itself, and how to run one life of it.
#[derive(Clone, Copy)]
pub struct PluginType {
    metadata: &'static PluginMetadata,
    pub(crate) run: Run,
    /// What it says of its services.
    pub(crate) services: fn() -> Services,
    /// It is there in the demonstration alone, with these settings.
    pub(crate) demo: Option<&'static str>,
    /// It can be there several times.
    pub(crate) instances: bool,
    /// Its own name, where it is there under another one.
    own_name: Option<&'static str>,
}

/// How one life is run.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// On any thread.
    Anywhere(Movable),
    /// On one thread, from its beginning to its end.
    OnOneThread(fn(Context, &mut [u8]) -> LocalLife<'_>),
}

/// How one life is run that may be on any thread.
#[derive(Clone, Copy)]
pub(crate) enum Movable {
    /// By the kernel's loop.
    Driven(fn(Context, &mut [u8]) -> Life<'_>),
    /// By a loop of its own.
    OwnLoop(fn(Installed, &mut [u8]) -> Life<'_>),
    /// By the kernel's loop, with the door to the link.
    Gateway(for<'a> fn(Context, &'a Door, &'a mut [u8]) -> Life<'a>),
}

impl PluginType {
    /// The plugin `P`. Each life gets a new value, made when the plugin is loaded.
    pub const fn of<P: Plugin + Default + 'static>() -> Self {
        PluginType {
            metadata: const { &<P as Plugin>::METADATA },
            run: Run::Anywhere(Movable::Driven(|cx, buf| {
                Box::pin(async move {
                    drive(&mut Loaded::new(P::default), cx, buf).await;
                })
            })),
            services: Services::new,
            demo: None,
            instances: false,
            own_name: None,
        }
    }

    /// The plugin `P`, which lets clients of another protocol in: it is made with a door to the link of this host,
    /// through which it opens sessions with the keys of its clients.
    pub const fn gateway<P: Gateway + 'static>() -> Self {
        PluginType {
            metadata: const { &<P as Plugin>::METADATA },
            run: Run::Anywhere(Movable::Gateway(|cx, door, buf| {
                Box::pin(async move {
                    drive(&mut Loaded::new(|| P::behind(door.clone())), cx, buf).await;
                })
            })),
            services: Services::new,
            demo: None,
            instances: false,
            own_name: None,
        }
    }

    /// The same plugin, which is there in the demonstration alone ([`Config::demo`](crate::Config::demo)), with these
    /// settings unless it is configured.
    pub const fn in_demo(self, settings: &'static str) -> Self {
        PluginType {
            demo: Some(settings),
            ..self
        }
    }

    /// The plugin `P`, whose services have schemas: `core-runtime services NAME` shows them, and a call whose arguments
    /// do not fit is refused as `invalid_argument`, with the place, before the plugin sees it. Whoever calls: the
    /// operator, a peer on the link, or another plugin.
    ///
    /// ```
    /// use host_std::plugins::PluginType;
    /// use plugin_kit::prelude::*;
    ///
    /// #[derive(Default)]
    /// struct Thermostat;
    ///
    /// #[plugin(name = "thermostat", schema)]
    /// impl Thermostat {
    ///     #[service(".set")]
    ///     fn set(&mut self, target: f32) -> Result<f32, Error> {
    ///         Ok(target)
    ///     }
    /// }
    ///
    /// const BUILT_IN: &[PluginType] = &[PluginType::described::<Thermostat>()];
    /// ```
    pub const fn described<P: Plugin + Default + Described + 'static>() -> Self {
        PluginType {
            services: <P as Described>::services,
            instances: <P as Described>::INSTANCES,
            ..Self::of::<P>()
        }
    }

    /// The plugin `P`, whose value or futures are not `Send`: it always has a thread of its own.
    pub const fn local<P: LocalPlugin + Default + 'static>() -> Self {
        PluginType {
            metadata: const { &P::METADATA },
            run: Run::OnOneThread(|cx, buf| {
                Box::pin(async move {
                    drive(&mut LoadedHere::new(P::default), cx, buf).await;
                })
            }),
            services: Services::new,
            demo: None,
            instances: false,
            own_name: None,
        }
    }

    /// [`local`](Self::local) and [`described`](Self::described).
    pub const fn local_described<P: LocalPlugin + Default + Described + 'static>() -> Self {
        PluginType {
            services: <P as Described>::services,
            instances: <P as Described>::INSTANCES,
            ..Self::local::<P>()
        }
    }

    /// A plugin with a loop of its own over its [`Mailbox`](kernel_core::Mailbox).
    ///
    /// `live` runs one life: it takes the mailbox, waits for [`Load`](kernel_core::Message::Load) before
    /// anything else, and returns at [`Ended`](kernel_core::Message::Ended). The buffer holds the
    /// largest call and its reply. Its calls come as they are: arguments are its own to check.
    pub const fn with_own_loop(
        metadata: &'static PluginMetadata,
        live: fn(Installed, &mut [u8]) -> Life<'_>,
    ) -> Self {
        PluginType {
            metadata,
            run: Run::Anywhere(Movable::OwnLoop(live)),
            services: Services::new,
            demo: None,
            instances: false,
            own_name: None,
        }
    }

    /// The same plugin under another name, kept as long as the program.
    pub(crate) fn under(&self, name: &str) -> Self {
        let metadata = PluginMetadata {
            name: name.to_owned().leak(),
            ..*self.metadata
        };
        PluginType {
            metadata: Box::leak(Box::new(metadata)),
            own_name: Some(self.name()),
            ..*self
        }
    }

    /// The name under which it offers a service.
    pub(crate) fn service_name(&self, service: &str) -> String {
        let below = self.own_name.and_then(|own| service.strip_prefix(own));
        below.map_or_else(|| service.to_owned(), |below| format!("{}{below}", self.name()))
    }

    /// What the plugin says of itself.
    pub const fn metadata(&self) -> &'static PluginMetadata {
        self.metadata
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.metadata.name
    }
}

impl fmt::Debug for PluginType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginType")
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// A plugin whose value is made when it is loaded: so a constructor that panics fails that load, and a
/// plugin that is not loaded takes no memory.
macro_rules! loaded {
    ($name:ident: $plugin:ident $(+ $send:ident)?) => {
        struct $name<P, M> {
            plugin: Option<P>,
            make: M,
        }

        impl<P: $plugin, M: Fn() -> P> $name<P, M> {
            fn new(make: M) -> Self {
                $name { plugin: None, make }
            }

            fn made(&mut self) -> &mut P {
                self.plugin.get_or_insert_with(&self.make)
            }
        }

        impl<P: $plugin, M: Fn() -> P $(+ $send)?> $plugin for $name<P, M> {
            const METADATA: PluginMetadata = <P as $plugin>::METADATA;

            async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
                $plugin::on_load(self.plugin.insert((self.make)()), cx).await
            }

            async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
                $plugin::on_start(self.made(), cx).await
            }

            async fn on_event(&mut self, cx: &Context, event: Event<'_>) -> Result<(), Error> {
                $plugin::on_event(self.made(), cx, event).await
            }

            async fn on_call(
                &mut self,
                cx: &Context,
                call: Request<'_>,
                reply: Reply<'_>,
            ) -> Result<Replied, Error> {
                $plugin::on_call(self.made(), cx, call, reply).await
            }

            async fn on_tick(&mut self, cx: &Context) -> Result<(), Error> {
                $plugin::on_tick(self.made(), cx).await
            }

            async fn on_stop(&mut self, cx: &Context) -> Result<(), Error> {
                $plugin::on_stop(self.made(), cx).await
            }

            async fn on_unload(&mut self, cx: &Context) -> Result<(), Error> {
                $plugin::on_unload(self.made(), cx).await
            }
        }
    };
}

loaded!(Loaded: Plugin + Send);
loaded!(LoadedHere: LocalPlugin);

/// Gives a plugin its settings, which the kernel keeps as long as itself: for ever.
pub(crate) fn set_settings(installed: Installed, settings: &str) -> Result<(), JsonError> {
    let settings: &'static str = settings.to_owned().leak();
    installed.set_settings(Json::parse(settings)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_have_the_same_name() {
        let names: BTreeSet<_> = BUILT_IN.iter().map(PluginType::name).collect();
        assert_eq!(names.len(), BUILT_IN.len());
        assert!(names.contains("example"));
    }
}
