//! The link's listeners: who gets in, what they read, and plugins on the other side.
mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use host_std::config::TcpConfig;
use host_std::{Config, Host, block_on, clock};
use kernel_core::*;
use kernel_link::{Client, Framing, Raw, Remote, RemotePlugin, Reply as Answer, Request as Ask, ToClient};
use support::*;
use tokio::net::TcpStream;

const TOKEN: &str = "a token of some length";

/// A configuration with a TCP port.
fn with_tcp(config: &mut Config) {
    // Free a moment ago, and nobody else here asks for ports.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    config.tcp = Some(TcpConfig {
        address,
        token: Some(TOKEN.to_owned()),
        tls: None,
    });
}

#[test]
fn the_socket_is_its_owners_and_the_port_wants_the_token() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    with_tcp(&mut config);
    let host = Host::start(config.clone()).unwrap();
    let mode = std::fs::metadata(&config.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    asked(&config, Ask::Health, |answer| {
        assert!(
            matches!(&answer, Answer::Health(health) if health.plugins > 1 && health.started == health.plugins),
            "{answer:?}"
        );
    });
    let hello = Ask::Call {
        service: "example.hello",
        timeout_ms: 0,
        parent: None,
        args: Raw(b"\"Ann\""),
    };
    asked(&config, hello, |answer| {
        assert_eq!(answer, Answer::Json(Raw("\"Привет, Ann!\"".as_bytes())));
    });
    reactor().block_on(async {
        for token in ["", "another token, as long"] {
            let stream = TcpStream::connect(config.tcp.as_ref().unwrap().address)
                .await
                .unwrap();
            let (read, write) = stream.into_split();
            let mut memory = [0; 4096];
            let halves = (FromTokio::new(read), FromTokio::new(write));
            let mut client = Client::new(Framing::Stream, halves.0, halves.1, &mut memory).unwrap();
            client.hello("stranger", 7, token).await.unwrap();
            let answer = client.next().await.unwrap();
            assert!(
                matches!(answer, ToClient::Refused(why) if why.code() == "denied"),
                "{answer:?}"
            );
        }
    });
    drop(host);
}

/// Doubles numbers, and counts events.
#[derive(Default)]
struct Doubler(u32);

impl Plugin for Doubler {
    const METADATA: PluginMetadata = PluginMetadata::new("doubler", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        cx.register(&Service::new(name!("doubler.double"))).await?;
        cx.subscribe(name!("count.me")).await?;
        Ok(())
    }

    async fn on_start(&mut self, cx: &Context) -> Result<(), Error> {
        cx.storage("doubler").set("up", json_literal!("true")).await?;
        Ok(())
    }

    async fn on_event(&mut self, _: &Context, _: Event<'_>) -> Result<(), Error> {
        self.0 += 1;
        Ok(())
    }

    async fn on_call(&mut self, _: &Context, call: Request<'_>, reply: Reply<'_>) -> Result<Replied, Error> {
        let number = call
            .args()
            .as_u64()
            .ok_or_else(|| Error::invalid_argument("a number"))?;
        reply.json(&(number * 2, self.0))
    }
}

static REMOTE: Remote<4, 1024> = Remote::new(clock::now);

#[test]
fn a_plugin_attaches_over_tcp_is_called_and_goes_with_its_connection() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    with_tcp(&mut config);
    let host = Host::start(config.clone()).unwrap();
    let address = config.tcp.as_ref().unwrap().address;
    let (hang_up, hung_up) = tokio::sync::oneshot::channel::<()>();
    let elsewhere = std::thread::spawn(move || {
        reactor().block_on(async {
            let stream = TcpStream::connect(address).await.unwrap();
            let (read, write) = stream.into_split();
            let mut what = RemotePlugin::new(&<Doubler as Plugin>::METADATA);
            what.token = TOKEN;
            let (mut memory, mut buf) = (vec![0; 4096], vec![0; 4096]);
            let halves = (FromTokio::new(read), FromTokio::new(write));
            let sleep = |span: Duration| tokio::time::sleep(span);
            let link = REMOTE.run(&what, Framing::Stream, halves.0, halves.1, sleep, &mut memory);
            let lives = async {
                loop {
                    drive(&mut Doubler::default(), REMOTE.context(), &mut buf).await;
                }
            };
            tokio::select! {
                end = link => panic!("{end:?}"),
                () = lives => {}
                _ = hung_up => {}
            }
        });
    });
    until("it is installed", || host.runtime().plugins().state("doubler"));
    until_state(&host, "doubler", PluginState::Started);
    let mut buf = [0; 256];
    let runtime = host.runtime();
    block_on(runtime.bus().publish("count.me", Json::NULL)).unwrap();
    let call = runtime
        .services()
        .call("doubler.double", json_literal!("21"), &mut buf);
    assert_eq!(block_on(call).unwrap().as_str(), "[42,1]");
    let space = runtime.storage().namespace("doubler");
    assert_eq!(
        block_on(space.get("up", &mut buf)).unwrap(),
        Some(json_literal!("true"))
    );
    // It is restarted by command as any other is.
    assert_eq!(
        block_on(host.supervisor().reload(runtime, "doubler")),
        Ok(PluginState::Started)
    );
    hang_up.send(()).unwrap();
    elsewhere.join().unwrap();
    until("it is gone", || {
        runtime.plugins().state("doubler").is_none().then_some(())
    });
    let call = runtime
        .services()
        .call("doubler.double", json_literal!("1"), &mut buf);
    assert_eq!(block_on(call), Err(CallError::Fault(Fault::NotFound)));
    assert!(host.shutdown().late.is_empty());
}

/// Needs the example.
#[derive(Default)]
struct Needy;

impl Plugin for Needy {
    const METADATA: PluginMetadata = PluginMetadata {
        dependencies: &["example"],
        ..PluginMetadata::new("needy", "1.0.0")
    };
}

#[test]
fn commands_of_clients_are_the_supervisors() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let host = Host::builder()
        .built_in()
        .plugin::<Needy>()
        .start(config.clone())
        .unwrap();
    let manage = |action, plugin| {
        asked(&config, Ask::Manage { action, plugin }, |answer| match answer {
            Answer::PluginState(state) => Ok(state),
            Answer::Failed(failure) => Err(format!("{}: {failure}", failure.code())),
            other => panic!("{other:?}"),
        })
    };
    let needed = manage(kernel_link::Action::Stop, "example").unwrap_err();
    assert!(
        needed.starts_with("needed: ") && needed.contains("(needy)"),
        "{needed}"
    );
    assert_eq!(
        manage(kernel_link::Action::Stop, "needy"),
        Ok(PluginState::Stopped)
    );
    assert_eq!(
        manage(kernel_link::Action::Unload, "example"),
        Ok(PluginState::Unloaded)
    );
    let missing = manage(kernel_link::Action::Start, "needy").unwrap_err();
    assert!(missing.starts_with("dependency_not_started: "), "{missing}");
    assert_eq!(
        manage(kernel_link::Action::Start, "example"),
        Ok(PluginState::Started)
    );
    assert_eq!(
        manage(kernel_link::Action::Start, "needy"),
        Ok(PluginState::Started)
    );
    let unknown = manage(kernel_link::Action::Start, "nobody").unwrap_err();
    assert!(unknown.starts_with("not_found: "), "{unknown}");
    assert!(host.shutdown().late.is_empty());
}
