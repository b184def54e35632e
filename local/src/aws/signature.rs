//! Signature Version 4, as DynamoDB, Step Functions and Lambda require it of each request.
//!
//! A signature is verified by making it again with the same code that the SDK signs with. It covers
//! the method, the path, the query, the host, the date, the operation and the whole body.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::{HeaderMap, header, request};
use subtle::ConstantTimeEq as _;

use crate::folder::AccessKey;

/// How far the client's clock may be off, as on AWS.
const CLOCK_SKEW: Duration = Duration::from_secs(15 * 60);

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE_HEADER: &str = "x-amz-date";
/// Headers that every signature covers, besides all that begin with `x-amz-`.
const ALWAYS_SIGNED: [&str; 2] = ["host", DATE_HEADER];

/// Why a request is refused, by the names that AWS gives.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error("Request is missing Authentication Token")]
    Missing,
    #[error("Authorization header is incomplete or malformed: {0}")]
    Incomplete(&'static str),
    #[error(
        "The security token included in the request is invalid. The local access key is in the file aws-credentials of the data folder."
    )]
    UnknownKey,
    #[error(
        "Signature expired or not yet valid: {date} is more than 15 minutes from the current time."
    )]
    Expired { date: String },
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."
    )]
    Mismatch,
}

impl SignatureError {
    /// The error's name in AWS's protocols.
    pub(crate) fn shape(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Expired { .. } | Self::Mismatch => "InvalidSignatureException",
        }
    }
}

/// Verifies signatures that were made with one access key.
#[derive(Clone)]
pub(crate) struct Verifier {
    access_key: Arc<AccessKey>,
}

/// The parts of an `Authorization` header.
struct Authorization<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl Verifier {
    pub(crate) fn new(access_key: AccessKey) -> Self {
        Self {
            access_key: Arc::new(access_key),
        }
    }

    /// Verifies that `request` with this whole body was signed for `service`.
    pub(crate) fn verify(
        &self,
        service: &'static str,
        request: &request::Parts,
        body: &[u8],
        now: SystemTime,
    ) -> Result<(), SignatureError> {
        let headers = &request.headers;
        let authorization = Authorization::of(headers)?;
        if authorization.access_key != self.access_key.id {
            return Err(SignatureError::UnknownKey);
        }
        if authorization.service != service {
            return Err(SignatureError::Incomplete(
                "the signature is for another service",
            ));
        }
        let is_signed = |name: &str| authorization.signed_headers.contains(&name);
        let must_be_signed =
            |name: &str| ALWAYS_SIGNED.contains(&name) || name.starts_with("x-amz-");
        if !ALWAYS_SIGNED.into_iter().all(is_signed)
            || !headers
                .keys()
                .map(|name| name.as_str())
                .filter(|name| must_be_signed(name))
                .all(is_signed)
        {
            return Err(SignatureError::Incomplete(
                "SignedHeaders must name host and all headers that begin with x-amz-",
            ));
        }
        let date = only(headers, DATE_HEADER)?;
        let time = parse_date(date).ok_or(SignatureError::Incomplete("X-Amz-Date"))?;
        let distance = now
            .duration_since(time)
            .unwrap_or_else(|error| error.duration());
        if distance > CLOCK_SKEW {
            return Err(SignatureError::Expired {
                date: date.to_owned(),
            });
        }
        if !date.starts_with(authorization.date) {
            return Err(SignatureError::Incomplete("the date of Credential"));
        }

        let mut signed = Vec::with_capacity(authorization.signed_headers.len());
        for name in &authorization.signed_headers {
            signed.push((*name, only(headers, name)?));
        }
        let expected = self.signature(&authorization, time, request, signed, body)?;
        let is_same = expected
            .as_bytes()
            .ct_eq(authorization.signature.as_bytes());
        if bool::from(is_same) {
            Ok(())
        } else {
            Err(SignatureError::Mismatch)
        }
    }

    fn signature(
        &self,
        authorization: &Authorization<'_>,
        time: SystemTime,
        request: &request::Parts,
        headers: Vec<(&str, &str)>,
        body: &[u8],
    ) -> Result<String, SignatureError> {
        let AccessKey { id, secret } = &*self.access_key;
        let identity = Credentials::new(id, secret, None, None, "data folder").into();
        let mut settings = SigningSettings::default();
        // What the client signed is signed here, whatever it is.
        settings.excluded_headers = None;
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(authorization.region)
            .name(authorization.service)
            .time(time)
            .settings(settings)
            .build()
            .map_err(|_| SignatureError::Incomplete("Credential"))?
            .into();
        let uri = request.uri.to_string();
        let body = SignableBody::Bytes(body);
        let signable =
            SignableRequest::new(request.method.as_str(), uri, headers.into_iter(), body);
        let signed = signable.and_then(|request| sign(request, &parameters));
        match signed {
            Ok(output) => Ok(output.signature().to_owned()),
            Err(_) => Err(SignatureError::Mismatch),
        }
    }
}

impl<'a> Authorization<'a> {
    fn of(headers: &'a HeaderMap) -> Result<Self, SignatureError> {
        if !headers.contains_key(header::AUTHORIZATION) {
            return Err(SignatureError::Missing);
        }
        let text = only(headers, header::AUTHORIZATION.as_str())?;
        let fields = text
            .strip_prefix(ALGORITHM)
            .filter(|rest| rest.starts_with(' '))
            .ok_or(SignatureError::Incomplete(
                "the algorithm must be AWS4-HMAC-SHA256",
            ))?;
        let field = |name: &'static str| {
            let mut values = fields.split(',').filter_map(|field| {
                let (key, value) = field.trim().split_once('=')?;
                (key == name).then_some(value)
            });
            match (values.next(), values.next()) {
                (Some(value), None) => Ok(value),
                _ => Err(SignatureError::Incomplete(name)),
            }
        };
        let credential = field("Credential")?;
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = parts[..] else {
            return Err(SignatureError::Incomplete("Credential"));
        };
        Ok(Self {
            access_key,
            date,
            region,
            service,
            signed_headers: field("SignedHeaders")?.split(';').collect(),
            signature: field("Signature")?,
        })
    }
}

