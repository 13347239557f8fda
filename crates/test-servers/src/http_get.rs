//! Requests without a body, over a plain socket or TLS: a client library would be one
//! more thing to start before the server is there.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use crate::tls;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Answers to these requests are a line and an error text.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// The status and whole answer of `method target` at this machine's `port`; over TLS where there is an authority to trust.
pub(crate) fn request(port: u16, ca_file: Option<&Path>, method: &str, target: &str) -> io::Result<(u16, String)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    if let Some(ca_file) = ca_file {
        return asked(tls::connect(address, "127.0.0.1", ca_file)?, port, method, target);
    }
    let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    asked(stream, port, method, target)
}

fn asked(mut stream: impl Read + Write, port: u16, method: &str, target: &str) -> io::Result<(u16, String)> {
    let asked = format!("{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes())?;
    stream.flush()?;
    let mut bytes = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes)?;
    let answer = String::from_utf8_lossy(&bytes).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    status.map(|status| (status, answer)).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer"))
}
