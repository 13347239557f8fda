//! Sockets on their way to the I/O threads: in turn, up to a number of open ones.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use extensions_tls::ServerTls;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

use crate::{
    metrics::{Metrics, Turned},
    router::Plane,
    settings::FrontSettings,
};

/// Sockets that may wait for one I/O thread; it takes them within a slice.
pub(crate) const HANDOUT_QUEUE: usize = 128;

/// A socket on its way to an I/O thread.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    pub(crate) plane: Plane,
    pub(crate) place: Place,
}

pub(crate) enum Socket {
    Tcp(std::net::TcpStream, SocketAddr),
    /// The I/O thread takes the handshake upon itself: a slow one costs the acceptor nothing.
    Tls(std::net::TcpStream, SocketAddr, ServerTls),
    Unix(std::os::unix::net::UnixStream),
    /// Bytes that a part of this process brings.
    Attached(Box<dyn Stream + Send + Unpin>),
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp(..) => "Tcp",
            Self::Tls(..) => "Tls",
            Self::Unix(_) => "Unix",
            Self::Attached(_) => "Attached",
        })
    }
}

/// What a connection may be made of, where it is no socket.
pub trait Stream: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Stream for T {}

/// One of the connections that may be open.
#[derive(Debug)]
pub(crate) struct Place {
    open: Arc<AtomicUsize>,
    max: usize,
    metrics: Arc<Metrics>,
}

impl Place {
    fn take(open: &Arc<AtomicUsize>, max: usize, metrics: &Arc<Metrics>) -> Option<Self> {
        let taken = open.fetch_update(Relaxed, Relaxed, |count| (count < max).then_some(count + 1)).is_ok();
        taken.then(|| {
            metrics.opened();
            Self { open: Arc::clone(open), max, metrics: Arc::clone(metrics) }
        })
    }

    /// More than half of all places are taken.
    pub(crate) fn is_crowded(&self) -> bool {
        self.open.load(Relaxed) > self.max / 2
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Relaxed);
        self.metrics.closed();
    }
}

/// Hands sockets to the I/O threads in turn, up to a number of open ones.
#[derive(Debug, Clone)]
pub(crate) struct Handout {
    pub(crate) threads: Vec<mpsc::Sender<Accepted>>,
    pub(crate) next: usize,
    pub(crate) plane: Plane,
    pub(crate) open: Arc<AtomicUsize>,
    pub(crate) max: usize,
    pub(crate) metrics: Arc<Metrics>,
}

impl Handout {
    /// For those who call.
    pub(crate) fn of_callers(settings: &FrontSettings, threads: Vec<mpsc::Sender<Accepted>>, metrics: &Arc<Metrics>) -> Self {
        let plane = if settings.merge_admin { Plane::Merged } else { Plane::Main };
        Self { threads, next: 0, plane, open: Arc::default(), max: settings.connections_max, metrics: Arc::clone(metrics) }
    }

    /// Gives the socket to one thread; false where it has no room.
    pub(crate) fn hand_to(&self, thread: usize, socket: Socket) -> bool {
        let Some(place) = Place::take(&self.open, self.max, &self.metrics) else { return false };
        let to = self.threads.get(thread);
        to.is_some_and(|to| to.try_send(Accepted { socket, plane: self.plane, place }).is_ok())
    }

    /// Gives the socket to the next thread with room, or closes it.
    pub(crate) fn hand_out(&mut self, socket: Socket) {
        let Some(place) = Place::take(&self.open, self.max, &self.metrics) else {
            return self.metrics.turned_away(Turned::Limit);
        };
        let mut accepted = Accepted { socket, plane: self.plane, place };
        for _ in 0..self.threads.len() {
            self.next = (self.next + 1) % self.threads.len();
            match self.threads[self.next].try_send(accepted) {
                Ok(()) => return,
                Err(mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back)) => accepted = back,
            }
        }
        self.metrics.turned_away(Turned::Busy);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sockets_go_round_and_beyond_the_limit_nowhere() {
        let metrics = Metrics::new(1);
        let (senders, mut queues): (Vec<_>, Vec<_>) = (0..2).map(|_| mpsc::channel(4)).unzip();
        let open = Arc::default();
        let mut handout = Handout { threads: senders, next: 0, plane: Plane::Main, open, max: 3, metrics: Arc::clone(&metrics) };
        for _ in 0..5 {
            handout.hand_out(Socket::Unix(std::os::unix::net::UnixStream::pair().unwrap().0));
        }
        assert_eq!(queues.iter().map(mpsc::Receiver::len).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(metrics.open(), 3);
        drop(queues[1].recv().await);
        assert_eq!(metrics.open(), 2);
    }
}
