//! Texts from outside, in messages and in the audit log.

use std::net::{IpAddr, SocketAddr};

/// The most characters of a name that is noted.
pub(crate) const NAME: usize = 64;

/// The beginning of a text that may be anything, for a message.
pub(crate) fn brief(text: &str) -> String {
    let shown: String = text.chars().take(24).collect();
    format!("{shown:?}")
}

/// At most so many characters of it, without control characters.
pub(crate) fn cut(text: &str, most: usize) -> String {
    text.chars()
        .take(most)
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect()
}

/// Whom attempts are counted by: an address without its port, of IPv6 the half that a site is known by, or else the
/// text itself.
pub(crate) fn peer(peer: &str) -> String {
    let address = peer
        .parse()
        .map(|address: SocketAddr| address.ip())
        .or_else(|_| peer.parse());
    match address.map(|address: IpAddr| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Err(_) => cut(peer, NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_known_by_its_address() {
        for (text, known) in [
            ("192.0.2.7:4711", "192.0.2.7"),
            ("192.0.2.7", "192.0.2.7"),
            ("[::ffff:192.0.2.7]:80", "192.0.2.7"),
            ("[2001:db8:1:2:3:4:5:6]:80", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
            ("unix\n", "unix "),
        ] {
            assert_eq!(peer(text), known);
        }
        assert_eq!(peer(&"я".repeat(500)).chars().count(), NAME);
    }
}
