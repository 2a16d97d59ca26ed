//! The thread that takes calls.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use slog::warn;

use super::{reader, shared::Shared, statistics::add};

/// How long to wait until the thread, called by itself, has heard.
const WAKE_TIMEOUT: Duration = Duration::from_millis(100);

/// Takes calls until the end.
pub(super) fn run(shared: &Arc<Shared>, listener: &TcpListener) {
    let mut back_off = shared.back_off(0);
    while !shared.threads.are_stopping() {
        match listener.accept().and_then(|(socket, _)| take(shared, socket)) {
            Ok(()) => back_off.reset(),
            // The caller has gone already, which says nothing of the next.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                let wait = back_off.next();
                warn!(shared.logger, "cannot take a call: {error} -> waiting"; "milliseconds" => wait.as_millis());
                shared.threads.sleep(wait);
            }
        }
    }
}

/// Gives a caller a thread of its own.
fn take(shared: &Arc<Shared>, socket: TcpStream) -> io::Result<()> {
    if shared.threads.are_stopping() {
        return Ok(());
    }
    add(&shared.counters.accepted, 1);
    let stranger = shared.strangers.add(&socket)?;
    // The oldest go first: who has something to say has said it by then, and whoever is new gets the chance.
    let closed = shared.strangers.close_oldest_beyond(shared.options.max_strangers);
    add(&shared.counters.strangers_closed, closed);
    let own = Arc::clone(shared);
    let name = shared.thread_name("caller");
    shared.threads.spawn(name, move || reader::run(&own, &socket, stranger))
}

/// Wakes the thread that waits for a call, by calling it.
pub(super) fn wake(listens_at: SocketAddr) {
    let ip = match listens_at.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    // It fails if the thread has ended by itself, which is as good.
    let _woken = TcpStream::connect_timeout(&SocketAddr::new(ip, listens_at.port()), WAKE_TIMEOUT);
}
