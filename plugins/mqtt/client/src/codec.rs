//! Packets, the same for both versions of the protocol.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::{self as b4, v4};
use rumqttc::v5::mqttbytes::{self as b5, v5};

use crate::message::{Message, Qos};
use crate::options::{Options, Version};
use crate::password::Password;

/// A message as it is kept until it is acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    pub(crate) qos: Qos,
    pub(crate) retain: bool,
}

impl From<Message> for Outgoing {
    fn from(message: Message) -> Self {
        Outgoing {
            topic: message.topic,
            payload: message.payload.into(),
            qos: message.qos,
            retain: message.retain,
        }
    }
}

/// A filter as it is subscribed to.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) filter: String,
    pub(crate) qos: Qos,
    pub(crate) no_local: bool,
}

/// What the broker says of itself when it takes the connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Welcome {
    pub(crate) session_present: bool,
    /// The most messages in flight to it.
    pub(crate) receive_maximum: Option<u16>,
    /// The largest packet to it.
    pub(crate) max_packet: Option<u32>,
    pub(crate) keep_alive_s: Option<u16>,
}

/// A packet from the broker. `Err` in an acknowledgement is why it was refused.
#[derive(Debug)]
pub(crate) enum In {
    Welcome(Result<Welcome, String>),
    Publish { pid: u16, dup: bool, message: Message },
    PubAck(u16, Result<(), String>),
    PubRec(u16, Result<(), String>),
    PubRel(u16),
    PubComp(u16),
    SubAck(u16, Vec<Result<(), String>>),
    UnsubAck(u16),
    Pong,
    Bye(String),
}

/// An answer with nothing but a packet id.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// PUBACK: taken, of QoS 1.
    Ack,
    /// PUBREC: taken, of QoS 2.
    Received,
    /// PUBREL: it will not be sent again.
    Release,
    /// PUBCOMP: its packet id is free.
    Complete,
}

/// Writes and reads packets of one version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec {
    pub(crate) version: Version,
    /// The largest packet that is read.
    pub(crate) max_packet: u32,
}

impl Codec {
    /// The next packet, or `None` while it is not whole.
    pub(crate) fn read(self, from: &mut BytesMut) -> Result<Option<In>, String> {
        let read = match self.version {
            Version::V3 => match v4::Packet::read(from, self.max_packet as usize) {
                Ok(packet) => of_v4(packet),
                Err(b4::Error::InsufficientBytes(_)) => return Ok(None),
                Err(error) => Err(error.to_string()),
            },
            Version::V5 => match v5::Packet::read(from, Some(self.max_packet)) {
                Ok(packet) => of_v5(packet),
                Err(b5::Error::InsufficientBytes(_)) => return Ok(None),
                Err(error) => Err(error.to_string()),
            },
        };
        read.map(Some)
            .map_err(|error| format!("the broker sent what is no packet: {error}"))
    }

    pub(crate) fn connect(
        self,
        options: &Options,
        client_id: &str,
        clean: bool,
        password: Option<&Password>,
        to: &mut BytesMut,
    ) {
        let user = options.username.as_deref();
        let login = user.map(|user| (user, password.map_or("", Password::expose)));
        let will = options.will.clone().map(Outgoing::from);
        match self.version {
            Version::V3 => {
                let mut connect = v4::Connect::new(client_id);
                connect.keep_alive = options.keep_alive_s;
                connect.clean_session = clean;
                connect.login = login.map(|(user, password)| v4::Login::new(user, password));
                connect.last_will = will.map(|will| v4::LastWill {
                    topic: will.topic,
                    message: will.payload,
                    qos: qos4(will.qos),
                    retain: will.retain,
                });
                done(v4::Packet::Connect(connect).write(to, usize::MAX));
            }
            Version::V5 => {
                let mut properties = v5::ConnectProperties::new();
                properties.session_expiry_interval = Some(options.session_expiry_s);
                properties.receive_maximum = Some(options.queue.min(usize::from(u16::MAX)) as u16);
                properties.max_packet_size = Some(options.max_packet);
                let connect = v5::Connect {
                    keep_alive: options.keep_alive_s,
                    client_id: client_id.to_owned(),
                    clean_start: clean,
                    properties: Some(properties),
                };
                let login = login.map(|(user, password)| v5::Login::new(user, password));
                let will = will.map(|will| v5::LastWill {
                    topic: will.topic.into(),
                    message: will.payload,
                    qos: qos5(will.qos),
                    retain: will.retain,
                    properties: None,
                });
                done(v5::Packet::Connect(connect, will, login).write(to, None));
            }
        }
    }

