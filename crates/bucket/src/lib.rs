//! S3 on a folder, behind the `s3s` crate's protocol: buckets, objects, conditions, checksums, metadata,
//! listings and multipart uploads. It stands in for `s3s-fs`, which stores bytes whose checksum is wrong,
//! keeps nothing safe from a power cut, lists names undecoded and walks the whole bucket for each listing.
//!
//! What is answered with success is on disk: bytes and their description are written beside their place,
//! synced, and renamed into it, and then the folder is synced. A body whose checksum, length or signature
//! is wrong leaves nothing.
//!
//! ```text
//! <folder>/<bucket>/<key>                  an object's bytes, as s3s-fs kept them; see `names` for odd keys
//! <folder>/.objects/<bucket>/<hash>.json   what else is known of it: ETag, checksums, metadata
//! <folder>/.uploads/<upload>/              multipart uploads that are not complete
//! <folder>/.tmp/                           what is being written
//! ```
//!
//! Bytes are held in memory in pieces, never as a whole. A listing reads the folders of its prefix only,
//! and holds the names of those that it has open.

mod answers;
mod body;
mod checksums;
mod description;
mod disk;
mod fault;
mod listing;
mod names;
mod operations;
mod service;
mod uploads;

pub use disk::Disk;
pub use service::service;

#[cfg(test)]
mod tests;
