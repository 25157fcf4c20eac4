//! A client of HTTP on bare sockets: it sends what it is told to, also what no library would.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take: far longer than any does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers, names in small letters.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body, JSON.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSent {
    /// Its name; `message` where it has none.
    pub event: String,
    /// The last id that was sent, with this event or before.
    pub id: String,
    /// Its data, JSON.
    pub data: Value,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// The system's.
    pub fn open(address: SocketAddr) -> std::io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream: BufReader::new(stream),
        })
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// The system's.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Sends a request, with `headers` as whole lines.
    ///
    /// # Errors
    /// The system's.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[String],
        body: &[u8],
    ) -> std::io::Result<()> {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: test\r\n");
        for header in headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        if !body.is_empty() || method != "GET" {
            text.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        self.send([text.as_bytes(), body].concat())
    }

    /// The head of an answer.
    ///
    /// # Errors
    /// The system's, and an end before its own.
    pub fn head(&mut self) -> std::io::Result<Answer> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no status: {first:?}")))?;
        let mut headers = BTreeMap::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        Ok(Answer {
            status,
            headers,
            body: Vec::new(),
        })
    }

    /// An answer whose length is known.
    ///
    /// # Errors
    /// The system's, and an end before its own.
    pub fn answer(&mut self) -> std::io::Result<Answer> {
        let mut answer = self.head()?;
        if let Some(length) = answer.headers.get("content-length") {
            answer.body = vec![0; length.parse().map_err(std::io::Error::other)?];
            self.stream.read_exact(&mut answer.body)?;
        } else if answer.headers.contains_key("transfer-encoding") {
            while let chunk @ [_, ..] = &*self.chunk()? {
                answer.body.extend_from_slice(chunk);
            }
        }
        Ok(answer)
    }

    /// The next piece of a body that comes in pieces; empty at its end.
    fn chunk(&mut self) -> std::io::Result<Vec<u8>> {
        let length = usize::from_str_radix(&self.line()?, 16).map_err(std::io::Error::other)?;
        let mut chunk = vec![0; length + 2];
        self.stream.read_exact(&mut chunk)?;
        chunk.truncate(length);
        Ok(chunk)
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// Whatever comes until the other side hangs up.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // What came before an error came all the same.
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }

    /// The connection's socket.
    pub fn socket(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Reads the events of an answer whose head was read.
    pub fn events(self) -> Events {
        Events {
            connection: self,
            text: String::new(),
            id: String::new(),
        }
    }
}

/// The events of an answer.
#[derive(Debug)]
pub struct Events {
    connection: Connection,
    text: String,
    /// The last id that was sent.
    pub id: String,
}

impl Events {
    /// The next event; comments are passed over.
    ///
    /// # Errors
    /// The system's, and an end.
    pub fn next_event(&mut self) -> std::io::Result<ServerSent> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
                if let Some(id) = field("id: ") {
                    self.id = id.to_owned();
                }
                if let Some(data) = field("data: ") {
                    return Ok(ServerSent {
                        event: field("event: ").unwrap_or("message").to_owned(),
                        id: self.id.clone(),
                        data: serde_json::from_str(data).map_err(std::io::Error::other)?,
                    });
                }
            }
            let chunk = self.connection.chunk()?;
            if chunk.is_empty() {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.text
                .push_str(std::str::from_utf8(&chunk).map_err(std::io::Error::other)?);
        }
    }

    /// The connection, of which nothing more is read.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }
}
