//! A way between two programs that a test can cut, slow down or let hang.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use crate::ServerError;

const NAME: &str = "fault proxy";
/// What goes through at a time, so what a delay counts for.
const CHUNK_BYTES: usize = 64 * 1024;

/// Forwards connections to one address, on a thread of its own; a test drives it from any runtime.
pub struct FaultProxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What the proxy does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    to: SocketAddr,
    state: State,
    /// How often it was cut: who looks late sees a cut that was healed at once.
    cuts: u64,
    /// Of each chunk of up to 64 KiB, in each direction.
    delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Connections are reset, new ones too.
    Cut,
    /// Connections stay and nothing arrives, as where a network loses everything.
    BlackHole,
    Ended,
}

impl FaultProxy {
    /// A proxy to `address`, which need not listen yet: connections are reset until it does.
    ///
    /// # Errors
    /// When there is no port or no thread for it.
    pub fn to(address: SocketAddr) -> Result<Self, ServerError> {
        let failed = |action| move |source| ServerError::System { name: NAME, action, source };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed("listen"))?;
        listener.set_nonblocking(true).map_err(failed("listen"))?;
        let own = listener.local_addr().map_err(failed("listen"))?;
        let (way, seen) = watch::channel(Way { to: address, state: State::Open, cuts: 0, delay: Duration::ZERO });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed("start a runtime"))?;
        let thread = thread::Builder::new().name(NAME.to_owned()).spawn(move || serve(&runtime, listener, seen));
        Ok(Self { address: own, way, thread: Some(thread.map_err(failed("start a thread"))?) })
    }

    /// Where to connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it leads; connections that are there keep where they led.
    pub fn lead_to(&self, address: SocketAddr) {
        self.way.send_modify(|way| way.to = address);
    }

    /// Resets all connections and each new one until [`FaultProxy::heal`].
    pub fn cut(&self) {
        self.way.send_modify(|way| (way.state, way.cuts) = (State::Cut, way.cuts + 1));
    }

    /// Takes connections and forwards nothing, until [`FaultProxy::heal`]: what was sent meanwhile arrives then.
    pub fn black_hole(&self) {
        self.way.send_modify(|way| way.state = State::BlackHole);
    }

    /// Holds each chunk of up to 64 KiB back for so long, in each direction.
    pub fn delay(&self, delay: Duration) {
        self.way.send_modify(|way| way.delay = delay);
    }

    /// Lets everything through again, at once.
    pub fn heal(&self) {
        self.way.send_modify(|way| (way.state, way.delay) = (State::Open, Duration::ZERO));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.way.send_modify(|way| way.state = State::Ended);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultProxy({}, {:?})", self.address, *self.way.borrow())
    }
}

fn serve(runtime: &Runtime, listener: std::net::TcpListener, mut way: watch::Receiver<Way>) {
    runtime.block_on(async {
        // On a runtime of this thread; a listener that it refuses is a proxy that refuses everybody, which a test sees.
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        let mut connections = JoinSet::new();
        let ended = way.clone();
        loop {
            tokio::select! {
                taken = listener.accept() => if let Ok((stream, _)) = taken {
                    connections.spawn(connection(stream, ended.clone()));
                },
                Some(_) = connections.join_next() => {},
                _ = way.wait_for(|way| way.state == State::Ended) => return,
            }
        }
    });
}

/// Leads one connection to its end; both ends see a reset where the way was cut.
async fn connection(mut from: TcpStream, mut way: watch::Receiver<Way>) {
    let begun = way.borrow().cuts;
    let Some(now) = passable(&mut way).await else { return reset(&from) };
    let connected = tokio::select! {
        connected = TcpStream::connect(now.to) => connected,
        () = cut(way.clone(), begun) => return reset(&from),
    };
    let Ok(mut to) = connected else { return reset(&from) };
    let _ = (from.set_nodelay(true), to.set_nodelay(true));
    let ((from_read, from_write), (to_read, to_write)) = (from.split(), to.split());
    let both = async { tokio::join!(pump(from_read, to_write, way.clone()), pump(to_read, from_write, way.clone())) };
    let was_cut = tokio::select! {
        (there, back) = both => there.is_err() || back.is_err(),
        () = cut(way.clone(), begun) => true,
    };
    if was_cut {
        reset(&from);
        reset(&to);
    }
}

