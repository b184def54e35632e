//! What connections to the local cloud cost, port by port: the memory of idle ones, and how many new
//! ones are answered in a second.
//!
//! The cloud and its clients run in this process, so memory counts both ends of each connection and the
//! rate is that of both together.

#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Parser;
use local::cloud::{Cloud, Options};
use local::folder::Folder;
use tasador_runtime::Config;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Clients that open connections at the same time.
const CLIENTS: usize = 8;

#[derive(Parser)]
struct Arguments {
    /// Connections that stay open
    #[arg(long, default_value_t = 1000)]
    idle: usize,
    /// Seconds of new connections
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Seconds of new connections to all ports at once, while memory is watched; 0 for none
    #[arg(long, default_value_t = 0)]
    soak: u64,
    /// Fail where memory grows by more KiB between the first fifth and the end of that time
    #[arg(long)]
    growth_max_kib: Option<u64>,
    /// Fail where an idle connection costs more KiB
    #[arg(long)]
    idle_max_kib: Option<u64>,
    /// Fail where fewer new connections are answered in a second
    #[arg(long)]
    new_min: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let folder = Folder::take(folder.path()).await?;
    let cloud = Box::pin(Cloud::start(Options::new(folder, Config::default()))).await?;
    let endpoints = cloud.endpoints();
    let ports = [
        ("HTTP", &endpoints.http, "/health"),
        ("S3", &endpoints.s3, "/"),
        ("DynamoDB", &endpoints.dynamodb, "/"),
    ]
    .map(|(name, base, path)| {
        let host = base.trim_start_matches("http://").to_owned();
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        (name, host, request)
    });
    if arguments.soak > 0 {
        let time = Duration::from_secs(arguments.soak);
        soak(&ports, time, arguments.growth_max_kib).await?;
    }
    for (name, host, request) in ports {
        // What the first requests allocate once does not count.
        let _warm = idle(&host, &request, CLIENTS).await?;
        let before = memory_kib()?;
        let connections = idle(&host, &request, arguments.idle).await?;
        let kib = memory_kib()?.saturating_sub(before) / arguments.idle.max(1) as u64;
        drop(connections);
        let a_second = new_ones(&host, &request, Duration::from_secs(arguments.seconds)).await?;
        println!("{name}: {kib} KiB an idle connection, {a_second} new connections a second");
        if arguments.idle_max_kib.is_some_and(|most| kib > most) {
            bail!("{name}: {kib} KiB an idle connection is too much");
        }
        if arguments.new_min.is_some_and(|least| a_second < least) {
            bail!("{name}: {a_second} new connections a second are too few");
        }
    }
    cloud.stop().await;
    Ok(())
}

/// Opens connections to all ports for this time, and compares the memory after its first fifth, when all
/// that is allocated once is allocated, with that at its end.
async fn soak(
    ports: &[(&str, String, String)],
    time: Duration,
    growth_max_kib: Option<u64>,
) -> anyhow::Result<()> {
    let first = futures::future::try_join_all(
        ports
            .iter()
            .map(|(_, host, request)| new_ones(host, request, time / 5)),
    )
    .await?;
    let before = memory_kib()?;
    let rest = futures::future::try_join_all(
        ports
            .iter()
            .map(|(_, host, request)| new_ones(host, request, time - time / 5)),
    )
    .await?;
    let after = memory_kib()?;
    println!(
        "soak of {} s: {} new connections a second at first, {} in the rest; {before} KiB, then {after} KiB",
        time.as_secs(),
        first.iter().sum::<u64>(),
        rest.iter().sum::<u64>(),
    );
    if growth_max_kib.is_some_and(|most| after.saturating_sub(before) > most) {
        bail!("memory has grown");
    }
    Ok(())
}

/// Connections that have each had one answer and stay open.
async fn idle(host: &str, request: &str, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(answered(host, request).await?);
    }
    Ok(all)
}

/// How many connections are opened, answered and closed in a second.
async fn new_ones(host: &str, request: &str, time: Duration) -> anyhow::Result<u64> {
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (host, request) = (host.to_owned(), request.to_owned());
            tokio::spawn(async move {
                let mut count = 0;
                while begun.elapsed() < time {
                    answered(&host, &request).await?;
                    count += 1;
                }
                anyhow::Ok(count)
            })
        })
        .collect();
    let mut count: u64 = 0;
    for client in clients {
        count += client.await??;
    }
    Ok((count as f64 / begun.elapsed().as_secs_f64()) as u64)
}

async fn answered(host: &str, request: &str) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(host).await?;
    // A closed connection leaves no port waiting, so that ports do not run out.
    stream.set_zero_linger()?;
    stream.write_all(request.as_bytes()).await?;
    let mut block = [0; 4096];
    if stream.read(&mut block).await? == 0 {
        bail!("a connection was closed before it was answered");
    }
    Ok(stream)
}

fn memory_kib() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.context("the system does not say how much memory is used")
}
