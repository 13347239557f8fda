//! Redis: a server that keeps nothing.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Authority, Pair, ServerError, Validity, child::Owned, programs, start};

const NAME: &str = "redis-server";
const VARIABLE: &str = "EXT_TEST_REDIS";
/// The last line of its start.
const READY: &str = "Ready to accept connections";
/// It takes 20 ms; on a machine that builds at the same time, more.
const READY_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);

/// A running Redis; ends when dropped.
pub struct Redis {
    port: u16,
    tls: Option<Tls>,
    arguments: Vec<String>,
    server: Mutex<Owned>,
    namespaces: AtomicU64,
    folder: TempDir,
}

/// What a Redis over TLS shows, and whose certificates it takes from clients that have one.
#[derive(Debug, Clone)]
struct Tls {
    pair: Pair,
    ca_file: PathBuf,
}

impl Redis {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// When Redis is not installed or does not come up, with the end of its log.
    pub fn start() -> Result<Self, ServerError> {
        Self::start_with(&[])
    }

    /// As [`Redis::start`], with arguments of its own: `["--requirepass", "word"]`.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub fn start_with(arguments: &[&str]) -> Result<Self, ServerError> {
        Self::started(None, arguments)
    }

    /// Starts one that speaks TLS only, with a certificate for `localhost` and `127.0.0.1`.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub fn start_tls(authority: &Authority) -> Result<Self, ServerError> {
        Self::start_tls_as(authority, &authority.issue(&["localhost", "127.0.0.1"], Validity::Now)?)
    }

    /// As [`Redis::start_tls`], with this certificate.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub fn start_tls_as(authority: &Authority, pair: &Pair) -> Result<Self, ServerError> {
        Self::started(Some(Tls { pair: pair.clone(), ca_file: authority.ca_file() }), &[])
    }

    fn started(tls: Option<Tls>, arguments: &[&str]) -> Result<Self, ServerError> {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let folder = tempfile::tempdir().map_err(|source| ServerError::System { name: NAME, action: "make its folder", source })?;
        start::at_free_port(NAME, |port| {
            let mut server = spawn(&folder, port, tls.as_ref(), &arguments)?;
            wait_until_ready(&mut server)?;
            Ok((port, server))
        })
        .map(|(port, server)| Self { port, tls, arguments, server: Mutex::new(server), namespaces: AtomicU64::new(0), folder })
    }

    /// One for all tests of a process that run at the same time and do no harm to it; it ends with the last of them.
    ///
    /// # Errors
    /// As [`Redis::start`].
    pub fn shared() -> Result<Arc<Self>, ServerError> {
        static SHARED: Mutex<Weak<Redis>> = Mutex::new(Weak::new());
        start::once(&SHARED, Self::start)
    }

    /// A prefix of keys that no other caller gets.
    #[must_use]
    pub fn namespace(&self) -> String {
        format!("test-{}", self.namespaces.fetch_add(1, Ordering::Relaxed))
    }

    /// `redis://127.0.0.1:<port>`, or `rediss://…` over TLS.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// The same where a proxy at `address` leads here.
    #[must_use]
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.tls.is_some() { "rediss" } else { "redis" })
    }

    /// Where it listens, also after a restart.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Takes the server away, as when its machine dies. [`Redis::restart_empty`] brings another one to its place.
    pub fn stop(&self) {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    /// Another server at the same address, with nothing in it; the one that runs is killed.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart_empty(&self) -> Result<(), ServerError> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.kill();
        *server = spawn(&self.folder, self.port, self.tls.as_ref(), &self.arguments)?;
        wait_until_ready(&mut server)
    }

    /// Lets the server hang: it takes connections and answers nothing until [`Redis::resume`].
    ///
    /// # Errors
    /// When the system does not stop it.
    pub fn pause(&self) -> Result<(), ServerError> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).stop()
    }

    /// Lets a hanging server go on.
    ///
    /// # Errors
    /// When the system does not continue it.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).signal(Signal::CONT)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.url())
    }
}

fn spawn(folder: &TempDir, port: u16, tls: Option<&Tls>, arguments: &[String]) -> Result<Owned, ServerError> {
    let program = programs::find(NAME, VARIABLE)?;
    Owned::start(NAME, &program, folder.path(), |command| {
        let port = port.to_string();
        // Nothing of the machine's configuration, and no file is kept.
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"]).arg(folder.path());
        match tls {
            None => _ = command.args(["--port", &port]),
            Some(Tls { pair, ca_file }) => {
                command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "optional", "--tls-ca-cert-file"]).arg(ca_file);
                command.arg("--tls-cert-file").arg(&pair.cert_file).arg("--tls-key-file").arg(&pair.key_file);
            }
        }
        command.args(arguments);
    })
}

/// Its log says when: a port that answers could be somebody else's.
fn wait_until_ready(server: &mut Owned) -> Result<(), ServerError> {
    let started = Instant::now();
    loop {
        if let Some(problem) = server.ended() {
            return Err(server.not_ready(problem));
        }
        if server.has_said(READY) {
            return Ok(());
        }
        if started.elapsed() > READY_MAX {
            return Err(server.not_ready(format!("was not ready after {} s", READY_MAX.as_secs())));
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Read as _, Write as _},
        net::TcpStream,
    };

    use super::*;

    fn asked(stream: &mut TcpStream, command: &str) -> io::Result<String> {
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 64];
        let read = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
    }

    fn connected(redis: &Redis) -> TcpStream {
        let stream = TcpStream::connect(redis.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    #[test]
    fn it_forgets_hangs_goes_on_and_ends() {
        let redis = Redis::start().unwrap();
        let mut stream = connected(&redis);
        assert_eq!(asked(&mut stream, "SET a 1").unwrap(), "+OK\r\n");
        redis.pause().unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(asked(&mut stream, "GET a").is_err());
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        redis.resume().unwrap();
        let mut late = [0; 7];
        stream.read_exact(&mut late).unwrap();
        assert_eq!(&late, b"$1\r\n1\r\n");
        redis.restart_empty().unwrap();
        assert_eq!(asked(&mut connected(&redis), "GET a").unwrap(), "$-1\r\n");
        redis.stop();
        assert!(TcpStream::connect(redis.address()).is_err());
    }

    #[test]
    fn over_tls_it_shows_the_certificate_it_was_given() {
        let authority = Authority::new().unwrap();
        let redis = Redis::start_tls(&authority).unwrap();
        assert!(redis.url().starts_with("rediss://127.0.0.1:"));
        let pinged = |name| {
            let mut stream = crate::tls::connect(redis.address(), name, &authority.ca_file())?;
            stream.write_all(b"PING\r\n")?;
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).map(|()| answer)
        };
        assert_eq!(&pinged("localhost").unwrap(), b"+PONG\r\n");
        assert!(pinged("other.example").is_err(), "another name");
    }

    #[test]
    fn tests_that_run_together_share_one_under_names_of_their_own() {
        let one = Redis::shared().unwrap();
        assert!(Arc::ptr_eq(&one, &Redis::shared().unwrap()));
        assert_ne!(one.namespace(), one.namespace());
    }
}
