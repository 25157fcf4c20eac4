//! A `node` and sessions with it over the emulated serial line.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_core::link::{Client, ClientError, Failure, Reply, Request, ToClient, ToRuntime};
use tests::mcu::{Board, Build, Emulator};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Each wait of a test ends by then.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A running `node`, its serial line at a Unix socket.
pub(crate) struct Node {
    pub(crate) emulator: Emulator,
    folder: tempfile::TempDir,
}

impl Node {
    pub(crate) fn start() -> Node {
        let folder = tempfile::tempdir().unwrap();
        let serial = format!("unix:{},server=on,wait=off", folder.path().join("uart").display());
        let emulator = Emulator::start(Board::Mps2, &image(), &["-serial", &serial]).unwrap();
        let node = Node { emulator, folder };
        wait_for(&node.socket());
        node
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("uart")
    }

    /// Connects to the line, whoever had it before.
    pub(crate) async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.unwrap()
    }

    /// Opens a session.
    pub(crate) async fn session(&self, nonce: u32) -> Session {
        let (read, write) = self.connect().await.into_split();
        let memory = Box::leak(vec![0; 3 * 2048].into_boxed_slice());
        let client = Client::new(FromTokio::new(read), FromTokio::new(write), memory).unwrap();
        let mut session = Session { client, last: 0 };
        session.open(nonce).await;
        session
    }

    /// Fails the test when the firmware ended.
    pub(crate) fn assert_alive(&mut self) {
        assert_eq!(self.emulator.ended(), Ok(None), "the firmware ended");
    }
}

/// The image of `node`.
pub(crate) fn image() -> PathBuf {
    let build = Build {
        board: Board::Mps2,
        program: "node",
        features: &["demo", "link"],
        profile: "release",
    };
    build.run().unwrap()
}

/// Waits until the emulator made that file.
fn wait_for(path: &Path) {
    let until = std::time::Instant::now() + LIMIT;
    while !path.exists() {
        assert!(std::time::Instant::now() < until, "{} never came", path.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}

type TestClient = Client<'static, FromTokio<OwnedReadHalf>, FromTokio<OwnedWriteHalf>>;

/// A session with a node.
pub(crate) struct Session {
    client: TestClient,
    last: u32,
}

impl Session {
    async fn open(&mut self, nonce: u32) {
        self.client.hello("test", nonce, "").await.unwrap();
        self.until(|message| match message {
            ToClient::Hello { nonce: echoed, .. } if *echoed == nonce => Some(()),
            _ => None,
        })
        .await;
    }

    /// What `pick` finds among the messages that come; damaged ones do not count.
    pub(crate) async fn until<T>(&mut self, mut pick: impl FnMut(&ToClient<'_>) -> Option<T>) -> T {
        let waiting = async {
            loop {
                match self.client.next().await {
                    Ok(message) => {
                        if let Some(found) = pick(&message) {
                            return found;
                        }
                    }
                    Err(ClientError::Frame(_)) => {}
                    Err(cause) => panic!("the line is lost: {cause}"),
                }
            }
        };
        tokio::time::timeout(LIMIT, waiting)
            .await
            .expect("it comes in time")
    }

    /// Asks, and gives what `take` makes of the reply, or of the items of a list.
    pub(crate) async fn ask<T>(
        &mut self,
        what: Request<'_>,
        mut take: impl FnMut(&Reply<'_>) -> Option<T>,
    ) -> T {
        self.last += 1;
        let asked = self.last;
        self.client.request(asked, what).await.unwrap();
        self.until(|message| match message {
            ToClient::Reply { id, what } if *id == asked => match what {
                Reply::Failed(Failure { code, message }) => panic!("{code}: {message}"),
                reply => take(reply),
            },
            _ => None,
        })
        .await
    }

    pub(crate) async fn send(&mut self, message: ToRuntime<'_>) {
        self.client.send(&message).await.unwrap();
    }

    pub(crate) async fn ping(&mut self) {
        let done = |reply: &Reply<'_>| matches!(reply, Reply::Done).then_some(());
        self.ask(Request::Ping, done).await;
    }

    /// The names and states of the plugins.
    pub(crate) async fn plugins(&mut self) -> Vec<String> {
        let mut plugins = Vec::new();
        self.ask(Request::Plugins, |reply| match reply {
            Reply::Plugin(plugin) => {
                plugins.push(format!("{} {:?}", plugin.name, plugin.state));
                None
            }
            _ => Some(()),
        })
        .await;
        plugins
    }
}

impl Session {
    /// Waits until all plugins are started.
    pub(crate) async fn until_started(&mut self) {
        let all = ["example", "sensor", "thermostat", "faulty"].map(|name| format!("{name} Started"));
        let waiting = async {
            while self.plugins().await != all {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIMIT, waiting)
            .await
            .expect("all plugins start");
    }
}

/// Runs a test's futures on this thread.
pub(crate) fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

/// A board behind a TCP port, and `HOST:PORT`.
pub(crate) fn board_at_tcp() -> (Emulator, String) {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let serial = format!("tcp:{address},server=on,wait=off,nodelay=on");
    let emulator = Emulator::start(Board::Mps2, &image(), &["-serial", &serial]).unwrap();
    (emulator, address.to_string())
}

/// A board on a terminal's line, and its device.
pub(crate) fn board_at_terminal() -> (Emulator, String) {
    let arguments = ["-chardev", "pty,id=line", "-serial", "chardev:line"];
    let emulator = Emulator::start(Board::Mps2, &image(), &arguments).unwrap();
    let device = emulator
        .wait_for(
            |said| Some(said.split_once("redirected to ")?.1.split_once(' ')?.0.to_owned()),
            LIMIT,
        )
        .unwrap();
    (emulator, device)
}
