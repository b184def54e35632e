//! Ports that no other process is given by chance.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tokio::net::TcpSocket;

/// A loopback address that refuses connections for as long as the socket lives: its port is taken, and
/// nobody listens on it.
pub fn refused() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A free port for a program that cannot choose one itself. It is below the range from which systems
/// hand out ports (from 32768 on Linux, from 49152 elsewhere), so only another caller can take it.
pub fn free() -> u16 {
    for _ in 0..1_000 {
        let port = rand::random_range(20_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port between 20000 and 32000 is free");
}
