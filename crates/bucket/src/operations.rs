//! The operations of S3. All others are answered with 501.

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt as _;
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use crate::answers::{
    Names, PAGE_MAX, ReadConditions, checksum_type, copy_conditions, describe, integer, limit,
    page_size, part_number, part_of, read_conditions,
};
use crate::body::{self, Claims, Received};
use crate::checksums::{checksums_of, is_composite, set_checksums};
use crate::description::{Description, attributes_of};
use crate::disk::{Conditions, Disk};
use crate::listing::{self, Page, Query};
use crate::uploads::{self, Completion, Upload};

#[derive(Debug)]
pub(crate) struct Store(pub(crate) Arc<Disk>);

impl Store {
    /// Runs what blocks.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let disk = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || work(&disk)).await;
        done.map_err(|error| S3Error::with_source(S3ErrorCode::InternalError, error.into()))?
    }

    /// The bytes of an object, or of a range of it, in a temporary file, and what is known of the object.
    async fn copy(
        &self,
        source: &CopySource,
        range: Option<&str>,
        conditions: ReadConditions,
        algorithm: Option<String>,
    ) -> S3Result<(Received, Description)> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(
                NotImplemented,
                "copies from access points are not supported"
            ));
        };
        let (bucket, key) = (bucket.to_string(), key.to_string());
        let opened = self
            .blocking(move |disk| disk.open_object(&bucket, &key))
            .await?;
        if !conditions.holds(&opened.description, opened.modified)? {
            return Err(s3_error!(PreconditionFailed));
        }
        let size = opened.description.size_bytes;
        let range = match range {
            None => 0..size,
            Some(range) => {
                let parsed = Range::parse(range)
                    .map_err(|_| s3_error!(InvalidArgument, "{range} is not a range"))?;
                let range = parsed.check(size)?;
                if matches!(parsed, Range::Int { last: Some(last), .. } if last >= size) {
                    return Err(s3_error!(InvalidRange));
                }
                range
            }
        };
        let length = range.end - range.start;
        let blob = body::of_file(opened.file, range.start, length)?;
        let claims = Claims {
            algorithm,
            ..Claims::default()
        };
        let received = body::receive(&self.0, blob, &Default::default(), claims).await?;
        Ok((received, opened.description))
    }
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn list_buckets(
        &self,
        _: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let buckets = self.blocking(Disk::buckets).await?;
        let bucket = |(name, made): (String, SystemTime)| Bucket {
            name: Some(name),
            creation_date: Some(made.into()),
            ..Bucket::default()
        };
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.into_iter().map(bucket).collect()),
            ..ListBucketsOutput::default()
        }))
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = request.input.bucket;
        let location = format!("/{bucket}");
        self.blocking(move |disk| disk.create_bucket(&bucket))
            .await?;
        Ok(S3Response::new(CreateBucketOutput {
            location: Some(location),
        }))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<DeleteBucketInput>,
    ) -> S3Result<S3Response<DeleteBucketOutput>> {
        let bucket = request.input.bucket;
        self.blocking(move |disk| disk.delete_bucket(&bucket))
            .await?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        let bucket = request.input.bucket;
        self.blocking(move |disk| disk.bucket(&bucket)).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let bucket = request.input.bucket;
        self.blocking(move |disk| disk.bucket(&bucket)).await?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = request.input;
        let names = Names::new(input.encoding_type.as_ref())?;
        let max_keys = page_size(input.max_keys)?;
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: input.marker.clone().unwrap_or_default(),
            limit: limit(max_keys),
        };
        let bucket = input.bucket.clone();
        let page = self
            .blocking(move |disk| listing::list(disk, &bucket, &query))
            .await?;
        let Page {
            objects,
            prefixes,
            next,
        } = page;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(names.encode(input.prefix.unwrap_or_default())),
            marker: Some(names.encode(input.marker.unwrap_or_default())),
            max_keys: Some(max_keys),
            is_truncated: Some(next.is_some()),
            contents: names.objects(objects),
            common_prefixes: names.prefixes(prefixes),
            // Without a delimiter, the last key is the marker.
            next_marker: next
                .filter(|_| input.delimiter.is_some())
                .map(|next| names.encode(next)),
            delimiter: input.delimiter.map(|it| names.encode(it)),
            encoding_type: names.0,
            ..ListObjectsOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        let names = Names::new(input.encoding_type.as_ref())?;
        let max_keys = page_size(input.max_keys)?;
        let token = input.continuation_token.as_deref().map(|token| {
            let bytes = URL_SAFE_NO_PAD.decode(token).ok();
            let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            key.ok_or_else(|| {
                s3_error!(
                    InvalidArgument,
                    "The continuation token provided is incorrect"
                )
            })
        });
        let after = token.transpose()?.or_else(|| input.start_after.clone());
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            after: after.unwrap_or_default(),
            limit: limit(max_keys),
        };
        let bucket = input.bucket.clone();
        let page = self
            .blocking(move |disk| listing::list(disk, &bucket, &query))
            .await?;
        let Page {
            objects,
            prefixes,
            next,
        } = page;
        let key_count = i32::try_from(objects.len() + prefixes.len()).unwrap_or(PAGE_MAX);
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(names.encode(input.prefix.unwrap_or_default())),
            max_keys: Some(max_keys),
            key_count: Some(key_count),
            continuation_token: input.continuation_token,
            is_truncated: Some(next.is_some()),
            next_continuation_token: next.map(|next| URL_SAFE_NO_PAD.encode(next)),
            contents: names.objects(objects),
            common_prefixes: names.prefixes(prefixes),
            delimiter: input.delimiter.map(|it| names.encode(it)),
            start_after: input.start_after.map(|it| names.encode(it)),
            encoding_type: names.0,
            ..ListObjectsV2Output::default()
        }))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        // Before the body, which may be large.
        let bucket = input.bucket.clone();
        self.blocking(move |disk| disk.bucket(&bucket)).await?;
        let mut description = Description {
            attributes: attributes_of!(input),
            ..Description::default()
        };
        let claims = Claims {
            md5: input.content_md5.clone(),
            checksums: checksums_of!(input),
            algorithm: input
                .checksum_algorithm
                .as_ref()
                .map(|it| it.as_str().to_owned()),
            trailer: request.trailing_headers,
        };
        let body = input.body.map_or_else(
            || futures::stream::empty().boxed(),
            futures::StreamExt::boxed,
        );
        let received = body::receive(&self.0, body, &request.headers, claims).await?;
        description.e_tag = hex::encode(received.md5);
        description.checksums = received.checksums.clone();
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
        };
        let (bucket, key) = (input.bucket, input.key);
        let (_, description) = self
            .blocking(move |disk| {
                disk.put(&bucket, &key, &received.bytes, description, &conditions)
            })
            .await?;
        let mut output = PutObjectOutput {
            e_tag: Some(description.e_tag()),
            checksum_type: checksum_type(&description),
            ..PutObjectOutput::default()
        };
        set_checksums!(output, description.checksums);
        Ok(S3Response::new(output))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let conditions = read_conditions!(input);
        let (bucket, key) = (input.bucket, input.key);
        let opened = self
            .blocking(move |disk| disk.open_object(&bucket, &key))
            .await?;
        let (description, modified) = (opened.description, opened.modified);
        if !conditions.holds(&description, modified)? {
            return Err(S3Error::new(S3ErrorCode::NotModified));
        }
        let size = description.size_bytes;
        let (range, content_range) = part_of(input.range, input.part_number, size)?;
        let length = range.end - range.start;
        let mut output = GetObjectOutput {
            body: Some(body::of_file(opened.file, range.start, length)?),
            content_length: Some(integer(length)),
            content_range,
            ..GetObjectOutput::default()
        };
        if input.checksum_mode.is_some() && length == size {
            output.checksum_type = checksum_type(&description);
            set_checksums!(output, description.checksums.clone());
        }
        describe!(output, description, modified);
        Ok(S3Response::new(output))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let conditions = read_conditions!(input);
        let (bucket, key) = (input.bucket, input.key);
        let (modified, description) = self.blocking(move |disk| disk.head(&bucket, &key)).await?;
        if !conditions.holds(&description, modified)? {
            return Err(S3Error::new(S3ErrorCode::NotModified));
        }
        let size = description.size_bytes;
        let (range, content_range) = part_of(input.range, input.part_number, size)?;
        let mut output = HeadObjectOutput {
            content_length: Some(integer(range.end - range.start)),
            content_range,
            ..HeadObjectOutput::default()
        };
        if input.checksum_mode.is_some() && output.content_range.is_none() {
            output.checksum_type = checksum_type(&description);
            set_checksums!(output, description.checksums.clone());
        }
        describe!(output, description, modified);
        Ok(S3Response::new(output))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: None,
        };
        let (bucket, key) = (input.bucket, input.key);
        self.blocking(move |disk| disk.delete(&bucket, &key, &conditions))
            .await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = request.input;
        let is_quiet = input.delete.quiet.unwrap_or(false);
        if input.delete.objects.len() > limit(PAGE_MAX) {
            return Err(s3_error!(MalformedXML, "more than 1,000 objects"));
        }
        let (bucket, objects) = (input.bucket, input.delete.objects);
        let deletion = self.blocking(move |disk| {
            disk.bucket(&bucket)?;
            let mut output = DeleteObjectsOutput::default();
            let (mut deleted, mut errors) = (Vec::new(), Vec::new());
            for object in objects {
                let conditions = Conditions {
                    if_match: object.e_tag.map(ETagCondition::ETag),
                    if_none_match: None,
                };
                match disk.delete(&bucket, &object.key, &conditions) {
                    Ok(()) => deleted.push(DeletedObject {
                        key: Some(object.key),
                        ..DeletedObject::default()
                    }),
                    Err(error) => errors.push(Error {
                        code: Some(error.code().as_str().to_owned()),
                        message: error.message().map(str::to_owned),
                        key: Some(object.key),
                        ..Error::default()
                    }),
                }
            }
            output.deleted = (!is_quiet).then_some(deleted);
            output.errors = (!errors.is_empty()).then_some(errors);
            Ok(output)
        });
        Ok(S3Response::new(deletion.await?))
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = request.input;
        let is_replaced = input
            .metadata_directive
            .as_ref()
            .is_some_and(|it| it.as_str() == MetadataDirective::REPLACE);
        if let CopySource::Bucket { bucket, key, .. } = &input.copy_source
            && **bucket == *input.bucket
            && **key == *input.key
            && !is_replaced
        {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata."
            ));
        }
        let algorithm = input
            .checksum_algorithm
            .as_ref()
            .map(|it| it.as_str().to_owned());
        let is_other = algorithm.is_some();
        let (received, source) = self
            .copy(&input.copy_source, None, copy_conditions!(input), algorithm)
            .await?;
        let attributes = if is_replaced {
            attributes_of!(input)
        } else {
            source.attributes
        };
        // Those of parts do not hold for an object in one.
        let kept = if is_other || source.is_composite {
            received.checksums.clone()
        } else {
            source.checksums
        };
        let description = Description {
            e_tag: hex::encode(received.md5),
            checksums: kept,
            attributes,
            ..Description::default()
        };
        let (bucket, key) = (input.bucket, input.key);
        let (modified, description) = self
            .blocking(move |disk| {
                let conditions = Conditions::default();
                disk.put(&bucket, &key, &received.bytes, description, &conditions)
            })
            .await?;
        let mut result = CopyObjectResult {
            e_tag: Some(description.e_tag()),
            last_modified: Some(modified.into()),
            checksum_type: checksum_type(&description),
            ..CopyObjectResult::default()
        };
        set_checksums!(result, description.checksums);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..CopyObjectOutput::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        let algorithm = input.checksum_algorithm.clone();
        let is_composite = match &algorithm {
            None => false,
            Some(algorithm) => is_composite(algorithm.as_str(), input.checksum_type.as_ref())?,
        };
        let upload = Upload {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            algorithm: algorithm.as_ref().map(|it| it.as_str().to_owned()),
            is_composite,
            attributes: attributes_of!(input),
        };
        let id = self
            .blocking(move |disk| uploads::create(disk, &upload))
            .await?;
        let kind = if is_composite {
            ChecksumType::COMPOSITE
        } else {
            ChecksumType::FULL_OBJECT
        };
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_type: algorithm.as_ref().map(|_| ChecksumType::from_static(kind)),
            checksum_algorithm: algorithm,
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        let number = part_number(input.part_number)?;
        let (bucket, key, id) = (
            input.bucket.clone(),
            input.key.clone(),
            input.upload_id.clone(),
        );
        let (folder, upload) = self
            .blocking(move |disk| uploads::open(disk, &bucket, &key, &id))
            .await?;
        let claims = Claims {
            md5: input.content_md5.clone(),
            checksums: checksums_of!(input),
            algorithm: upload.algorithm,
            trailer: request.trailing_headers,
        };
        let body = input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let received = body::receive(&self.0, body, &request.headers, claims).await?;
        let part = self
            .blocking(move |disk| uploads::put_part(disk, &folder, number, received))
            .await?;
        let mut output = UploadPartOutput {
            e_tag: Some(ETag::Strong(part.md5)),
            ..UploadPartOutput::default()
        };
        set_checksums!(output, part.checksums);
        Ok(S3Response::new(output))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = request.input;
        let number = part_number(input.part_number)?;
        let (bucket, key, id) = (
            input.bucket.clone(),
            input.key.clone(),
            input.upload_id.clone(),
        );
        let (folder, upload) = self
            .blocking(move |disk| uploads::open(disk, &bucket, &key, &id))
            .await?;
        let range = input.copy_source_range.as_deref();
        let (received, _) = self
            .copy(
                &input.copy_source,
                range,
                copy_conditions!(input),
                upload.algorithm,
            )
            .await?;
        let part = self
            .blocking(move |disk| uploads::put_part(disk, &folder, number, received))
            .await?;
        let mut result = CopyPartResult {
            e_tag: Some(ETag::Strong(part.md5)),
            last_modified: Some(SystemTime::now().into()),
            ..CopyPartResult::default()
        };
        set_checksums!(result, part.checksums);
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..UploadPartCopyOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        let completion = Completion {
            checksums: checksums_of!(input),
            parts: input
                .multipart_upload
                .and_then(|upload| upload.parts)
                .unwrap_or_default(),
            size_bytes: input.mpu_object_size,
            conditions: Conditions {
                if_match: input.if_match,
                if_none_match: input.if_none_match,
            },
        };
        let (bucket, key, id) = (input.bucket.clone(), input.key.clone(), input.upload_id);
        let description = self
            .blocking(move |disk| {
                let (folder, upload) = uploads::open(disk, &bucket, &key, &id)?;
                uploads::complete(disk, &folder, upload, &completion)
            })
            .await?;
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(description.e_tag()),
            checksum_type: checksum_type(&description),
            ..CompleteMultipartUploadOutput::default()
        };
        set_checksums!(output, description.checksums);
        Ok(S3Response::new(output))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = request.input;
        self.blocking(move |disk| {
            let (folder, _) = uploads::open(disk, &input.bucket, &input.key, &input.upload_id)?;
            uploads::abort(&folder)
        })
        .await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_parts(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = request.input;
        let max_parts = page_size(input.max_parts)?;
        let after = input.part_number_marker.unwrap_or(0);
        let (bucket, key, id) = (
            input.bucket.clone(),
            input.key.clone(),
            input.upload_id.clone(),
        );
        let mut parts = self
            .blocking(move |disk| {
                let (folder, _) = uploads::open(disk, &bucket, &key, &id)?;
                uploads::parts(&folder)
            })
            .await?;
        parts.retain(|(part, _)| part.number > after);
        let is_truncated = parts.len() > limit(max_parts);
        parts.truncate(limit(max_parts));
        let next = parts.last().map(|(part, _)| part.number);
        let part = |(part, modified): (uploads::Part, SystemTime)| {
            let mut listed = Part {
                e_tag: Some(ETag::Strong(part.md5)),
                last_modified: Some(modified.into()),
                part_number: Some(part.number),
                size: Some(integer(part.size_bytes)),
                ..Part::default()
            };
            set_checksums!(listed, part.checksums);
            listed
        };
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: Some(after),
            max_parts: Some(max_parts),
            is_truncated: Some(is_truncated),
            next_part_number_marker: next.filter(|_| is_truncated),
            parts: Some(parts.into_iter().map(part).collect()),
            ..ListPartsOutput::default()
        }))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        let names = Names::new(input.encoding_type.as_ref())?;
        let max_uploads = page_size(input.max_uploads)?;
        let bucket = input.bucket.clone();
        let mut found = self
            .blocking(move |disk| {
                disk.bucket(&bucket)?;
                uploads::uploads(disk, &bucket)
            })
            .await?;
        let prefix = input.prefix.unwrap_or_default();
        let key_marker = input.key_marker.unwrap_or_default();
        let id_marker = input.upload_id_marker.unwrap_or_default();
        // Uploads of one key are in the order of their beginning, so the marker's place counts.
        let before = found
            .iter()
            .position(|(id, upload, _)| upload.key == key_marker && *id == id_marker);
        let start = before.map_or_else(
            || found.partition_point(|(_, upload, _)| upload.key <= key_marker),
            |place| place + 1,
        );
        found.drain(..start);
        found.retain(|(_, upload, _)| upload.key.starts_with(&prefix));
        let is_truncated = found.len() > limit(max_uploads);
        found.truncate(limit(max_uploads));
        let next = found.last().filter(|_| is_truncated);
        let next = next.map(|(id, upload, _)| (id.clone(), upload.key.clone()));
        let (next_id, next_key) = next.unzip();
        let upload = |(id, upload, begun): (String, Upload, SystemTime)| MultipartUpload {
            key: Some(names.encode(upload.key)),
            upload_id: Some(id),
            initiated: Some(begun.into()),
            checksum_algorithm: upload.algorithm.map(ChecksumAlgorithm::from),
            ..MultipartUpload::default()
        };
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            uploads: Some(found.into_iter().map(upload).collect()),
            prefix: Some(names.encode(prefix)),
            key_marker: Some(names.encode(key_marker)),
            upload_id_marker: Some(id_marker),
            max_uploads: Some(max_uploads),
            is_truncated: Some(is_truncated),
            next_key_marker: next_key.map(|key| names.encode(key)),
            next_upload_id_marker: next_id,
            encoding_type: names.0.clone(),
            ..ListMultipartUploadsOutput::default()
        }))
    }
}
