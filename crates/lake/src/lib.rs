//! The bucket: its keys and objects, in S3 or a compatible server.
//!
//! Data that models learn from is write-once. [`Lake::put_once`] writes a new object, and checks that
//! an existing one has the same bytes. It is idempotent, also if the answer of the first attempt was
//! lost. Each object has its SHA-256; a read returns those bytes or [`LakeError::Corrupt`].

mod client;
mod error;
mod folder;
mod lake;
mod read;

pub use client::client_config;
pub use error::LakeError;
pub use folder::Entry;
pub use lake::{Lake, ObjectInfo, Put};
pub use read::{Downloaded, READ_LIMIT_BYTES, Visitor};
pub use tasador_ids::{Format, Key, RawForm, key};
