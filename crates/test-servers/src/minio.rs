//! MinIO: an S3 server with conditional puts.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use http::Method;
use object_store::{aws::AmazonS3Builder, path::Path, signer::Signer as _};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    ServerError,
    child::{Owned, free_port},
    http_get::request,
    programs,
};

const NAME: &str = "minio";
const VARIABLE: &str = "EXT_TEST_MINIO";
/// Only this process's children reach it: its port is on the loopback and its data in a temporary folder.
const ACCESS_KEY: &str = "test-access";
const SECRET_KEY: &str = "test-secret-key";
const REGION: &str = "us-east-1";
/// It takes half a second; on a machine that builds at the same time, many.
const READY_MAX: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);
/// The port was free a moment ago; somebody else may take it first.
const STARTS_MAX: u32 = 5;
const READY_BUCKET: &str = "ready";
const SIGNATURE_LIFE: Duration = Duration::from_secs(300);

/// A running MinIO; ends when dropped.
pub struct Minio {
    port: u16,
    server: Mutex<Owned>,
    buckets: AtomicU64,
    folder: TempDir,
}

/// A bucket of its own, and what is needed to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// `http://127.0.0.1:<port>`.
    pub endpoint: String,
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
        let failed = |action| move |source| ServerError::System { name: NAME, action, source };
        let program = programs::find(NAME, VARIABLE)?;
        let mut starts = 0;
        loop {
            starts += 1;
            let folder = tempfile::tempdir().map_err(failed("make its folder"))?;
            let port = free_port().map_err(failed("find a free port"))?;
            let mut server = spawn(&program, &folder, port)?;
            match wait_until_ready(&mut server, port) {
                Ok(()) => return Ok(Self { port, server: Mutex::new(server), buckets: AtomicU64::new(0), folder }),
                Err(error) if starts >= STARTS_MAX || !error.to_string().contains("in use") => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// One for all tests of a process that run at the same time; it ends with the last of them.
    ///
    /// # Errors
    /// As [`Minio::start`].
    pub fn shared() -> Result<Arc<Self>, ServerError> {
        static SHARED: Mutex<Weak<Minio>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(Self::start()?);
        *shared = Arc::downgrade(&started);
        Ok(started)
    }

    /// Makes a bucket.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub fn bucket(&self) -> Result<Bucket, ServerError> {
        let name = format!("test-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        let bucket = bucket_at(self.port, name);
        let target = signed_target(&bucket)?;
        let (status, answer) = request(self.port, "PUT", &target).map_err(|source| ServerError::System { name: NAME, action: "ask it", source })?;
        if status == 200 { Ok(bucket) } else { Err(ServerError::Answer { name: NAME, answer }) }
    }

    /// `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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
        wait_until_ready(&mut server, self.port)
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
    /// The bucket as the value of a TOML section `[store]`, for programs that read their settings from a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let Self { endpoint, name, access_key, secret_key } = self;
        format!("s3 = {{ endpoint = \"{endpoint}\", bucket = \"{name}\", access_key = \"{access_key}\", secret_key = \"{secret_key}\" }}\n")
    }
}

impl fmt::Debug for Minio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Minio({})", self.endpoint())
    }
}

fn spawn(program: &std::path::Path, folder: &TempDir, port: u16) -> Result<Owned, ServerError> {
    Owned::start(NAME, program, folder.path(), |command| {
        command.args(["server", "--quiet", "--address"]).arg(format!("127.0.0.1:{port}")).arg(folder.path().join("data"));
        // Nothing of the user's, no console, no questions over the network.
        command.env_clear().env("HOME", folder.path()).env("MINIO_ROOT_USER", ACCESS_KEY).env("MINIO_ROOT_PASSWORD", SECRET_KEY);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("MINIO_BROWSER", "off").env("MINIO_UPDATE", "off");
        // Its temporary folder may lie on the root disk, which it otherwise refuses.
        command.env("MINIO_CI_CD", "1");
    })
}

fn bucket_at(port: u16, name: String) -> Bucket {
    Bucket { endpoint: format!("http://127.0.0.1:{port}"), name, access_key: ACCESS_KEY.to_owned(), secret_key: SECRET_KEY.to_owned() }
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
        runtime.block_on(client.signed_url(Method::PUT, &Path::default(), SIGNATURE_LIFE)).map_err(io::Error::other)
    });
    let url = signed.join().unwrap_or_else(|_| Err(io::Error::other("the signing thread panicked")));
    let url = url.map_err(|source| ServerError::System { name: NAME, action: "sign a request", source })?;
    Ok(format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

/// Asks for a bucket until there is one: it calls itself ready before it is. The pause between two questions is no guess about when.
fn wait_until_ready(server: &mut Owned, port: u16) -> Result<(), ServerError> {
    let started = Instant::now();
    let target = signed_target(&bucket_at(port, READY_BUCKET.to_owned()))?;
    loop {
        if let Some(problem) = server.ended() {
            return Err(server.not_ready(problem));
        }
        // After a restart the bucket is there already.
        if matches!(request(port, "PUT", &target), Ok((200 | 409, _))) {
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
        let (status, _) = request(minio.port, "GET", &format!("/{}/", buckets[0].name)).unwrap();
        assert_eq!(status, 403, "it is there, and not for everyone");
        minio.kill();
        assert!(request(minio.port, "GET", "/minio/health/ready").is_err());
        minio.restart().unwrap();
        let (status, _) = request(minio.port, "GET", &format!("/{}/", buckets[0].name)).unwrap();
        assert_eq!(status, 403);
        let port = minio.port;
        drop(minio);
        assert!(request(port, "GET", "/minio/health/ready").is_err());
    }

    #[test]
    fn tests_that_run_together_share_one() {
        let one = Minio::shared().unwrap();
        assert!(Arc::ptr_eq(&one, &Minio::shared().unwrap()));
    }
}
