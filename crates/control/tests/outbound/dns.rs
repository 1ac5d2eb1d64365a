//! Name resolution: a resolver in memory, and a name server on loopback that changes its answer each time.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use hickory_resolver::Resolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use lychgate_control::outbound::{Dns, Resolve, ResolveError};
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

/// A name server that answers each question for an IPv4 address with the next of its answers, with TTL 0; the last
/// answer repeats. It knows no IPv6 addresses.
#[derive(Clone, Debug)]
pub(crate) struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    pub(crate) async fn start(answers: &[&[Ipv4Addr]]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let server = Self { address: socket.local_addr().expect("an address"), asked: Arc::default() };
        let (asked, mut answers) =
            (server.asked.clone(), answers.iter().map(|answer| answer.to_vec()).collect::<VecDeque<_>>());
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let question = Question::of(&buffer[..length]);
                let addresses = match question.record_type {
                    1 => {
                        asked.lock().expect("unpoisoned").push(question.name.clone());
                        if answers.len() > 1 { answers.pop_front().expect("more than one") } else { answers[0].clone() }
                    }
                    _ => Vec::new(),
                };
                _ = socket.send_to(&question.answer(&addresses), peer).await;
            }
        });
        server
    }

    /// The product's resolver, configured with this name server.
    pub(crate) fn resolver(&self) -> Arc<Dns> {
        let mut server = NameServerConfig::udp(self.address.ip());
        server.connections[0].port = self.address.port();
        let config = ResolverConfig::from_parts(None, vec!["inside.example.".parse().expect("a name")], vec![server]);
        let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        Arc::new(Dns::from_builder(builder).expect("a resolver"))
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

    fn answer(&self, addresses: &[Ipv4Addr]) -> Vec<u8> {
        let count = u16::try_from(addresses.len()).expect("a few").to_be_bytes();
        let mut packet = [&self.id[..], &[0x81, 0x80, 0, 1], &count, &[0; 4], &self.section].concat();
        for address in addresses {
            // The name of the question, A, IN, TTL 0, four bytes.
            packet.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
            packet.extend(address.octets());
        }
        packet
    }
}
