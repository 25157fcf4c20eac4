//! The plugins of a host, put where they run.

use std::sync::Arc;
use std::thread::available_parallelism;

use link_gateway::Door;
use plugin_host::{About, Checked};
use tracing::info;

use super::{Host, HostBuilder};
use crate::config::{Config, Placement, PluginConfig};
use crate::execute::{self, Job};
use crate::host_error::HostError;
use crate::plugins::{PluginType, Run, set_settings};
use crate::pool::Pool;
use crate::watchdog;

/// Bytes in a plugin's buffer beside the arguments of a call: the name of the service.
const SERVICE_NAME: usize = 256;

impl Host {
    /// Installs the plugins, starts their threads, and switches those off that are not enabled.
    pub(super) fn run_plugins(
        &mut self,
        builder: &HostBuilder,
        config: &Config,
        door: Door,
    ) -> Result<(), HostError> {
        // Kept as long as the kernel: for ever.
        let door = &*Box::leak(Box::new(door));
        let buffer = (builder.capacities.call_bytes + SERVICE_NAME) * 2;
        for plugin in &builder.plugins {
            let wanted = config.plugins.get(plugin.name()).cloned();
            let wanted = wanted.unwrap_or_else(|| PluginConfig {
                settings: plugin.demo.unwrap_or("{}").to_owned(),
                ..PluginConfig::default()
            });
            let installed = self
                .runtime
                .plugins()
                .install(plugin.metadata())
                .map_err(|cause| HostError::Plugin {
                    name: plugin.name(),
                    cause,
                })?;
            if !wanted.enabled {
                info!("plugin {} is switched off: enabled = false", plugin.name());
                self.supervisor.switch_off(installed.index());
            } else if wanted.singleton {
                info!(
                    "plugin {} is a singleton: it is started once this runtime has its lease",
                    plugin.name()
                );
                self.supervisor.switch_off(installed.index());
            }
            set_settings(installed, &wanted.settings).map_err(|_| HostError::Settings {
                name: plugin.name(),
                settings: wanted.settings.clone(),
            })?;
            let job = Job {
                plugin: *plugin,
                installed,
                checked: self.checked(plugin)?,
                door,
                buffer,
            };
            match (wanted.placement, plugin.run) {
                (Placement::Shared, Run::Anywhere(live)) => {
                    installed.set_placement("shared");
                    self.pool(config)?.add(job, live);
                }
                _ => self.plugins.push(execute::spawn(job)?),
            }
        }
        Ok(())
    }

    /// The way to the kernel of a plugin whose services have schemas, kept as long as the kernel: for ever.
    fn checked(&self, plugin: &PluginType) -> Result<Option<&'static Checked>, HostError> {
        let services = (plugin.services)();
        let name = plugin.name();
        if services.is_empty() {
            return Ok(None);
        }
        for service in services {
            let about = About {
                description: service.description.to_owned(),
                schema: service.args,
                returns: service.returns,
                reads: service.reads,
                examples: service.examples,
            };
            self.services
                .add(name, &plugin.service_name(service.name), about)
                .map_err(|cause| HostError::Services { name, cause })?;
        }
        let waist = self.kernel().waist();
        Ok(Some(Box::leak(Box::new(Checked::new(
            self.services.clone(),
            name,
            waist,
        )))))
    }

    /// The threads that plugins share, made when there is a first plugin for them.
    fn pool(&mut self, config: &Config) -> Result<Pool, HostError> {
        if let Some((pool, _)) = &self.pool {
            return Ok(pool.clone());
        }
        let reactor = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("reactor")
            .enable_all()
            .build()
            .map_err(HostError::Reactor)?;
        // One that is held up for a moment needs another one to be there already.
        let threads = available_parallelism().map_or(2, |count| count.get().max(2));
        let pool = Pool::new(threads, reactor.handle().clone())?;
        self.pool = Some((pool.clone(), reactor));
        let watchdog = watchdog::spawn(pool.clone(), config.slow_handler, Arc::clone(&self.moved));
        self.watchdog = Some(watchdog?);
        Ok(pool)
    }
}