    pub(crate) fn publish(self, message: &Outgoing, pid: u16, dup: bool, to: &mut BytesMut) {
        let (retain, payload) = (message.retain, message.payload.clone());
        match self.version {
            Version::V3 => {
                let publish = v4::Publish {
                    dup,
                    qos: qos4(message.qos),
                    retain,
                    topic: message.topic.clone(),
                    pkid: pid,
                    payload,
                };
                done(publish.write(to));
            }
            Version::V5 => {
                let publish = v5::Publish {
                    dup,
                    qos: qos5(message.qos),
                    retain,
                    topic: message.topic.clone().into(),
                    pkid: pid,
                    payload,
                    properties: None,
                };
                done(publish.write(to));
            }
        }
    }

    /// The size of a message's packet, or a little more.
    pub(crate) fn size(message: &Outgoing) -> usize {
        message.topic.len() + message.payload.len() + 12
    }

    pub(crate) fn answer(self, answer: Answer, pid: u16, to: &mut BytesMut) {
        match self.version {
            Version::V3 => {
                let packet = match answer {
                    Answer::Ack => v4::Packet::PubAck(v4::PubAck::new(pid)),
                    Answer::Received => v4::Packet::PubRec(v4::PubRec::new(pid)),
                    Answer::Release => v4::Packet::PubRel(v4::PubRel::new(pid)),
                    Answer::Complete => v4::Packet::PubComp(v4::PubComp::new(pid)),
                };
                done(packet.write(to, usize::MAX));
            }
            Version::V5 => {
                let packet = match answer {
                    Answer::Ack => v5::Packet::PubAck(v5::PubAck::new(pid, None)),
                    Answer::Received => v5::Packet::PubRec(v5::PubRec::new(pid, None)),
                    Answer::Release => v5::Packet::PubRel(v5::PubRel::new(pid, None)),
                    Answer::Complete => v5::Packet::PubComp(v5::PubComp::new(pid, None)),
                };
                done(packet.write(to, None));
            }
        }
    }

    pub(crate) fn subscribe(self, pid: u16, filters: &[Filter], to: &mut BytesMut) {
        match self.version {
            Version::V3 => {
                let filters = filters.iter();
                let filters = filters.map(|f| v4::SubscribeFilter::new(f.filter.clone(), qos4(f.qos)));
                let mut subscribe = v4::Subscribe::new_many(filters);
                subscribe.pkid = pid;
                done(subscribe.write(to));
            }
            Version::V5 => {
                let filters = filters.iter().map(|f| v5::Filter {
                    nolocal: f.no_local,
                    ..v5::Filter::new(f.filter.clone(), qos5(f.qos))
                });
                let mut subscribe = v5::Subscribe::new_many(filters, None);
                subscribe.pkid = pid;
                done(subscribe.write(to));
            }
        }
    }

    pub(crate) fn unsubscribe(self, pid: u16, filter: &str, to: &mut BytesMut) {
        match self.version {
            Version::V3 => {
                let mut packet = v4::Unsubscribe::new(filter);
                packet.pkid = pid;
                done(packet.write(to));
            }
            Version::V5 => {
                let mut packet = v5::Unsubscribe::new(filter, None);
                packet.pkid = pid;
                done(packet.write(to));
            }
        }
    }

    pub(crate) fn ping(self, to: &mut BytesMut) {
        match self.version {
            Version::V3 => done(v4::Packet::PingReq.write(to, usize::MAX)),
            Version::V5 => done(v5::Packet::PingReq(v5::PingReq).write(to, None)),
        }
    }

    /// Leaves without the will being published.
    pub(crate) fn disconnect(self, forget_session: bool, to: &mut BytesMut) {
        match self.version {
            Version::V3 => done(v4::Packet::Disconnect.write(to, usize::MAX)),
            Version::V5 => {
                let mut leave = v5::Disconnect::new(v5::DisconnectReasonCode::NormalDisconnection);
                leave.properties = forget_session.then(|| v5::DisconnectProperties {
                    session_expiry_interval: Some(0),
                    reason_string: None,
                    user_properties: Vec::new(),
                    server_reference: None,
                });
                done(v5::Packet::Disconnect(leave).write(to, None));
            }
        }
    }
}

/// Writing fails for what is too long, which was checked where it came in.
fn done<E: std::fmt::Debug>(written: Result<usize, E>) {
    written.expect("what is written was checked");
}

fn of_v4(packet: v4::Packet) -> Result<In, String> {
    Ok(match packet {
        v4::Packet::ConnAck(ack) => In::Welcome(match ack.code {
            v4::ConnectReturnCode::Success => Ok(Welcome {
                session_present: ack.session_present,
                ..Welcome::default()
            }),
            code => Err(format!("{code:?}")),
        }),
        v4::Packet::Publish(publish) => In::Publish {
            pid: publish.pkid,
            dup: publish.dup,
            message: Message {
                topic: publish.topic,
                payload: publish.payload.into(),
                qos: of_qos(publish.qos as u8),
                retain: publish.retain,
            },
        },
        v4::Packet::PubAck(ack) => In::PubAck(ack.pkid, Ok(())),
        v4::Packet::PubRec(ack) => In::PubRec(ack.pkid, Ok(())),
        v4::Packet::PubRel(ack) => In::PubRel(ack.pkid),
        v4::Packet::PubComp(ack) => In::PubComp(ack.pkid),
        v4::Packet::SubAck(ack) => {
            let codes = ack.return_codes.into_iter().map(|code| match code {
                v4::SubscribeReasonCode::Success(_) => Ok(()),
                v4::SubscribeReasonCode::Failure => Err("refused".to_owned()),
            });
            In::SubAck(ack.pkid, codes.collect())
        }
        v4::Packet::UnsubAck(ack) => In::UnsubAck(ack.pkid),
        v4::Packet::PingResp => In::Pong,
        other => return Err(unexpected(&other)),
    })
}

