//! Both clients against servers that follow a script.

mod grpc;
mod http;
mod registry;
mod tls;

use tokio::net::TcpSocket;

use crate::Endpoint;

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn tcp(port: u16) -> Endpoint {
    format!("http://127.0.0.1:{port}").parse().unwrap()
}

/// A port where nobody listens, kept from others as long as the socket lives.
fn dead_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// Calls can be made from spawned tasks: a matter of types, so compiling is the test.
#[test]
fn calls_can_be_spawned() {
    fn sent<T: Send>(_: T) {}
    fn check(client: &crate::Client, http: &crate::HttpClient) {
        sent(client.invoke(crate::Invoke::new("x")));
        sent(client.list(None));
        sent(http.invoke(crate::Invoke::new("x")));
        sent(http.get("/"));
    }
    let _ = check;
}
