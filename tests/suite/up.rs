//! `tasador up` in its own process, and what people point at it: a client that makes requests
//! from the OpenAPI document, and Debian's Prometheus.

mod attached;
mod credentials;
mod full_disk;
mod openapi;
mod prometheus;
mod served;
mod tokens;
