//! Real sockets on free ports.

use std::sync::LazyLock;

use axum::Router;
use lychgate_process::Shutdown;
use tokio::net::TcpListener;

/// Binds a free port and returns its origin.
pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    (listener, origin)
}

/// Serves until the test's runtime ends.
pub(crate) fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(lychgate_demo::serve::serve(listener, router, Shutdown::new()));
}

/// An HTTP client that does not follow redirects.
pub(crate) fn http() -> reqwest::Client {
    // No idle connections: each would belong to the runtime of the test that opened it.
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        builder.pool_max_idle_per_host(0).build().unwrap()
    });
    CLIENT.clone()
}
