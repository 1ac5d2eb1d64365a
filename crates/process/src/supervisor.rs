//! The protocol between a process and its supervisor, as systemd defines it: sockets that the supervisor opened and passes on
//! (sd_listen_fds(3)), and notifications about the state of the process (sd_notify(3)).
//!
//! The kernel keeps a passed socket open while the process restarts, so a connection of that moment waits and is not refused.
//! Without such a supervisor the process binds its sockets by itself, and a notification does nothing.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Mutex, MutexGuard, PoisonError};

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;
use sd_notify::NotifyState;
use tokio::net::TcpListener;

use crate::ConfigError;

/// Passed sockets that no listener has taken yet.
static PASSED: Mutex<Vec<StdListener>> = Mutex::new(Vec::new());

/// Receives the sockets that the supervisor passed to this process. Call it before the process has another thread: the variables
/// of the protocol are removed from the environment.
pub(crate) fn receive_sockets() -> Result<(), ConfigError> {
    let mut descriptors = ListenFd::from_env();
    for n in 0..descriptors.len() {
        let received = descriptors.take_tcp_listener(n).and_then(|socket| match socket {
            Some(socket) if !socket_acceptconn(&socket)? => Err(io::Error::other("it does not listen")),
            socket => Ok(socket),
        });
        let socket = received.map_err(|error| {
            let problem = format_args!("the supervisor passed a socket that cannot be used: {error}");
            ConfigError::new("LISTEN_FDS", problem, "pass only TCP sockets that listen (ListenStream=, Accept=no)")
        })?;
        passed().extend(socket);
    }
    Ok(())
}

/// Listens at the `address` of the configuration's `key`: on the socket that the supervisor passed for it, or else on a new one.
/// Port 0 takes a free port.
pub(crate) async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, ConfigError> {
    let taken = take(&mut passed(), address);
    let listener = match taken {
        Some(socket) => socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket)),
        None => TcpListener::bind(address).await,
    };
    listener.map_err(|error| {
        let problem = format_args!("{address} cannot be bound: {error}");
        ConfigError::new(key, problem, "free the port or choose another")
    })
}

/// Refuses a socket that the supervisor passed and no listener took: its peers would wait for ever.
pub(crate) fn refuse_unused_sockets() -> Result<(), ConfigError> {
    match passed().first().map(StdListener::local_addr) {
        None => Ok(()),
        Some(address) => {
            let address = address.map_or_else(|error| error.to_string(), |address| address.to_string());
            let problem = format_args!("the supervisor passed a socket at {address}, where no setting listens");
            Err(ConfigError::new("listen", problem, "write the same address here and in the supervisor's socket unit"))
        }
    }
}

/// Notifies the supervisor that the process serves.
pub fn notify_ready() {
    notify(&NotifyState::Ready);
}

/// Notifies the supervisor that the process is about to end.
pub(crate) fn notify_stopping() {
    notify(&NotifyState::Stopping);
}

fn notify(state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        tracing::warn!(%error, %state, "cannot notify the supervisor");
    }
}

fn take(passed: &mut Vec<StdListener>, address: SocketAddr) -> Option<StdListener> {
    let found = passed.iter().position(|socket| socket.local_addr().is_ok_and(|bound| bound == address))?;
    Some(passed.swap_remove(found))
}

fn passed() -> MutexGuard<'static, Vec<StdListener>> {
    PASSED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passed_socket_is_taken_by_its_address_and_once() {
        let sockets: Vec<_> = (0..2).map(|_| StdListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let mut passed = sockets;
        let another: SocketAddr = "127.0.0.1:1".parse().unwrap();
        assert!(take(&mut passed, another).is_none());
        assert_eq!(take(&mut passed, addresses[1]).unwrap().local_addr().unwrap(), addresses[1]);
        assert!(take(&mut passed, addresses[1]).is_none());
        assert_eq!(passed.len(), 1);
    }

    #[tokio::test]
    async fn without_a_passed_socket_a_new_one_is_bound() {
        let bound = listen("listen", "127.0.0.1:0".parse().unwrap()).await.unwrap();
        assert_ne!(bound.local_addr().unwrap().port(), 0);
        let error = listen("metrics.listen", bound.local_addr().unwrap()).await.unwrap_err().to_string();
        assert!(error.starts_with("metrics.listen: ") && error.contains("cannot be bound"), "{error}");
        refuse_unused_sockets().unwrap();
    }
}