/// What is dropped after this is not closed politely.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn pump(mut from: tokio::net::tcp::ReadHalf<'_>, mut to: tokio::net::tcp::WriteHalf<'_>, mut way: watch::Receiver<Way>) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk).await?;
        // What was read before a black hole opened stays in it.
        let Some(now) = passable(&mut way).await else { return Err(io::ErrorKind::ConnectionReset.into()) };
        if !now.delay.is_zero() {
            sleep(now.delay).await;
            // It may have opened meanwhile.
            passable(&mut way).await;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..read]).await?;
    }
}

/// The way once something goes through; nothing once it is cut.
async fn passable(way: &mut watch::Receiver<Way>) -> Option<Way> {
    let found = way.wait_for(|way| way.state != State::BlackHole).await.ok()?;
    (found.state == State::Open).then_some(*found)
}

/// Waits for the end of everything that goes through: a cut after the `begun`th.
async fn cut(mut way: watch::Receiver<Way>, begun: u64) {
    let _ = way.wait_for(|way| way.cuts != begun || way.state == State::Ended).await;
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream as Plain,
        time::Instant,
    };

    use super::*;

    /// Answers each byte by itself.
    fn echo() -> SocketAddr {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut byte = [0];
                    while stream.read(&mut byte).is_ok_and(|read| read == 1) && stream.write_all(&byte).is_ok() {}
                });
            }
        });
        address
    }

    fn connected(proxy: &FaultProxy) -> Plain {
        let stream = Plain::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn asked(stream: &mut Plain, byte: u8) -> io::Result<u8> {
        stream.write_all(&[byte])?;
        let mut answer = [0];
        stream.read_exact(&mut answer).map(|()| answer[0])
    }

    #[test]
    fn a_cut_resets_and_a_healed_way_leads_on() {
        let proxy = FaultProxy::to(echo()).unwrap();
        let mut stream = connected(&proxy);
        assert_eq!(asked(&mut stream, 7).unwrap(), 7);
        proxy.cut();
        assert!(asked(&mut stream, 7).is_err());
        assert!(asked(&mut connected(&proxy), 7).is_err());
        proxy.heal();
        assert_eq!(asked(&mut connected(&proxy), 8).unwrap(), 8);
    }

    #[test]
    fn a_cut_that_is_healed_at_once_resets_too() {
        let proxy = FaultProxy::to(echo()).unwrap();
        for byte in 0..50 {
            let mut stream = connected(&proxy);
            assert_eq!(asked(&mut stream, byte).unwrap(), byte);
            proxy.cut();
            proxy.heal();
            match stream.read(&mut [0]) {
                Ok(0) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                other => panic!("it goes on: {other:?}"),
            }
        }
    }

    #[test]
    fn a_black_hole_keeps_what_was_sent_until_it_is_healed() {
        let proxy = FaultProxy::to(echo()).unwrap();
        let mut stream = connected(&proxy);
        assert_eq!(asked(&mut stream, 7).unwrap(), 7);
        proxy.black_hole();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(asked(&mut stream, 9).is_err(), "nothing arrives");
        assert!(connected(&proxy).set_nodelay(true).is_ok(), "a connection is taken");
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        proxy.heal();
        let mut late = [0];
        stream.read_exact(&mut late).unwrap();
        assert_eq!(late[0], 9);
    }

    #[test]
    fn a_delay_counts_in_each_direction_and_another_address_is_for_new_connections() {
        let proxy = FaultProxy::to(echo()).unwrap();
        let mut stream = connected(&proxy);
        let delay = Duration::from_millis(30);
        proxy.delay(delay);
        let started = Instant::now();
        assert_eq!(asked(&mut stream, 1).unwrap(), 1);
        assert!(started.elapsed() >= delay * 2);
        proxy.lead_to(SocketAddr::from((Ipv4Addr::LOCALHOST, crate::child::free_port().unwrap())));
        assert!(asked(&mut connected(&proxy), 2).is_err(), "nobody is there");
        assert_eq!(asked(&mut stream, 3).unwrap(), 3);
    }
}
