//! Every port refuses requests of foreign pages and foreign names, and AWS's protocols refuse what was
//! not signed with the key of the data folder. Requests are written byte by byte, as no client would.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use local::cloud::{Cloud, Options};
use local::folder::{AccessKey, Folder};
use tasador_runtime::Config;
use tests::world::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request that one port answers with 200.
#[derive(Clone)]
struct Call {
    /// Name of the service in signatures; none where a port verifies none.
    service: Option<&'static str>,
    /// Address of the port.
    host: String,
    method: &'static str,
    target: &'static str,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
}

impl Call {
    fn all(world: &World) -> Vec<Self> {
        let endpoints = world.cloud().endpoints();
        let json_rpc = |service, base: &str, content_type: &str, target: &str| Self {
            service: Some(service),
            host: host(base),
            method: "POST",
            target: "/",
            headers: vec![
                ("content-type", content_type.to_owned()),
                ("x-amz-target", target.to_owned()),
            ],
            body: "{}",
        };
        let get = |service, base: &str, target| Self {
            service,
            host: host(base),
            method: "GET",
            target,
            headers: Vec::new(),
            body: "",
        };
        let json = "application/x-amz-json-1.0";
        vec![
            get(None, &endpoints.http, "/health"),
            json_rpc(
                "states",
                &endpoints.aws,
                json,
                "AWSStepFunctions.ListStateMachines",
            ),
            get(Some("lambda"), &endpoints.aws, "/2015-03-31/functions"),
            json_rpc(
                "dynamodb",
                &endpoints.dynamodb,
                json,
                "DynamoDB_20120810.ListTables",
            ),
            get(
                Some("s3"),
                &endpoints.s3,
                "/tasador?list-type=2&prefix=a%20b",
            ),
        ]
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With the headers of a signature made at this time; as it is where the port verifies none.
    fn signed(self, key: &AccessKey, time: SystemTime) -> Self {
        let host = self.host.clone();
        self.signed_for(key, time, &host)
    }

    fn signed_for(mut self, key: &AccessKey, time: SystemTime, host: &str) -> Self {
        let Some(service) = self.service else {
            return self;
        };
        let identity = Credentials::new(&key.id, &key.secret, None, None, "test").into();
        let mut settings = SigningSettings::default();
        if service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name(service)
            .time(time)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let uri = format!("http://{host}{}", self.target);
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let body = if self
            .headers
            .iter()
            .any(|(name, _)| *name == "x-amz-trailer")
        {
            SignableBody::StreamingUnsignedPayloadTrailer
        } else {
            SignableBody::Bytes(self.body.as_bytes())
        };
        let request = SignableRequest::new(self.method, uri, headers, body).unwrap();
        let (instructions, _) = sign(request, &parameters).unwrap().into_parts();
        let (added, _) = instructions.into_parts();
        for header in added {
            self.headers
                .push((header.name(), header.value().to_owned()));
        }
        self
    }

    /// Sends it as written here: with these lines for the target and the host.
    async fn send_as(&self, target: &str, host_lines: &str) -> Answer {
        let mut text = format!("{} {target} HTTP/1.1\r\n{host_lines}", self.method);
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        let length = self.body.len();
        write!(
            text,
            "content-length: {length}\r\nconnection: close\r\n\r\n{}",
            self.body
        )
        .unwrap();
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        Answer(answer)
    }

    async fn send(&self) -> Answer {
        self.send_as(self.target, &format!("host: {}\r\n", self.host))
            .await
    }
}

struct Answer(String);

impl Answer {
    fn status(&self) -> u16 {
        let status = self.0.split(' ').nth(1).unwrap_or_default();
        status.parse().unwrap_or_default()
    }

