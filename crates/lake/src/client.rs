//! The S3 client's settings that this crate requires.

use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_types::SdkConfig;

/// The settings of an S3 client for a [`Lake`](crate::Lake); a caller may add to them.
///
/// `path_style` puts the bucket's name into the path instead of the host's name, as most endpoints
/// other than AWS require.
pub fn client_config(config: &SdkConfig, path_style: bool) -> Builder {
    Builder::from(config)
        .force_path_style(path_style)
        // Each upload has the SHA-256 of the whole object, and each download is verified with it. An
        // additional CRC would cost time, and some servers do not support it as a trailer.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
}
