//! `tasador up` in a process of its own, and what people point at it: a client that makes requests
//! out of the OpenAPI document, and Debian's Prometheus.

// Clippy knows `#[test]` functions, but not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod openapi;
mod prometheus;
mod served;
mod tokens;
