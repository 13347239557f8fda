//! MinIO: an S3 server with conditional puts.

use std::{
    fmt, fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use http::Method;
use object_store::{aws::AmazonS3Builder, path::Path as Key, signer::Signer as _};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{Authority, ServerError, Validity, child::Owned, http_get::request, programs, start};

const NAME: &str = "minio";
const VARIABLE: &str = "EXT_TEST_MINIO";
/// Only this process's children reach it: its port is on the loopback and its data in a temporary folder.
const ACCESS_KEY: &str = "test-access";
const SECRET_KEY: &str = "test-secret-key";
const REGION: &str = "us-east-1";
/// It takes half a second; on a machine that builds at the same time, many.
const READY_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);
const READY_BUCKET: &str = "ready";
const SIGNATURE_LIFE: Duration = Duration::from_secs(300);

/// In the server's folder; without files in it, it speaks plain HTTP.
const CERTS_FOLDER: &str = "certs";

/// A running MinIO; ends when dropped.
pub struct Minio {
    port: u16,
    /// Whose certificates it shows.
    ca_file: Option<PathBuf>,
    server: Mutex<Owned>,
    buckets: AtomicU64,
    folder: TempDir,
}

/// A bucket of its own, and what is needed to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// `http://127.0.0.1:<port>`, or `https://…` over TLS.
    pub endpoint: String,
    /// The authority that a client must trust to reach it, over TLS.
    pub ca_file: Option<PathBuf>,
    /// The bucket's name.
    pub name: String,
    /// The access key.
    pub access_key: String,
    /// The secret key.
    pub secret_key: String,
}

impl Minio {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// When MinIO is not installed or does not come up, with the end of its log.
    pub fn start() -> Result<Self, ServerError> {
        Self::started(None)
    }

    /// Starts one that speaks TLS only, with a certificate for `localhost` and `127.0.0.1`.
    ///
    /// # Errors
    /// As [`Minio::start`].
    pub fn start_tls(authority: &Authority) -> Result<Self, ServerError> {
        Self::started(Some(authority))
    }

    fn started(authority: Option<&Authority>) -> Result<Self, ServerError> {
        let program = programs::find(NAME, VARIABLE)?;
        let ca_file = authority.map(Authority::ca_file);
        start::at_free_port(NAME, |port| {
            let folder = tempfile::tempdir().map_err(|source| ServerError::System { name: NAME, action: "make its folder", source })?;
            write_certificates(&folder, authority)?;
            let mut server = spawn(&program, &folder, port)?;
            wait_until_ready(&mut server, &bucket_at(port, ca_file.clone(), READY_BUCKET.to_owned()), port)?;
            Ok(Self { port, ca_file: ca_file.clone(), server: Mutex::new(server), buckets: AtomicU64::new(0), folder })
        })
    }

    /// One for all tests of a process that run at the same time; it ends with the last of them.
    ///
    /// # Errors
    /// As [`Minio::start`].
    pub fn shared() -> Result<Arc<Self>, ServerError> {
        static SHARED: Mutex<Weak<Minio>> = Mutex::new(Weak::new());
        start::once(&SHARED, Self::start)
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub fn bucket(&self) -> Result<Bucket, ServerError> {
        let name = format!("test-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        let bucket = self.bucket_named(name);
        let target = signed_target(&bucket)?;
        let asked = request(self.port, self.ca_file.as_deref(), "PUT", &target);
        let (status, answer) = asked.map_err(|source| ServerError::System { name: NAME, action: "ask it", source })?;
        if status == 200 { Ok(bucket) } else { Err(ServerError::Answer { name: NAME, answer }) }
    }

    /// `http://127.0.0.1:<port>`, or `https://…` over TLS.
    #[must_use]
    pub fn endpoint(&self) -> String {
        endpoint(self.address(), self.ca_file.is_some())
    }

    /// Where it listens, also after a restart.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    fn bucket_named(&self, name: String) -> Bucket {
        bucket_at(self.port, self.ca_file.clone(), name)
    }

    /// Takes the server away, as when its machine dies. [`Minio::restart`] brings it back with what it had.
    pub fn kill(&self) {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }

    /// Starts a killed server on the same port and data.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&self) -> Result<(), ServerError> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        server.kill();
        *server = spawn(&programs::find(NAME, VARIABLE)?, &self.folder, self.port)?;
        wait_until_ready(&mut server, &self.bucket_named(READY_BUCKET.to_owned()), self.port)
    }

    /// Lets the server hang: it takes connections and answers nothing until [`Minio::go_on`].
    ///
    /// # Errors
    /// When the system does not stop it.
    pub fn hang(&self) -> Result<(), ServerError> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).stop()
    }

    /// Lets a hanging server go on.
    ///
    /// # Errors
    /// When the system does not continue it.
    pub fn go_on(&self) -> Result<(), ServerError> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner).signal(Signal::CONT)
    }
}

impl Bucket {
    /// The same bucket where a proxy at `address` leads to its server.
    #[must_use]
    pub fn through(&self, address: SocketAddr) -> Self {
        Self { endpoint: endpoint(address, self.ca_file.is_some()), ..self.clone() }
    }

