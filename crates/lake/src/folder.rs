//! Folders of the bucket for browsing, and signed URLs to download or upload an object without passing
//! through a function.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::Key;
use crate::error::LakeError;
use crate::lake::Lake;

/// How long a URL is valid.
const ADDRESS_LIFE: Duration = Duration::from_secs(15 * 60);

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    Folder(String),
    Object {
        name: String,
        /// Its length in bytes.
        size_bytes: u64,
    },
}

impl Lake {
    /// The direct entries of a folder, by name; none if it does not exist. `folder` has no slash at
    /// its end.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn entries(&self, folder: &str) -> Result<Vec<Entry>, LakeError> {
        let prefix = format!("{folder}/");
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(&prefix)
            .delimiter("/")
            .into_paginator()
            .send();
        let mut entries = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| LakeError::of_call("list", &prefix, error))?;
            let name = |key: Option<&str>| {
                let name = key?.strip_prefix(&prefix)?.trim_end_matches('/');
                (!name.is_empty()).then(|| name.to_owned())
            };
            for folder in page.common_prefixes() {
                entries.extend(name(folder.prefix()).map(Entry::Folder));
            }
            for object in page.contents() {
                let size_bytes = object.size().and_then(|size| size.try_into().ok());
                entries.extend(name(object.key()).map(|name| Entry::Object {
                    name,
                    size_bytes: size_bytes.unwrap_or_default(),
                }));
            }
        }
        entries.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(entries)
    }

    /// A URL that returns the object's bytes; valid for 15 minutes.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`] if it cannot be signed.
    pub async fn address(&self, key: &Key) -> Result<String, LakeError> {
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.as_str())
            .presigned(life(key)?)
            .await
            .map_err(|error| LakeError::of_call("sign for", key, error))?;
        Ok(request.uri().to_owned())
    }

    /// Starts a multipart upload and returns its id.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn begin_parts(&self, key: &Key) -> Result<String, LakeError> {
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key.as_str())
            .send()
            .await
            .map_err(|error| LakeError::of_call("start a multipart upload of", key, error))?;
        Ok(begun.upload_id.unwrap_or_default())
    }

    /// A URL that accepts the bytes of one part; valid for 15 minutes. Parts count from 1.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`] if it cannot be signed.
    pub async fn part_address(
        &self,
        key: &Key,
        upload: &str,
        part: i32,
    ) -> Result<String, LakeError> {
        let request = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(key.as_str())
            .upload_id(upload)
            .part_number(part)
            .presigned(life(key)?)
            .await
            .map_err(|error| LakeError::of_call("sign for", key, error))?;
        Ok(request.uri().to_owned())
    }

    /// Completes a multipart upload from its parts, each with its number and ETag.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn end_parts(
        &self,
        key: &Key,
        upload: &str,
        parts: &[(i32, String)],
    ) -> Result<(), LakeError> {
        let parts = parts.iter().map(|(number, tag)| {
            CompletedPart::builder()
                .part_number(*number)
                .e_tag(tag)
                .build()
        });
        let whole = CompletedMultipartUpload::builder()
            .set_parts(Some(parts.collect()))
            .build();
        self.client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key.as_str())
            .upload_id(upload)
            .multipart_upload(whole)
            .send()
            .await
            .map(drop)
            .map_err(|error| LakeError::of_call("write", key, error))
    }

    /// Aborts a multipart upload.
    ///
    /// # Errors
    /// [`LakeError::Unavailable`].
    pub async fn drop_parts(&self, key: &Key, upload: &str) -> Result<(), LakeError> {
        self.client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(key.as_str())
            .upload_id(upload)
            .send()
            .await
            .map(drop)
            .map_err(|error| LakeError::of_call("abort the multipart upload of", key, error))
    }
}

impl Entry {
    pub fn name(&self) -> &str {
        match self {
            Self::Folder(name) | Self::Object { name, .. } => name,
        }
    }
}

fn life(key: &Key) -> Result<PresigningConfig, LakeError> {
    PresigningConfig::expires_in(ADDRESS_LIFE).map_err(|error| LakeError::Unavailable {
        operation: "sign for",
        at: key.to_string(),
        retryable: false,
        source: Box::new(error),
    })
}
