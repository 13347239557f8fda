//! Requests without a body, over a plain socket: a client library would be one
//! more thing to start before the server is there.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Answers to these requests are a line and an error text.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// The status and whole answer of `method target` at this machine's `port`.
pub(crate) fn request(port: u16, method: &str, target: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
    let answer = String::from_utf8_lossy(&bytes).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    status.map(|status| (status, answer)).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer"))
}
