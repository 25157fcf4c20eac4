//! The other ways to a runtime: TCP with a token, and a serial line.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread;

use rustix::fs::{FlockOperation, flock};
use rustix::net;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::serial;
use crate::support::{PATIENCE, Runtime, named, program, run, until};

const TOKEN: &str = "a token of the right length";

/// A runtime that also listens at a TCP port that was free a moment ago.
fn with_tcp() -> (Runtime, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("runtime.toml");
    std::fs::write(
        &config,
        format!("[runtime]\ntcp = \"{address}\"\ntcp_token = \"{TOKEN}\"\ntcp_tls = false\n"),
    )
    .unwrap();
    let config = config.to_str().unwrap().to_owned();
    (Runtime::start_with(dir, &[("RUNTIME_CONFIG", &config)]), address)
}

fn plain(address: &str) -> String {
    format!("plain:{address}")
}

#[test]
fn a_tcp_client_needs_the_token() {
    let (runtime, address) = with_tcp();
    let call = |command: &mut Command| {
        command.args(["--tcp", &plain(&address), "call", "example.hello", "\"TCP\""]);
        run(command, b"")
    };
    let variable = |token: &str| call(program().env("RUNTIME_TCP_TOKEN", token));
    assert_eq!(variable(TOKEN).ok(), "\"Привет, TCP!\"\n");
    let file = runtime.path("key");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let told = call(program().arg("--key-file").arg(&file)).fails(2);
    assert!(told.contains("chmod 600"), "{told}");
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(
        call(program().arg("--key-file").arg(&file)).ok(),
        "\"Привет, TCP!\"\n"
    );
    for (told, why) in [
        (call(&mut program()).fails(1), "none was given"),
        (variable("").fails(1), "none was given"),
        (variable("a token of the right lengtH").fails(1), "is not good"),
    ] {
        assert!(
            told.starts_with("error[denied]: ") && told.contains(why),
            "{told}"
        );
        assert!(told.contains("--key-file"), "{told}");
    }
}

#[test]
fn nobody_at_a_tcp_port_is_status_3() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let told = run(program().args(["--tcp", &address, "health"]), b"").fails(3);
    assert!(told.contains(&address), "{told}");
}

/// A serial line whose other end is wired to the runtime's socket, as a board would be: only the frames differ. What
/// is no frame goes on as it is, so that the runtime refuses it, as a board does.
fn wire(runtime: &Runtime) -> String {
    let board = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&board).unwrap();
    unlockpt(&board).unwrap();
    let device = ptsname(&board, Vec::new()).unwrap().into_string().unwrap();
    // Held open, so that the line does not hang up between two commands.
    let held = OpenOptions::new().read(true).write(true).open(&device).unwrap();
    let socket = UnixStream::connect(runtime.path("link.sock")).unwrap();
    let (from_line, mut to_line) = (File::from(board.try_clone().unwrap()), File::from(board));
    let (mut from_socket, mut to_socket) = (socket.try_clone().unwrap(), socket);
    thread::spawn(move || {
        let mut frame = Vec::new();
        for byte in BufReader::new(from_line).bytes().map_while(Result::ok) {
            if byte != 0 {
                frame.push(byte);
                continue;
            }
            let stuffed = std::mem::take(&mut frame);
            if stuffed.is_empty() {
                continue;
            }
            let message = serial::unstuff(&stuffed).unwrap_or(stuffed);
            let length = (message.len() as u32).to_le_bytes();
            if to_socket.write_all(&[&length[..], &message].concat()).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        let mut length = [0; 4];
        while from_socket.read_exact(&mut length).is_ok() {
            let mut message = vec![0; u32::from_le_bytes(length) as usize];
            if from_socket.read_exact(&mut message).is_err()
                || to_line.write_all(&serial::stuff(&message)).is_err()
            {
                break;
            }
        }
        drop(held);
    });
    device
}

#[test]
fn a_serial_line_changes_hands_and_survives_noise() {
    let runtime = Runtime::start();
    let device = wire(&runtime);
    let serial = format!("{device}:115200");
    let on_line = |args: &[&str]| run(program().args(["--serial", &serial]).args(args), b"");
    assert_eq!(
        on_line(&["call", "example.hello", "\"UART\""]).ok(),
        "\"Привет, UART!\"\n"
    );
    // Somebody else left half a message on the line.
    OpenOptions::new()
        .write(true)
        .open(&device)
        .unwrap()
        .write_all(b"\x07half a mess")
        .unwrap();
    assert_eq!(on_line(&["publish", "example.test", "1"]).ok(), "1\n");
    let plugins = on_line(&["plugins", "--json"]).json();
    assert_eq!(named(&plugins, "example")["state"], "STARTED");
    // A second client at the same time would take the first one's answers.
    let other = OpenOptions::new().read(true).open(&device).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    let busy = on_line(&["health"]).fails(3);
    assert!(busy.contains("another program has the line"), "{busy}");
    drop(other);
    on_line(&["health"]).ok();
    let none = run(program().args(["--serial", "/dev/no-such-line", "health"]), b"").fails(3);
    assert!(none.contains("there is no such device"), "{none}");
}

/// A connection from this address, which is one of the loopback's own.
fn connect_from(from: [u8; 4], to: &str) -> TcpStream {
    let socket = net::socket(net::AddressFamily::INET, net::SocketType::STREAM, None).unwrap();
    net::bind(&socket, &SocketAddr::from((from, 0))).unwrap();
    net::connect(&socket, &to.parse::<SocketAddr>().unwrap()).unwrap();
    TcpStream::from(socket)
}

#[test]
fn one_host_cannot_take_all_places_at_the_tcp_port() {
    let (runtime, address) = with_tcp();
    let crowd: Vec<_> = (0..20).map(|_| connect_from([127, 0, 0, 2], &address)).collect();
    // Those beyond its part are told so, and closed.
    let mut told = String::new();
    let mut last = crowd.last().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(last.read_to_string(&mut told).is_ok_and(|length| length > 0));
    let at_tcp = run(
        program()
            .env("RUNTIME_TCP_TOKEN", TOKEN)
            .args(["--tcp", &plain(&address), "health"]),
        b"",
    );
    at_tcp.ok();
    let log = std::fs::read_to_string(runtime.path("log")).unwrap();
    assert_eq!(
        log.matches("16 sessions of that host are open").count(),
        1,
        "{log}"
    );
}

#[test]
fn strangers_at_the_tcp_port_do_not_keep_the_owner_out() {
    let (runtime, address) = with_tcp();
    // From four hosts, none of which gets more than its part.
    let crowd: Vec<_> = (0..64)
        .map(|n| connect_from([127, 0, 0, 2 + n / 16], &address))
        .collect();
    let at_tcp = || {
        run(
            program()
                .env("RUNTIME_TCP_TOKEN", TOKEN)
                .args(["--tcp", &plain(&address), "health"]),
            b"",
        )
    };
    assert!(at_tcp().fails(1).starts_with("error[too_many_clients]: "));
    runtime.cli(&["health"]).ok();
    drop(crowd);
    until("there is room again", || at_tcp().status == 0);
}
