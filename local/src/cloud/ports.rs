//! The ports of the local cloud: S3, DynamoDB, Step Functions and Lambda on loopback, always; the
//! functions that answer HTTP where they are wanted.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// Which ports to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Free ports, whichever the system gives.
    Free,
    /// The HTTP functions on this port, S3 on the next, DynamoDB on the one after; Step Functions and
    /// Lambda on the first too, or where that requires tokens on the fourth.
    From(u16),
}

impl Ports {
    /// `0` asks for free ports.
    pub const fn from_number(port: u16) -> Self {
        if port == 0 {
            Self::Free
        } else {
            Self::From(port)
        }
    }
}

/// Why a port is not ours.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// Another program listens there.
    #[error(
        "port {port} (for {service}) is in use by another program; choose other ports with --port, or let the system choose with --port 0"
    )]
    InUse {
        /// The port.
        port: u16,
        /// What it was wanted for.
        service: &'static str,
    },
    /// There are no such ports, or the system refuses them.
    #[error(
        "port {port} (for {service}) cannot be listened on; choose another with --port, up to 65532, or another --address"
    )]
    Refused {
        /// The port.
        port: u32,
        /// What it was wanted for.
        service: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}

/// The listeners of AWS's protocols.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// Step Functions and Lambda.
    pub(crate) aws: TcpListener,
    pub(crate) s3: TcpListener,
    pub(crate) dynamodb: TcpListener,
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Listeners {
    /// Listens on all three, or on none. Where `shared` names an address of loopback, Step Functions
    /// and Lambda share its first port with the functions that answer HTTP; else they have their own.
    pub(crate) async fn bind(ports: Ports, shared: Option<IpAddr>) -> Result<Self, PortError> {
        let aws = match shared {
            Some(address) => bind(address, ports, 0, "HTTP").await?,
            None => bind(LOOPBACK, ports, 3, "Step Functions and Lambda").await?,
        };
        Ok(Self {
            aws,
            s3: bind(LOOPBACK, ports, 1, "S3").await?,
            dynamodb: bind(LOOPBACK, ports, 2, "DynamoDB").await?,
        })
    }
}

/// Listens for the functions that answer HTTP alone.
pub(crate) async fn bind_http(address: IpAddr, ports: Ports) -> Result<TcpListener, PortError> {
    bind(address, ports, 0, "HTTP").await
}

async fn bind(
    address: IpAddr,
    ports: Ports,
    offset: u16,
    service: &'static str,
) -> Result<TcpListener, PortError> {
    let port = match ports {
        Ports::Free => 0,
        Ports::From(first) => first
            .checked_add(offset)
            .ok_or_else(|| PortError::Refused {
                port: u32::from(first) + u32::from(offset),
                service,
                source: io::ErrorKind::InvalidInput.into(),
            })?,
    };
    TcpListener::bind(SocketAddr::from((address, port)))
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => PortError::InUse { port, service },
            _ => PortError::Refused {
                port: port.into(),
                service,
                source,
            },
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named_with_what_it_was_for() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Listeners::bind(Ports::From(port), Some(LOOPBACK))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&port.to_string()) && error.contains("HTTP") && error.contains("--port"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn there_is_no_port_after_the_last() {
        let error = bind(LOOPBACK, Ports::From(u16::MAX), 1, "S3")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("65536"), "{error}");
    }
}