fn of_v5(packet: v5::Packet) -> Result<In, String> {
    Ok(match packet {
        v5::Packet::ConnAck(ack) => In::Welcome(match ack.code {
            v5::ConnectReturnCode::Success => {
                let properties = ack.properties.as_ref();
                Ok(Welcome {
                    session_present: ack.session_present,
                    receive_maximum: properties.and_then(|p| p.receive_max),
                    max_packet: properties.and_then(|p| p.max_packet_size),
                    keep_alive_s: properties.and_then(|p| p.server_keep_alive),
                })
            }
            code => Err(format!("{code:?}")),
        }),
        v5::Packet::Publish(publish) => In::Publish {
            pid: publish.pkid,
            dup: publish.dup,
            message: Message {
                topic: String::from_utf8(publish.topic.into()).map_err(|error| error.to_string())?,
                payload: publish.payload.into(),
                qos: of_qos(publish.qos as u8),
                retain: publish.retain,
            },
        },
        v5::Packet::PubAck(ack) => In::PubAck(
            ack.pkid,
            match ack.reason {
                v5::PubAckReason::Success | v5::PubAckReason::NoMatchingSubscribers => Ok(()),
                reason => Err(format!("{reason:?}")),
            },
        ),
        v5::Packet::PubRec(ack) => In::PubRec(
            ack.pkid,
            match ack.reason {
                v5::PubRecReason::Success | v5::PubRecReason::NoMatchingSubscribers => Ok(()),
                reason => Err(format!("{reason:?}")),
            },
        ),
        v5::Packet::PubRel(ack) => In::PubRel(ack.pkid),
        v5::Packet::PubComp(ack) => In::PubComp(ack.pkid),
        v5::Packet::SubAck(ack) => {
            let codes = ack.return_codes.into_iter().map(|code| match code {
                v5::SubscribeReasonCode::Success(_) => Ok(()),
                reason => Err(format!("{reason:?}")),
            });
            In::SubAck(ack.pkid, codes.collect())
        }
        v5::Packet::UnsubAck(ack) => In::UnsubAck(ack.pkid),
        v5::Packet::PingResp(_) => In::Pong,
        v5::Packet::Disconnect(bye) => In::Bye(format!("{:?}", bye.reason_code)),
        other => return Err(unexpected(&other)),
    })
}

fn unexpected(packet: &dyn std::fmt::Debug) -> String {
    let text = format!("{packet:?}");
    let name: String = text.chars().take_while(|c| c.is_alphanumeric()).collect();
    format!("a {name} is not for a client")
}

fn of_qos(level: u8) -> Qos {
    Qos::try_from(level).unwrap_or_default()
}

fn qos4(qos: Qos) -> b4::QoS {
    match qos {
        Qos::AtMostOnce => b4::QoS::AtMostOnce,
        Qos::AtLeastOnce => b4::QoS::AtLeastOnce,
        Qos::ExactlyOnce => b4::QoS::ExactlyOnce,
    }
}

fn qos5(qos: Qos) -> b5::QoS {
    match qos {
        Qos::AtMostOnce => b5::QoS::AtMostOnce,
        Qos::AtLeastOnce => b5::QoS::AtLeastOnce,
        Qos::ExactlyOnce => b5::QoS::ExactlyOnce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let body = proptest::collection::vec(any::<u8>(), 0..40);
        // A length that is right reaches deeper than one that is anything.
        (any::<u8>(), body, any::<bool>()).prop_map(|(first, mut body, framed)| {
            if framed {
                body.insert(0, body.len() as u8);
            }
            body.insert(0, first);
            body
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]
        #[test]
        fn no_bytes_panic(bytes in bytes(), version in prop_oneof![Just(Version::V3), Just(Version::V5)]) {
            let codec = Codec { version, max_packet: 1_024 };
            let mut from = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = codec.read(&mut from) {}
        }
    }

    #[test]
    fn a_packet_that_is_too_large_is_refused_before_it_is_there() {
        for version in [Version::V3, Version::V5] {
            let codec = Codec {
                version,
                max_packet: 1_024,
            };
            let mut from = BytesMut::from(&[0x30, 0xff, 0xff, 0x7f][..]);
            assert!(codec.read(&mut from).is_err());
        }
    }
}