    /// Refused, and nothing of it readable by a page of another origin.
    fn assert_refused(&self, expected: &[u16], what: &str) {
        assert!(expected.contains(&self.status()), "{what}: {}", self.0);
        assert!(
            !self.0.to_lowercase().contains("access-control-"),
            "{what}: {}",
            self.0
        );
    }
}

fn host(base: &str) -> String {
    base.trim_start_matches("http://").to_owned()
}

#[tokio::test]
async fn foreign_pages_and_names_are_refused_on_every_port() {
    let world = World::new(|_| ()).await;
    let key = &world.cloud().endpoints().access_key;
    for call in Call::all(&world) {
        let what = format!("{:?} {}", call.service, call.target);
        let signed = call.clone().signed(key, SystemTime::now());
        let answer = signed.send().await;
        answer.assert_refused(&[200], &what);
        // A key does not help a page that has it.
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
            let answer = signed.clone().with("origin", origin).send().await;
            answer.assert_refused(&[403], &format!("{what} from {origin}"));
        }
        for site in ["cross-site", "same-site"] {
            let answer = signed.clone().with("sec-fetch-site", site).send().await;
            answer.assert_refused(&[403], &format!("{what} from {site}"));
        }
        for name in ["evil.example", "127.0.0.1.evil.example", "0.0.0.0"] {
            let rebound = call.clone().signed_for(key, SystemTime::now(), name);
            let answer = rebound
                .send_as(call.target, &format!("host: {name}\r\n"))
                .await;
            answer.assert_refused(&[403], &format!("{what} at {name}"));
        }
        let own = format!("host: {}\r\n", call.host);
        for hosts in [
            "",
            &format!("{own}{own}"),
            &format!("{own}host: evil.example\r\n"),
        ] {
            let answer = signed.send_as(call.target, hosts).await;
            answer.assert_refused(&[400], &format!("{what} with {hosts:?}"));
        }
        for base in ["http://evil.example", &format!("http://{}", call.host)] {
            let target = format!("{base}{}", call.target);
            let answer = signed.send_as(&target, &own).await;
            answer.assert_refused(&[400], &format!("{what} as {target}"));
        }
    }
}

#[tokio::test]
async fn preflights_and_forms_of_foreign_pages_are_refused_on_every_port() {
    let world = World::new(|_| ()).await;
    for call in Call::all(&world) {
        let what = format!("{:?} {}", call.service, call.target);
        let preflight = Call {
            method: "OPTIONS",
            body: "",
            headers: Vec::new(),
            ..call.clone()
        }
        .with("access-control-request-method", "POST")
        .with(
            "access-control-request-headers",
            "x-amz-target,content-type",
        );
        let answer = preflight
            .clone()
            .with("origin", "https://evil.example")
            .send()
            .await;
        answer.assert_refused(&[403], &format!("{what}: preflight"));
        let answer = preflight.send().await;
        answer.assert_refused(
            &[400, 403, 404, 405, 501],
            &format!("{what}: preflight without origin"),
        );

        let forms = [
            ("application/x-www-form-urlencoded", "key=a&value=b"),
            ("text/plain", "{\"TableName\": \"tasador-registry\"}"),
            (
                "multipart/form-data; boundary=b",
                "--b\r\ncontent-disposition: form-data; name=\"key\"\r\n\r\nmodels/m/1/MLmodel\r\n--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nevil\r\n--b--\r\n",
            ),
        ];
        for (content_type, body) in forms {
            for target in [call.target, "/", "/tasador", "/tasador/"] {
                let form = Call {
                    method: "POST",
                    target: "",
                    body,
                    headers: Vec::new(),
                    ..call.clone()
                }
                .with("content-type", content_type);
                let foreign = form.clone().with("origin", "https://evil.example");
                let own = format!("host: {}\r\n", call.host);
                let answer = foreign.send_as(target, &own).await;
                answer.assert_refused(&[403], &format!("{what}: {content_type} to {target}"));
                // Without `Origin` nothing names the page, and the signature is missing.
                let answer = form.send_as(target, &own).await;
                answer.assert_refused(
                    &[400, 403, 404, 405, 415, 501],
                    &format!("{what}: {content_type} to {target} without origin"),
                );
            }
        }
    }
}

#[tokio::test]
async fn what_was_not_signed_with_the_key_of_the_folder_is_refused() {
    let world = World::new(|_| ()).await;
    let key = &world.cloud().endpoints().access_key;
    let now = SystemTime::now();
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    for call in Call::all(&world)
        .into_iter()
        .filter(|call| call.service.is_some())
    {
        let what = format!("{:?}", call.service);
        let refused = [400, 403];
        call.send()
            .await
            .assert_refused(&refused, &format!("{what}: unsigned"));
        for (id, secret) in [
            ("tasador", "tasador"),
            (&key.id, "tasador"),
            ("tasador", &key.secret),
        ] {
            let signed = call.clone().signed(&AccessKey::new(id, secret), now);
            let answer = signed.send().await;
            answer.assert_refused(&refused, &format!("{what}: another key"));
        }
        for time in [now - minutes(16), now + minutes(16)] {
            let answer = call.clone().signed(key, time).send().await;
            answer.assert_refused(&refused, &format!("{what}: replayed"));
        }
        let written = match call.service {
            // A list has no body.
            Some("s3") => Call {
                method: "PUT",
                target: "/tasador/written",
                body: "one",
                ..call.clone()
            },
            _ => call.clone(),
        };
        let tampered = Call {
            body: "two",
            ..written.signed(key, now)
        };
        let answer = tampered.send().await;
        // The store of S3 finds out while it reads, and has no better name for it.
        answer.assert_refused(&[400, 403, 500], &format!("{what}: another body"));
        if call.service == Some("s3") {
            let read = Call {
                target: "/tasador/written",
                ..call.clone()
            };
            let answer = read.signed(key, now).send().await;
            answer.assert_refused(&[404], "a tampered object is not stored");
        }
        let signed = call.clone().signed(key, now);
        let own = format!("host: {}\r\n", call.host);
        let answer = signed.send_as("/tasador?list-type=2&prefix=b", &own).await;
        answer.assert_refused(&[400, 403, 404, 405], &format!("{what}: another target"));
    }
}

