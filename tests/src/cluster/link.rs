//! A network link between two processes that a test cuts: a small TCP proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

/// A proxy in front of one address. Dropping it closes all of its connections.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    connections: Mutex<Vec<AbortHandle>>,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Connections are accepted and stay, and no byte passes.
    Silent,
    /// Connections are closed as they come.
    Refusing,
}

impl Link {
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { target, connections: Mutex::default(), state: watch::Sender::new(State::Open) });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, server })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections; new ones are possible at once.
    pub fn cut(&self) {
        let mut connections = self.shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        for connection in connections.drain(..) {
            connection.abort();
        }
    }

    /// Closes all connections and every new one.
    pub fn refuse(&self) {
        self.shared.state.send_replace(State::Refusing);
        self.cut();
    }

    /// Lets no byte pass and closes nothing, as a network does that loses packets.
    pub fn silence(&self) {
        self.shared.state.send_replace(State::Silent);
    }

    /// Works again. Bytes that were held back pass.
    pub fn open(&self) {
        self.shared.state.send_replace(State::Open);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.server.abort();
        self.cut();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        if *shared.state.borrow() == State::Refusing {
            continue;
        }
        let (target, state) = (shared.target, shared.state.subscribe());
        let connection = tokio::spawn(async move {
            // A connection that breaks is no failure of the proxy.
            drop(relay(stream, target, state).await);
        });
        let mut connections = shared.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|connection| !connection.is_finished());
        connections.push(connection.abort_handle());
    }
}

async fn relay(mut client: TcpStream, target: SocketAddr, state: watch::Receiver<State>) -> Result<()> {
    let mut server = TcpStream::connect(target).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::select! {
        done = copy(from_client, to_server, state.clone()) => done,
        done = copy(from_server, to_client, state) => done,
    }
}

/// Copies until the end of one direction, which ends the other, too: the protocols here close both.
async fn copy(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    mut state: watch::Receiver<State>,
) -> Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        state.wait_for(|state| *state != State::Silent).await?;
        if length == 0 {
            return Ok(to.shutdown().await?);
        }
        to.write_all(&buffer[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends back what it gets, and a link to it.
    async fn echo() -> (Link, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Link::start(listener.local_addr().unwrap()).await.unwrap();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                drop(tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                }));
            }
        });
        (link, server)
    }

    async fn ask(stream: &mut TcpStream) -> std::io::Result<u8> {
        stream.write_u8(7).await?;
        stream.read_u8().await
    }

    #[tokio::test]
    async fn a_cut_ends_connections_and_new_ones_work() {
        let (link, _server) = echo().await;
        let mut stream = TcpStream::connect(link.address()).await.unwrap();
        assert_eq!(ask(&mut stream).await.unwrap(), 7);
        link.cut();
        assert!(ask(&mut stream).await.is_err());
        let mut again = TcpStream::connect(link.address()).await.unwrap();
        assert_eq!(ask(&mut again).await.unwrap(), 7);
        link.refuse();
        assert!(ask(&mut again).await.is_err());
        let mut refused = TcpStream::connect(link.address()).await.unwrap();
        assert!(ask(&mut refused).await.is_err());
    }

    #[tokio::test]
    async fn a_silent_link_holds_bytes_back_until_it_is_open() {
        let (link, _server) = echo().await;
        let mut stream = TcpStream::connect(link.address()).await.unwrap();
        assert_eq!(ask(&mut stream).await.unwrap(), 7);
        link.silence();
        stream.write_u8(8).await.unwrap();
        let mut byte = [0];
        // The kernel reports no byte for as long as the link is silent: half a second is much longer than an echo takes.
        let waited = tokio::time::timeout(std::time::Duration::from_millis(500), stream.read_exact(&mut byte)).await;
        assert!(waited.is_err(), "a byte passed a silent link");
        link.open();
        assert_eq!(stream.read_u8().await.unwrap(), 8);
    }
}