    /// The bucket as the value of a TOML section `[store]`, for programs that read their settings from a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { endpoint, ca_file, name, access_key, secret_key } = self;
        let trusted = ca_file.as_ref().map(|file| format!(", ca_file = {file:?}")).unwrap_or_default();
        format!("s3 = {{ endpoint = \"{endpoint}\", bucket = \"{name}\", access_key = \"{access_key}\", secret_key = \"{secret_key}\"{trusted} }}\n")
    }
}

impl fmt::Debug for Minio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Minio({})", self.endpoint())
    }
}

fn spawn(program: &std::path::Path, folder: &TempDir, port: u16) -> Result<Owned, ServerError> {
    Owned::start(NAME, program, folder.path(), |command| {
        command.args(["server", "--quiet", "--certs-dir"]).arg(folder.path().join(CERTS_FOLDER));
        command.arg("--address").arg(format!("127.0.0.1:{port}")).arg(folder.path().join("data"));
        // Nothing of the user's, no console, no questions over the network.
        command.env_clear().env("HOME", folder.path()).env("MINIO_ROOT_USER", ACCESS_KEY).env("MINIO_ROOT_PASSWORD", SECRET_KEY);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("MINIO_BROWSER", "off").env("MINIO_UPDATE", "off");
        // Its temporary folder may lie on the root disk, which it otherwise refuses.
        command.env("MINIO_CI_CD", "1");
    })
}

/// Under the names that MinIO looks for.
fn write_certificates(folder: &TempDir, authority: Option<&Authority>) -> Result<(), ServerError> {
    let failed = |source| ServerError::System { name: NAME, action: "write its certificate", source };
    let certs = folder.path().join(CERTS_FOLDER);
    fs::create_dir(&certs).map_err(failed)?;
    let Some(authority) = authority else { return Ok(()) };
    let pair = authority.issue(&["localhost", "127.0.0.1"], Validity::Now)?;
    fs::copy(pair.cert_file, certs.join("public.crt")).map_err(failed)?;
    fs::copy(pair.key_file, certs.join("private.key")).map_err(failed)?;
    Ok(())
}

fn endpoint(address: SocketAddr, tls: bool) -> String {
    format!("{}://{address}", if tls { "https" } else { "http" })
}

fn bucket_at(port: u16, ca_file: Option<PathBuf>, name: String) -> Bucket {
    let endpoint = endpoint(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), ca_file.is_some());
    Bucket { endpoint, ca_file, name, access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned() }
}

/// The request target that makes a bucket, with its signature.
fn signed_target(bucket: &Bucket) -> Result<String, ServerError> {
    let wrong = |error: object_store::Error| ServerError::System { name: NAME, action: "sign a request", source: io::Error::other(error) };
    let client = AmazonS3Builder::new()
        .with_endpoint(&bucket.endpoint)
        .with_allow_http(true)
        .with_region(REGION)
        .with_bucket_name(&bucket.name)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY);
    let client = client.build().map_err(wrong)?;
    // On a thread of its own: the caller may be inside of a runtime.
    let signed = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(client.signed_url(Method::PUT, &Key::default(), SIGNATURE_LIFE)).map_err(io::Error::other)
    });
    let url = signed.join().unwrap_or_else(|_| Err(io::Error::other("the signing thread panicked")));
    let url = url.map_err(|source| ServerError::System { name: NAME, action: "sign a request", source })?;
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

/// Asks for a bucket until there is one: it calls itself ready before it is. The pause between two questions is no guess about when.
fn wait_until_ready(server: &mut Owned, ready: &Bucket, port: u16) -> Result<(), ServerError> {
    let started = Instant::now();
    let target = signed_target(ready)?;
    loop {
        if let Some(problem) = server.ended() {
            return Err(server.not_ready(problem));
        }
        // After a restart the bucket is there already.
        if matches!(request(port, ready.ca_file.as_deref(), "PUT", &target), Ok((200 | 409, _))) {
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
    use super::*;

    #[test]
    fn it_starts_makes_buckets_and_ends() {
        let minio = Minio::start().unwrap();
        let buckets = [minio.bucket().unwrap(), minio.bucket().unwrap()];
        assert_ne!(buckets[0].name, buckets[1].name);
        let (status, _) = request(minio.port, None, "GET", &format!("/{}/", buckets[0].name)).unwrap();
        assert_eq!(status, 403, "it is there, and not for everyone");
        minio.kill();
        assert!(request(minio.port, None, "GET", "/minio/health/ready").is_err());
        minio.restart().unwrap();
        let (status, _) = request(minio.port, None, "GET", &format!("/{}/", buckets[0].name)).unwrap();
        assert_eq!(status, 403);
        let port = minio.port;
        drop(minio);
        assert!(request(port, None, "GET", "/minio/health/ready").is_err());
    }

    #[test]
    fn over_tls_a_client_must_trust_its_authority() {
        let authority = Authority::new().unwrap();
        let minio = Minio::start_tls(&authority).unwrap();
        let bucket = minio.bucket().unwrap();
        assert!(bucket.endpoint.starts_with("https://127.0.0.1:") && bucket.ca_file.is_some());
        let asked = |authority: &Authority| request(minio.port, Some(&authority.ca_file()), "GET", &format!("/{}/", bucket.name));
        assert_eq!(asked(&authority).unwrap().0, 403);
        assert!(asked(&Authority::new().unwrap()).is_err());
    }

    #[test]
    fn tests_that_run_together_share_one() {
        let one = Minio::shared().unwrap();
        assert!(Arc::ptr_eq(&one, &Minio::shared().unwrap()));
    }
}
