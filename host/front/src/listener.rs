//! Binding and accepting.
//!
//! One thread accepts for all: SO_REUSEPORT would hash few connections unevenly.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use extensions_tls::ServerTls;
use rustix::{
    fs::{Mode, fchmod},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with},
};
use tokio::{
    net::{TcpListener, TcpSocket, UnixListener},
    sync::watch,
};

use crate::{
    drain::Phase,
    handout::{Handout, Socket},
};

/// Connections that the kernel may hold for us during a pause.
const BACKLOG: u16 = 1_024;
/// Owner and group, as the contract has it.
const UNIX_MODE: u32 = 0o660;
/// After a failed accept (too many open files): first wait, doubled up to the longest.
const BACK_OFF_FIRST: Duration = Duration::from_millis(10);
const BACK_OFF_LONGEST: Duration = Duration::from_secs(1);

/// A bound listener.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp {
        listener: TcpListener,
        tls: Option<ServerTls>,
    },
    Unix {
        listener: UnixListener,
        /// Held for its drop.
        _file: SocketFile,
    },
}

impl Listener {
    /// Must be called within a runtime, which will watch the socket.
    pub(crate) fn tcp(address: SocketAddr, tls: Option<ServerTls>) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self::Tcp { listener: socket.listen(BACKLOG.into())?, tls })
    }

    /// As [`Listener::tcp`]. A socket file that nobody listens on is replaced.
    pub(crate) fn unix(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
        // Before binding, so that the file never has wider rights; after it,
        // because the umask may have taken some away.
        fchmod(&socket, Mode::from_raw_mode(UNIX_MODE))?;
        bind(&socket, &SocketAddrUnix::new(path)?)?;
        let file = SocketFile::own(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(UNIX_MODE))?;
        listen(&socket, BACKLOG.into())?;
        Ok(Self::Unix { listener: UnixListener::from_std(socket.into())?, _file: file })
    }

    pub(crate) fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { listener, .. } => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }

    async fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp { listener, tls } => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let stream = stream.into_std()?;
                Ok(match tls {
                    None => Socket::Tcp(stream, peer),
                    Some(tls) => Socket::Tls(stream, peer, tls.clone()),
                })
            }
            Self::Unix { listener, .. } => Ok(Socket::Unix(listener.accept().await?.0.into_std()?)),
        }
    }
}

/// A Unix socket's file; removed with its listener, unless another took its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: (u64, u64),
}

impl SocketFile {
    fn own(path: &Path) -> io::Result<Self> {
        let meta = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), inode: (meta.dev(), meta.ino()) })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|meta| (meta.dev(), meta.ino()) == self.inode);
        if ours {
            // Nothing is lost if it stays: the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let meta = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let taken = |why: &str| Err(io::Error::new(io::ErrorKind::AddrInUse, why.to_owned()));
    if !meta.file_type().is_socket() {
        return taken("the path exists and is not a socket; choose another or remove it");
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => taken("another process listens on this socket"),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// Accepts until the front closes; the listener ends with the loop.
pub(crate) async fn accept_loop(listener: Listener, mut handout: Handout, mut phases: watch::Receiver<Phase>) {
    let mut back_off = BACK_OFF_FIRST;
    let closing = async move { drop(phases.wait_for(|phase| *phase >= Phase::Closing).await) };
    tokio::pin!(closing);
    loop {
        let accepted = tokio::select! {
            biased;
            () = closing.as_mut() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(socket) => {
                back_off = BACK_OFF_FIRST;
                handout.hand_out(socket);
            }
            Err(error) if is_the_peers(&error) => handout.metrics.accept_failed(),
            Err(error) => {
                handout.metrics.accept_failed();
                tracing::warn!(%error, wait_ms = back_off.as_millis(), "cannot accept a connection; trying again");
                tokio::select! {
                    () = closing.as_mut() => return,
                    () = tokio::time::sleep(back_off) => {}
                }
                back_off = (back_off * 2).min(BACK_OFF_LONGEST);
            }
        }
    }
}

/// Errors of one connection that was gone before we took it, not of the listener.
fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, InvalidInput, NotConnected};
    // `set_nodelay` gives EINVAL on a socket that its peer has reset.
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | InvalidInput | NotConnected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_file_is_private_and_goes_with_its_listener() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("front.sock");
        let listener = Listener::unix(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o660);
        let error = Listener::unix(&path).unwrap_err();
        assert_eq!(error.to_string(), "another process listens on this socket");
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn only_a_dead_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("front.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "std leaves the file behind");
        let listener = Listener::unix(&path).unwrap();
        // Another file in its place is not removed with it.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "data").unwrap();
        drop(listener);
        assert!(path.exists());
        assert!(Listener::unix(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"data");
    }
}
