//! Where a server is.

use std::fmt;
use std::str::FromStr;

use hyper::Uri;

/// The port of a URL without one.
const PORT: u16 = 80;

/// `http://HOST:PORT`, without anything behind it.
///
/// ```
/// use plugin_host::manifest::Url;
///
/// let url = Url::parse("http://10.0.0.7:8001").unwrap();
/// assert_eq!((url.host(), url.port()), ("10.0.0.7", 8001));
/// assert_eq!(Url::parse("http://[::1]").unwrap().to_string(), "http://[::1]:80");
/// assert_eq!(Url::parse("https://10.0.0.7"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
}

impl Url {
    /// Takes a URL apart; `None` when it is not `http`, names nobody, or has more to it than a host and a port.
    pub fn parse(text: &str) -> Option<Url> {
        let uri = Uri::from_str(text).ok()?;
        let authority = uri.authority()?;
        let host = authority.host();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() == host => PORT,
            // A user, or a port that is none.
            None => return None,
        };
        let alone = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let plain = !authority.as_str().contains('@') && !host.is_empty() && port != 0;
        let sound = uri.scheme_str() == Some("http") && alone && plain;
        sound.then(|| Url {
            host: host.to_owned(),
            port,
        })
    }

    /// The host: a name or an address, one of IPv6 without its brackets.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as a request names them.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn what_is_more_or_less_than_a_server_is_none() {
        for text in [
            "",
            "10.0.0.7",
            "10.0.0.7:80",
            "http://",
            "http://:80",
            "http://a:0",
            "http://a:99999",
            "http://a:",
            "https://a",
            "ftp://a",
            "http://a/b",
            "http://a?b",
            "http://user@a",
            "http://a b",
            "file:///etc/passwd",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
        for text in ["http://a", "http://a/", "http://a:80", "http://[fe80::1]:8001"] {
            assert!(Url::parse(text).is_some(), "{text}");
        }
    }
}
