//! A proxy between two nodes that can cut, delay, damage and stall what passes.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use parking_lot::Mutex;

/// Where a greeting says what the connection is for, and what stands there for a snapshot.
const PURPOSE: usize = 10;
const SNAPSHOT: u8 = 2;
const GREETING: usize = 56;

#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_cut: AtomicBool,
    is_stalled: AtomicBool,
    /// How long each piece is held, in milliseconds.
    delay: AtomicU64,
    /// The same for pieces of snapshots alone.
    snapshot_delay: AtomicU64,
    /// How many pieces are still to be damaged.
    damage: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A proxy to `target`.
    pub(crate) fn new(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::new(State::default()));
        let own = Arc::clone(&state);
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                own.connect(caller, target);
            }
        });
        Self { address, state }
    }

    /// Closes what is open, and whatever comes.
    pub(crate) fn cut(&self) {
        self.state.is_cut.store(true, Ordering::Relaxed);
        self.state.close_all();
    }

    /// Closes what is open.
    pub(crate) fn reset(&self) {
        self.state.close_all();
    }

    /// Keeps connections open and passes nothing on.
    pub(crate) fn stall(&self) {
        self.state.is_stalled.store(true, Ordering::Relaxed);
    }

    /// Holds each piece for a while.
    pub(crate) fn delay(&self, millis: u64) {
        self.state.delay.store(millis, Ordering::Relaxed);
    }

    /// Holds each piece of a snapshot for a while.
    pub(crate) fn delay_snapshots(&self, millis: u64) {
        self.state.snapshot_delay.store(millis, Ordering::Relaxed);
    }

    /// Flips a bit in each of the next `pieces`.
    pub(crate) fn damage(&self, pieces: u64) {
        self.state.damage.store(pieces, Ordering::Relaxed);
    }

    pub(crate) fn has_damaged_all(&self) -> bool {
        self.state.damage.load(Ordering::Relaxed) == 0
    }

    /// Passes everything on again.
    pub(crate) fn heal(&self) {
        self.state.is_cut.store(false, Ordering::Relaxed);
        self.state.is_stalled.store(false, Ordering::Relaxed);
        self.delay(0);
        self.delay_snapshots(0);
        self.damage(0);
    }
}

impl State {
    fn connect(self: &Arc<Self>, caller: TcpStream, target: SocketAddr) {
        let Some(server) = Some(target).filter(|_| !self.is_cut.load(Ordering::Relaxed)) else { return };
        let Ok(server) = TcpStream::connect(server) else { return };
        let clones = || Some((caller.try_clone().ok()?, server.try_clone().ok()?));
        let (Some(one), Some(other)) = (clones(), clones()) else { return };
        self.open.lock().extend([one.0, one.1]);
        let (there, back) = (Arc::clone(self), Arc::clone(self));
        let (caller_end, server_end) = other;
        thread::spawn(move || there.pump(caller_end, server, true));
        thread::spawn(move || back.pump(server_end, caller, false));
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, is_forward: bool) {
        let mut piece = vec![0; 32 << 10];
        let (mut passed, mut is_snapshot) = (0, false);
        while let Ok(count @ 1..) = from.read(&mut piece) {
            if is_forward && passed == 0 {
                is_snapshot = count > PURPOSE && piece[PURPOSE] == SNAPSHOT;
            }
            let may_damage = is_forward && passed >= GREETING;
            passed += count;
            self.hold(is_snapshot);
            let take = |left: u64| left.checked_sub(1).filter(|_| may_damage);
            if self.damage.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                piece[count / 2] ^= 0x10;
            }
            if to.write_all(&piece[..count]).is_err() {
                break;
            }
        }
        let _both = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn hold(&self, is_snapshot: bool) {
        let delay = self.delay.load(Ordering::Relaxed);
        let snapshot_delay = if is_snapshot { self.snapshot_delay.load(Ordering::Relaxed) } else { 0 };
        thread::sleep(Duration::from_millis(delay + snapshot_delay));
        while self.is_stalled.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn close_all(&self) {
        self.open.lock().drain(..).for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
    }
}
