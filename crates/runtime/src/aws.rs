//! How the AWS clients behave: transport, time-outs, retries.

use std::time::Duration;

use aws_smithy_http_client::tls;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// A connection within a region is there in milliseconds or not at all.
const CONNECT: Duration = Duration::from_secs(3);
/// Tables and Step Functions answer in milliseconds; what takes longer is begun anew.
const QUICK_ANSWER: Duration = Duration::from_secs(10);
/// S3 answers after the last byte of an upload, and a raw batch may have gigabytes. An upload or a
/// download that stalls is ended much earlier by the SDK's protection against stalled streams.
const UPLOAD_ANSWER: Duration = Duration::from_secs(300);
/// Tries of one request: with the SDK's back-off these span about three seconds, the length of a
/// hiccup. What lasts longer is left to the state machine, which waits without being paid for.
const ATTEMPTS: u32 = 4;

/// What a client mostly does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Traffic {
    /// Small questions and answers.
    Items,
    /// Whole objects.
    Objects,
}

/// The configuration from the environment, with an HTTPS client: TLS by rustls with ring, which needs
/// nothing but a C compiler to build. It speaks plain HTTP where an endpoint says `http://`.
pub(crate) async fn load() -> SdkConfig {
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https();
    aws_config::defaults(aws_config::BehaviorVersion::latest())
        .http_client(client)
        .load()
        .await
}

/// The same configuration with this program's patience.
pub(crate) fn patient(config: &SdkConfig, traffic: Traffic) -> SdkConfig {
    let answer = match traffic {
        Traffic::Items => QUICK_ANSWER,
        Traffic::Objects => UPLOAD_ANSWER,
    };
    config
        .clone()
        .into_builder()
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .read_timeout(answer)
                .build(),
        )
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .build()
}

/// Whether S3 is somewhere else than at AWS.
pub(crate) fn has_own_s3(config: &SdkConfig) -> bool {
    if config.endpoint_url().is_some() {
        return true;
    }
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    match (key, config.service_config()) {
        (Ok(key), Some(service)) => service.load_config(key).is_some(),
        _ => false,
    }
}