/// The value of a header that must occur exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, SignatureError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value
            .to_str()
            .map_err(|_| SignatureError::Incomplete("a header is not ASCII")),
        _ => Err(SignatureError::Incomplete(
            "each signed header must occur exactly once",
        )),
    }
}

/// Reads `20260131T235959Z`.
fn parse_date(text: &str) -> Option<SystemTime> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(time.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    const BODY: &[u8] = b"{\"TableName\": \"registry\"}";

    fn verifier() -> Verifier {
        Verifier::new(AccessKey::new("id", "a secret"))
    }

    fn now() -> SystemTime {
        parse_date("20260131T235959Z").unwrap()
    }

    fn unsigned() -> request::Parts {
        let request = Request::builder()
            .method("POST")
            .uri("/2015-03-31/functions/arn%3Aaws/invocations?Qualifier=a%20b&Another")
            .header("host", "127.0.0.1:3002")
            .header("x-amz-date", "20260131T235959Z")
            .header("x-amz-target", "DynamoDB_20120810.Scan")
            .header("content-type", "application/x-amz-json-1.0");
        request.body(()).unwrap().into_parts().0
    }

    /// Signs what a client sends, with this key and service.
    fn signed_with(id: &str, secret: &str, service: &'static str) -> request::Parts {
        let mut parts = unsigned();
        let authorization = Authorization {
            access_key: id,
            date: "20260131",
            region: "eu-central-1",
            service,
            signed_headers: vec!["content-type", "host", "x-amz-date", "x-amz-target"],
            signature: "",
        };
        let headers = authorization
            .signed_headers
            .iter()
            .map(|name| (*name, parts.headers[*name].to_str().unwrap()))
            .collect();
        let signature = Verifier::new(AccessKey::new(id, secret))
            .signature(&authorization, now(), &parts, headers, BODY)
            .unwrap();
        let text = format!(
            "AWS4-HMAC-SHA256 Credential={id}/20260131/eu-central-1/{service}/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={signature}"
        );
        parts.headers.insert("authorization", text.parse().unwrap());
        parts
    }

    fn signed() -> request::Parts {
        signed_with("id", "a secret", "dynamodb")
    }

    #[test]
    fn a_request_signed_with_the_key_passes_within_a_quarter_of_an_hour() {
        let verify = |now| verifier().verify("dynamodb", &signed(), BODY, now);
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        assert_eq!(verify(now()), Ok(()));
        assert_eq!(verify(now() + minutes(15)), Ok(()));
        assert_eq!(verify(now() - minutes(15)), Ok(()));
        for other in [now() + minutes(16), now() - minutes(16)] {
            let error = verify(other).unwrap_err();
            assert_eq!(error.shape(), "InvalidSignatureException");
            assert!(matches!(error, SignatureError::Expired { .. }));
        }
    }

    #[test]
    fn what_was_changed_after_signing_is_refused() {
        let verify = |parts: &request::Parts, body: &[u8]| {
            verifier()
                .verify("dynamodb", parts, body, now())
                .unwrap_err()
        };
        assert_eq!(verify(&signed(), b"{}"), SignatureError::Mismatch);
        for (name, value) in [
            ("x-amz-target", "DynamoDB_20120810.DeleteTable"),
            ("host", "localhost:3002"),
            ("content-type", "text/plain"),
        ] {
            let mut parts = signed();
            parts.headers.insert(name, value.parse().unwrap());
            assert_eq!(verify(&parts, BODY), SignatureError::Mismatch, "{name}");
        }
        let mut parts = signed();
        parts.method = axum::http::Method::PUT;
        assert_eq!(verify(&parts, BODY), SignatureError::Mismatch);
        let mut parts = signed();
        parts.uri = "/".parse().unwrap();
        assert_eq!(verify(&parts, BODY), SignatureError::Mismatch);
    }

    #[test]
    fn other_keys_services_and_unsigned_headers_are_refused() {
        let verify = |parts: &request::Parts| {
            let error = verifier().verify("dynamodb", parts, BODY, now());
            error.unwrap_err().shape()
        };
        assert_eq!(verify(&unsigned()), "MissingAuthenticationTokenException");
        assert_eq!(
            verify(&signed_with("other", "a secret", "dynamodb")),
            "UnrecognizedClientException"
        );
        assert_eq!(
            verify(&signed_with("id", "another", "dynamodb")),
            "InvalidSignatureException"
        );
        assert_eq!(
            verify(&signed_with("id", "a secret", "s3")),
            "IncompleteSignatureException"
        );
        for (name, value) in [
            ("x-amz-meta", "not signed"),
            ("authorization", "Bearer tsd_1"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=id, Signature=0",
            ),
            ("authorization", ""),
        ] {
            let mut parts = signed();
            parts.headers.insert(name, value.parse().unwrap());
            assert_eq!(verify(&parts), "IncompleteSignatureException", "{name}");
        }
        let mut parts = signed();
        let second = parts.headers["x-amz-target"].clone();
        parts.headers.append("x-amz-target", second);
        assert_eq!(verify(&parts), "IncompleteSignatureException");
    }
}