#[tokio::test]
async fn each_folder_has_a_separate_key() {
    let first = World::new(|_| ()).await;
    let second = World::new(|_| ()).await;
    let key = &first.cloud().endpoints().access_key;
    assert_ne!(key, &second.cloud().endpoints().access_key);
    for call in Call::all(&second)
        .into_iter()
        .filter(|call| call.service.is_some())
    {
        let answer = call.signed(key, SystemTime::now()).send().await;
        answer.assert_refused(&[400, 403], "the key of another folder");
    }
}

/// As SDKs upload streams: the checksum follows the body.
#[tokio::test]
async fn an_upload_whose_trailing_checksum_is_wrong_is_not_stored() {
    let world = World::new(|_| ()).await;
    let endpoints = world.cloud().endpoints();
    let call = |method, target, body| Call {
        service: Some("s3"),
        host: host(&endpoints.s3),
        method,
        target,
        headers: Vec::new(),
        body,
    };
    let now = SystemTime::now();
    for (target, body, expected) in [
        (
            "/tasador/mlflow/right",
            "3\r\nold\r\n0\r\nx-amz-checksum-sha256:y6BrVzb69n5UsHtWHq6UOV53TFF6fZEKVDaeEmPM+9Q=\r\n\r\n",
            [200, 200],
        ),
        (
            "/tasador/mlflow/wrong",
            "3\r\nold\r\n0\r\nx-amz-checksum-sha256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\r\n\r\n",
            [400, 404],
        ),
    ] {
        let put = call("PUT", target, body)
            .with("content-encoding", "gzip,aws-chunked")
            .with("x-amz-decoded-content-length", "3")
            .with("x-amz-trailer", "x-amz-checksum-sha256")
            .signed(&endpoints.access_key, now)
            .send()
            .await;
        let get = call("GET", target, "").signed(&endpoints.access_key, now);
        let got = get.send().await;
        assert_eq!([put.status(), got.status()], expected, "{}", put.0);
        let is_stored = expected[0] == 200;
        assert_eq!(got.0.ends_with("old"), is_stored, "{}", got.0);
        let encoded = got.0.contains("content-encoding: gzip\r\n");
        assert_eq!(encoded, is_stored, "{}", got.0);
    }
}

/// SQLite before 3.51.3 can damage a database that two connections write at the same time.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_are_open_once() {
    let world = World::new(|_| ()).await;
    let history = || world.http(reqwest::Method::GET, "/history", None);
    for (status, _) in futures::future::join_all((0..20).map(|_| history())).await {
        assert_eq!(status, 200);
    }
    let tables = world.folder().join("dynamodb.sqlite");
    let tables = tables.canonicalize().unwrap();
    let files = std::fs::read_dir("/proc/self/fd").unwrap();
    let open = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    assert_eq!(open.filter(|file| *file == tables).count(), 1);
}

#[tokio::test]
async fn an_announced_body_that_is_too_large_is_refused_before_it_is_sent() {
    let world = World::new(|_| ()).await;
    let endpoints = world.cloud().endpoints();
    for (base, target) in [
        (&endpoints.http, "/predict"),
        (&endpoints.http, "/runs"),
        (&endpoints.aws, "/2015-03-31/functions/train/invocations"),
        (&endpoints.dynamodb, "/"),
    ] {
        let host = host(base);
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 100000000\r\n\r\n"
        );
        let mut stream = TcpStream::connect(&host).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut first_line = [0; 12];
        stream.read_exact(&mut first_line).await.unwrap();
        let first_line = String::from_utf8_lossy(&first_line);
        assert_eq!(first_line, "HTTP/1.1 413", "{target}");
    }
}

#[tokio::test]
async fn another_address_of_loopback_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder::take(folder.path()).await.unwrap();
    let options = Options {
        address: Ipv4Addr::new(127, 0, 0, 2).into(),
        ..Options::new(folder, Config::default())
    };
    let cloud = Box::pin(Cloud::start(options)).await.unwrap();
    let url = format!("{}/health", cloud.endpoints().http);
    assert!(url.starts_with("http://127.0.0.2:"), "{url}");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    cloud.stop().await;
}
