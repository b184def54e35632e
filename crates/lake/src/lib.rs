//! The bucket: its keys and its objects, in S3 or whatever speaks its protocol.
//!
//! What is learnt from is write-once. [`Lake::put_once`] writes an object that is not there, and
//! holds an object that is there to the same bytes, so that a step may run twice with the effect of
//! once, also where the first try's answer was lost. Each object carries its SHA-256; whoever reads
//! it gets those bytes or [`LakeError::Corrupt`].

mod client;
mod error;
mod folder;
mod lake;
mod read;

pub use client::client_config;
pub use error::LakeError;
pub use folder::Entry;
pub use lake::{Lake, ObjectInfo, Put};
pub use read::{Downloaded, READ_LIMIT_BYTES};
pub use tasador_ids::{Format, Key, RawForm, key};
