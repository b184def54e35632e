//! Where the local cloud listens, and the AWS configuration that points there.
//!
//! The SDK clients are those of AWS; only endpoints and credentials differ. Both are given
//! explicitly, so that a profile or an endpoint in the user's environment is never used.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use crate::folder::{AccessKey, Server};

/// Region of everything local. It names things only; nothing leaves the machine.
pub const REGION: &str = "us-east-1";
/// Account of everything local.
pub const ACCOUNT: &str = "000000000000";

/// Base URLs of the services, and the access key with which requests to AWS's services are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// HTTP functions.
    pub http: String,
    /// Step Functions and Lambda: as `http`, or where that requires tokens their own port.
    pub aws: String,
    /// S3.
    pub s3: String,
    /// DynamoDB.
    pub dynamodb: String,
    pub access_key: AccessKey,
}

impl Endpoints {
    /// Those of a process that serves a folder.
    pub fn of(server: &Server) -> Self {
        Self {
            http: server.http.clone(),
            aws: server.aws.clone(),
            s3: server.s3.clone(),
            dynamodb: server.dynamodb.clone(),
            access_key: server.access_key.clone(),
        }
    }

    /// What the SDK needs to build clients of these services.
    pub fn sdk_config(&self) -> SdkConfig {
        // Plain HTTP: this configuration reaches loopback and nothing else.
        let http_client = aws_smithy_http_client::Builder::new().build_http();
        let AccessKey { id, secret } = &self.access_key;
        let credentials = Credentials::new(id, secret, None, None, "tasador-local");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(
                aws_credential_types::provider::SharedCredentialsProvider::new(credentials),
            )
            .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
                aws_smithy_async::rt::sleep::TokioSleep::new(),
            ))
            .time_source(aws_smithy_async::time::SystemTimeSource::new())
            .http_client(http_client)
            // Where a service is not named below, its client gets an address that answers it is not here.
            .endpoint_url(&self.aws)
            .service_config(ByService(self.clone()))
            .build()
    }

    /// The variables that point the `aws` CLI and any SDK here, in the order people set them.
    pub fn environment(&self) -> [(&'static str, &str); 8] {
        [
            ("AWS_ACCESS_KEY_ID", &self.access_key.id),
            ("AWS_SECRET_ACCESS_KEY", &self.access_key.secret),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ENDPOINT_URL_S3", &self.s3),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.dynamodb),
            ("AWS_ENDPOINT_URL_SFN", &self.aws),
            ("AWS_ENDPOINT_URL_LAMBDA", &self.aws),
        ]
    }
}

/// Answers the SDK's question for a service's own endpoint.
#[derive(Debug)]
struct ByService(Endpoints);

impl LoadServiceConfig for ByService {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.profile() != "endpoint_url" {
            return None;
        }
        match key.service_id() {
            "S3" => Some(self.0.s3.clone()),
            "DynamoDB" => Some(self.0.dynamodb.clone()),
            _ => Some(self.0.aws.clone()),
        }
    }
}
