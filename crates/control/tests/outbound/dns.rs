//! Name resolution: a resolver in memory, and a name server on loopback that changes its answer each time.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::join_all;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use lychgate_control::outbound::{Class, Dns, OutboundError, Resolve, ResolveError};
use tokio::net::UdpSocket;

/// Resolves every name to the same addresses, except names of `unknown.example`, which do not exist, and `away.example`, for
/// which no name server answers.
#[derive(Debug)]
pub(crate) struct StaticResolver {
    addresses: Mutex<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl StaticResolver {
    pub(crate) fn resolving_to(addresses: &[&str]) -> Arc<Self> {
        let resolver = Self { addresses: Mutex::default(), asked: AtomicUsize::new(0) };
        resolver.resolve_to(addresses);
        Arc::new(resolver)
    }

    pub(crate) fn resolve_to(&self, addresses: &[&str]) {
        *self.addresses.lock().expect("unpoisoned") =
            addresses.iter().map(|ip| ip.parse().expect("an address")).collect();
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolve for StaticResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if name.ends_with("unknown.example") {
            return Err(ResolveError::NoSuchName);
        }
        if name == "away.example" {
            return Err(ResolveError::Failed(anyhow::anyhow!("timed out")));
        }
        Ok(self.addresses.lock().expect("unpoisoned").clone())
    }
}

/// The answer of a [`NameServer`] to one question.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Addresses(Vec<IpAddr>),
    /// The name exists, without an address of this family.
    Empty,
    NxDomain,
    ServFail,
    Refused,
    /// No packet.
    Nothing,
}

/// A name server that answers each question for an IPv4 address with the next of its replies, with TTL 0; the last one repeats. It
/// has one reply to all questions for IPv6 addresses.
#[derive(Clone, Debug)]
pub(crate) struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    /// A name server that knows no IPv6 addresses.
    pub(crate) async fn start(answers: &[&[Ipv4Addr]]) -> Self {
        let of = |answer: &&[Ipv4Addr]| Reply::Addresses(answer.iter().copied().map(IpAddr::V4).collect());
        Self::replying(answers.iter().map(of).collect(), Reply::Empty).await
    }

    pub(crate) async fn replying(ipv4: VecDeque<Reply>, ipv6: Reply) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let server = Self { address: socket.local_addr().expect("an address"), asked: Arc::default() };
        let (asked, mut ipv4) = (server.asked.clone(), ipv4);
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let question = Question::of(&buffer[..length]);
                let reply = match question.record_type {
                    1 => {
                        asked.lock().expect("unpoisoned").push(question.name.clone());
                        if ipv4.len() > 1 { ipv4.pop_front().expect("more than one") } else { ipv4[0].clone() }
                    }
                    _ => ipv6.clone(),
                };
                if let Some(packet) = question.answer(&reply) {
                    _ = socket.send_to(&packet, peer).await;
                }
            }
        });
        server
    }

    /// The product's resolver, configured with this name server.
    pub(crate) fn resolver(&self) -> Arc<Dns> {
        let mut server = NameServerConfig::udp(self.address.ip());
        server.connections[0].port = self.address.port();
        let config = ResolverConfig::from_parts(None, vec!["inside.example.".parse().expect("a name")], vec![server]);
        Arc::new(Dns::new(&config, &ResolverOpts::default()).expect("a resolver"))
    }

    /// The names in questions for IPv4 addresses.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("unpoisoned").clone()
    }
}

/// RFC 1035 §4.1.
struct Question {
    id: [u8; 2],
    section: Vec<u8>,
    name: String,
    record_type: u16,
}

impl Question {
    fn of(packet: &[u8]) -> Self {
        let (mut at, mut name) = (12, String::new());
        while packet[at] != 0 {
            let label = &packet[at + 1..=at + usize::from(packet[at])];
            name += &format!("{}.", String::from_utf8_lossy(label).to_ascii_lowercase());
            at += 1 + label.len();
        }
        Self {
            id: [packet[0], packet[1]],
            section: packet[12..at + 5].to_vec(),
            name,
            record_type: u16::from_be_bytes([packet[at + 1], packet[at + 2]]),
        }
    }

    /// `None` for no packet.
    fn answer(&self, reply: &Reply) -> Option<Vec<u8>> {
        let (code, addresses) = match reply {
            Reply::Addresses(addresses) => (0, addresses.as_slice()),
            Reply::Empty => (0, &[][..]),
            Reply::ServFail => (2, &[][..]),
            Reply::NxDomain => (3, &[][..]),
            Reply::Refused => (5, &[][..]),
            Reply::Nothing => return None,
        };
        let count = u16::try_from(addresses.len()).expect("a few").to_be_bytes();
        let mut packet = [&self.id[..], &[0x81, 0x80 | code, 0, 1], &count, &[0; 4], &self.section].concat();
        for address in addresses {
            let (kind, data) = match address {
                IpAddr::V4(address) => (1, address.octets().to_vec()),
                IpAddr::V6(address) => (28, address.octets().to_vec()),
            };
            // The name of the question, the type, IN, TTL 0, the length.
            packet.extend([0xC0, 12, 0, kind, 0, 1, 0, 0, 0, 0, 0, data.len() as u8]);
            packet.extend(data);
        }
        Some(packet)
    }
}

/// Both look-ups with every reply. A host that may exist is never called nonexistent: its client would be told to register anew.
///
/// Requirements: D7.
#[tokio::test]
async fn name_does_not_exist_only_if_both_look_ups_say_so() {
    let (four, six) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]));
    let replies = |address| {
        let absent = [Reply::Empty, Reply::NxDomain, Reply::ServFail, Reply::Refused, Reply::Nothing];
        [vec![Reply::Addresses(vec![address])], absent.to_vec()].concat()
    };
    let addresses = |reply: &Reply| match reply {
        Reply::Addresses(addresses) => addresses.clone(),
        _ => vec![],
    };
    let says_no = |reply: &Reply| matches!(reply, Reply::Empty | Reply::NxDomain);
    let all = replies(four).into_iter().flat_map(|ipv4| replies(six).into_iter().map(move |ipv6| (ipv4.clone(), ipv6)));
    // Together: a name server that does not reply is waited for.
    join_all(all.map(async |(ipv4, ipv6)| {
        let server = NameServer::replying([ipv4.clone()].into(), ipv6.clone()).await;
        let found = server.resolver().resolve("app.example").await;
        let (expected, what) =
            ([addresses(&ipv4), addresses(&ipv6)].concat(), format!("{ipv4:?}, {ipv6:?}: {found:?}"));
        match found {
            Ok(found) => assert!(!found.is_empty() && found == expected, "{what}"),
            Err(error) => {
                assert!(expected.is_empty(), "{what}");
                let class = OutboundError::from(error).class();
                let nonexistent = says_no(&ipv4) && says_no(&ipv6);
                assert_eq!(class, if nonexistent { Class::NoHost } else { Class::Unreachable }, "{what}");
            }
        }
    }))
    .await;
}
