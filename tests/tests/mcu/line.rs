//! A firmware and sessions with it over the emulated serial line.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_link::{Client, ClientError, Framing, Reply, Request, ToClient, ToRuntime};
use tests::mcu::{Board, Build, Emulator};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// Each wait of a test ends by then.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A running firmware, its serial line at a Unix socket.
pub(crate) struct Node {
    pub(crate) emulator: Emulator,
    folder: tempfile::TempDir,
}

impl Node {
    /// The program `node`.
    pub(crate) fn start() -> Node {
        Node::start_image(Board::Mps2, &image(), false)
    }

    /// A program; when it `waits`, the board is switched on once somebody is at the other end of its line.
    pub(crate) fn start_image(board: Board, image: &Path, waits: bool) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let (socket, wait) = (folder.path().join("uart"), if waits { "on" } else { "off" });
        let serial = format!("unix:{},server=on,wait={wait}", socket.display());
        let emulator = Emulator::start(board, image, &["-serial", &serial]).unwrap();
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
        Session::over(self.connect().await, Framing::Serial, nonce).await
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

/// A session with a firmware.
pub(crate) struct Session {
    client: TestClient,
    last: u32,
}

impl Session {
    /// Opens a session with whoever is at the other end.
    pub(crate) async fn over(stream: UnixStream, framing: Framing, nonce: u32) -> Session {
        let (read, write) = stream.into_split();
        let memory = Box::leak(vec![0; 2 * 2048].into_boxed_slice());
        let (read, write) = (FromTokio::new(read), FromTokio::new(write));
        let client = Client::new(framing, read, write, memory).unwrap();
        let mut session = Session { client, last: 0 };
        session.open(nonce).await;
        session
    }

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

    /// Asks, and gives what `take` makes of the reply, or of the items of a list; the code of a failure.
    pub(crate) async fn try_ask<T>(
        &mut self,
        what: Request<'_>,
        mut take: impl FnMut(&Reply<'_>) -> Option<T>,
    ) -> Result<T, String> {
        self.last += 1;
        let asked = self.last;
        self.client.request(asked, what).await.unwrap();
        self.until(|message| match message {
            ToClient::Reply { id, what } if *id == asked => match what {
                Reply::Failed(failure) => Some(Err(format!("{}: {failure}", failure.code()))),
                reply => take(reply).map(Ok),
            },
            _ => None,
        })
        .await
    }

    /// The same, of what does not fail.
    pub(crate) async fn ask<T>(&mut self, what: Request<'_>, take: impl FnMut(&Reply<'_>) -> Option<T>) -> T {
        let asked = format!("{what:?}");
        self.try_ask(what, take)
            .await
            .unwrap_or_else(|why| panic!("{asked}: {why}"))
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

    /// Waits until these plugins, which are all, are started.
    pub(crate) async fn until_started(&mut self, plugins: &[&str]) {
        let all: Vec<_> = plugins.iter().map(|name| format!("{name} Started")).collect();
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

/// The plugins of `node`.
pub(crate) const PLUGINS: [&str; 5] = ["storage", "example", "sensor", "thermostat", "faulty"];

/// Runs a test's futures on this thread.
pub(crate) fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

/// A board whose line is at a TCP port, and that address.
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
