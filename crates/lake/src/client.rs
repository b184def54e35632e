//! The S3 client's settings that the promises of this crate rest on.

use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_types::SdkConfig;

/// The settings of an S3 client for a [`Lake`](crate::Lake), to which a caller may add.
///
/// `path_style` puts the bucket's name into the path instead of the host's name, which is what
/// endpoints other than AWS's own want.
pub fn client_config(config: &SdkConfig, path_style: bool) -> Builder {
    Builder::from(config)
        .force_path_style(path_style)
        // Each upload carries the SHA-256 of the whole object, and each download is held against
        // it here; a CRC beside it would cost time and, as a trailer, not every server reads it.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}
