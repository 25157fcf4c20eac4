//! The plugin: a thread that serves while it is started.

use std::net::TcpListener;

use kernel_core::{Context, Error};
use link_gateway::{Door, Gateway};
use plugin_kit::plugin;
use plugin_kit::prelude::log;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::server;
use crate::settings::HttpSettings;

/// See the crate's documentation.
#[derive(Debug)]
pub struct Http {
    door: Door,
    settings: Option<HttpSettings>,
    serving: Option<Serving>,
}

/// A thread that serves; it ends with this value.
#[derive(Debug)]
struct Serving {
    stop: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Gateway for Http {
    fn behind(door: Door) -> Self {
        Http {
            door,
            settings: None,
            serving: None,
        }
    }
}

#[plugin(
    name = "http",
    description = "Lets clients in over HTTP, with the rights of their keys"
)]
impl Http {
    #[load]
    async fn load(&mut self, cx: &Context) -> Result<(), Error> {
        self.settings = HttpSettings::read(cx).await?;
        if self.settings.is_none() {
            log::debug!("idle: no `listen` is set");
        }
        Ok(())
    }

    #[start]
    fn start(&mut self, cx: &Context) -> Result<(), Error> {
        let Some(settings) = self.settings.clone() else {
            return Ok(());
        };
        let tls = tls(&settings)?;
        let address = settings.listen;
        let bind = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        };
        let (bound, listener) = bind().map_err(|cause: std::io::Error| {
            Error::format(
                "not_started",
                format_args!("listen is {address}, where nobody can listen: {cause}"),
            )
        })?;
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let (door, cx) = (self.door.clone(), *cx);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|cause| Error::format("not_started", format_args!("no reactor: {cause}")))?;
        plugin_kit::on_thread("http", move || {
            runtime.block_on(server::serve(listener, tls, settings, door, cx, stopped));
            runtime.shutdown_background();
            // Nobody waits when the plugin's life ended otherwise.
            let _ = end.send(());
        })?;
        log::info!("listens at {bound}");
        self.serving = Some(Serving { stop, ended });
        Ok(())
    }

    #[stop]
    async fn stop(&mut self) -> Result<(), Error> {
        if let Some(Serving { stop, ended }) = self.serving.take() {
            // It may have ended.
            let _ = stop.send(());
            let _ = ended.await;
        }
        Ok(())
    }
}

fn tls(settings: &HttpSettings) -> Result<Option<TlsAcceptor>, Error> {
    let Some((certificate, key)) = &settings.tls else {
        return Ok(None);
    };
    match link_dial::acceptor(certificate, key) {
        Ok((acceptor, _)) => Ok(Some(acceptor)),
        Err(refused) => Err(Error::format(
            "not_started",
            format_args!("the certificate cannot be used: {refused}"),
        )),
    }
}
