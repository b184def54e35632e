//! What a failed call to AWS means: one rule for S3, DynamoDB and Step Functions.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Error codes that mean "later" although their status does not: DynamoDB and Step Functions answer
/// almost everything with 400.
const TRANSIENT_CODES: [&str; 11] = [
    "ExecutionLimitExceeded",
    "InternalServerError",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeTooSkewed",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "TooManyRequestsException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// The service's name for its error, if it answered with one.
pub fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(|error| error.code())
}

/// The HTTP status of an answer that is an error.
pub fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// Whether the same call may succeed a little later: no answer, an answer cut off, an overloaded
/// server. A failure of a kind that this build does not know counts as transient: retries are bounded,
/// while an outcome recorded as final is not taken back.
pub fn is_retryable<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        // The request could not even be built: a bad configuration stays bad.
        SdkError::ConstructionFailure(_) => false,
        SdkError::DispatchFailure(failure) => !failure.is_user(),
        SdkError::ServiceError(answer) => is_transient(
            answer.raw().status().as_u16(),
            answer.err().code().unwrap_or_default(),
        ),
        _ => true,
    }
}

fn is_transient(status: u16, code: &str) -> bool {
    // 409 is S3's answer to two conditional writes at once, which it asks to repeat.
    matches!(status, 408 | 409 | 429 | 500..)
        || TRANSIENT_CODES.contains(&code)
        || code.contains("Throttl")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    type Failed = SdkError<ErrorMetadata, HttpResponse>;

    fn answer(status: u16, code: &str) -> Failed {
        let error = ErrorMetadata::builder().code(code).build();
        let status = status.try_into().unwrap();
        SdkError::service_error(error, HttpResponse::new(status, SdkBody::empty()))
    }

    #[test]
    fn every_failure_is_classified_once_for_all_services() {
        let table: Vec<(Failed, bool)> = vec![
            (SdkError::construction_failure("no region"), false),
            (SdkError::timeout_error("no answer"), true),
            (
                SdkError::dispatch_failure(ConnectorError::io("reset".into())),
                true,
            ),
            (
                SdkError::dispatch_failure(ConnectorError::timeout("connect".into())),
                true,
            ),
            (
                SdkError::dispatch_failure(ConnectorError::user("bad URI".into())),
                false,
            ),
            (
                SdkError::response_error(
                    "cut off",
                    HttpResponse::new(200.try_into().unwrap(), SdkBody::empty()),
                ),
                true,
            ),
            // S3
            (answer(503, "SlowDown"), true),
            (answer(500, "InternalError"), true),
            (answer(409, "ConditionalRequestConflict"), true),
            (answer(400, "RequestTimeout"), true),
            (answer(403, "RequestTimeTooSkewed"), true),
            (answer(403, "AccessDenied"), false),
            (answer(404, "NoSuchBucket"), false),
            (answer(412, "PreconditionFailed"), false),
            // DynamoDB
            (answer(400, "ProvisionedThroughputExceededException"), true),
            (answer(400, "ThrottlingException"), true),
            (answer(400, "TransactionConflictException"), true),
            (answer(400, "TransactionInProgressException"), true),
            (answer(400, "RequestLimitExceeded"), true),
            (answer(400, "ConditionalCheckFailedException"), false),
            (answer(400, "ResourceNotFoundException"), false),
            (answer(400, "AccessDeniedException"), false),
            (answer(400, "ValidationException"), false),
            // Step Functions
            (answer(400, "TooManyRequestsException"), true),
            (answer(429, ""), true),
            (answer(400, "StateMachineDoesNotExist"), false),
            (answer(400, "ExecutionLimitExceeded"), true),
        ];
        for (error, expected) in table {
            assert_eq!(is_retryable(&error), expected, "{error:?}");
        }
    }
}
