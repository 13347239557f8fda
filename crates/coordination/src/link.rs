//! One connection to Redis, from the dial to the first answer.

use std::{io, path::Path, pin::Pin, time::Duration};

use extensions_tls::Protocol;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, aio::MultiplexedConnection};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::{OperationError, settings::Address, shared::Shared};

/// Name, handshake and login take several answers; an operation takes one.
const ANSWERS_OF_A_CONNECT: u32 = 4;
/// A password, not a document.
const PASSWORD_BYTES_MAX: u64 = 4 << 10;

/// What moves a connection's bytes, for as long as it is polled.
pub(crate) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Bytes in both directions, over TLS or not.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Shared {
    /// How long a connect may take.
    pub(crate) fn connect_within(&self) -> Duration {
        self.settings.timeout() * ANSWERS_OF_A_CONNECT
    }

    /// A stream to Redis; whoever uses it logs in.
    pub(crate) async fn dial(&self) -> io::Result<Box<dyn Duplex>> {
        let Address { host, port, .. } = &self.address;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            // Certificates as they are now, at each connect.
            Some(tls) => Ok(Box::new(tls.connect(host, stream, Protocol::Unnamed).await.map_err(io::Error::other)?)),
            None => Ok(Box::new(stream)),
        }
    }

    /// User and password as they are now.
    pub(crate) async fn login(&self) -> io::Result<Option<(Option<String>, String)>> {
        let Some(path) = &self.settings.password_file else {
            return Ok(None);
        };
        let password =
            password(path).await.map_err(|error| io::Error::new(error.kind(), format!("redis.password_file {}: {error}", path.display())))?;
        Ok(Some((self.settings.username.clone(), password)))
    }

    /// A connection that has logged in, and what drives it.
    pub(crate) async fn connect(&self) -> Result<(MultiplexedConnection, Driver), OperationError> {
        let connecting = async {
            let mut info = RedisConnectionInfo::default().set_db(i64::from(self.address.database)).set_skip_set_lib_name();
            if let Some((user, password)) = self.login().await.map_err(OperationError::Connect)? {
                info = info.set_password(password);
                if let Some(user) = user {
                    info = info.set_username(user);
                }
            }
            let stream = self.dial().await.map_err(OperationError::Connect)?;
            // Every operation is bounded where it is asked for.
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            let (connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
            Ok((connection, Box::pin(driver) as Driver))
        };
        let within = self.connect_within();
        timeout(within, connecting).await.map_err(|_| OperationError::TimedOut { within })?
    }
}

/// A password file's only line.
async fn password(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        if std::fs::metadata(&path)?.len() > PASSWORD_BYTES_MAX {
            return Err(io::Error::other(format!("it has more than {PASSWORD_BYTES_MAX} bytes")));
        }
        std::fs::read_to_string(&path)
    });
    let text = read.await.map_err(io::Error::other)??;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.contains(['\r', '\n']) {
        return Err(io::Error::other("it must hold one line, the password"));
    }
    Ok(password.to_owned())
}
