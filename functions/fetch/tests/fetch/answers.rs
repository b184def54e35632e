//! What a data API can answer.

use std::time::Duration;

use tasador_ids::BatchId;
use tasador_registry::Origin as How;
use tasador_runtime::ErrorClass::{AnswerLost, InvalidInput, SourceUnavailable};
use tasador_testing::ports;
use tasador_testing::source::{Answer, Source, http};

use crate::origin::{END, body, refusal, rows};
use crate::place::{Got, Place};

const JSON: &str = "content-type: application/json";

#[tokio::test]
async fn a_batch_is_stored_as_it_came() {
    let place = Place::new().await;
    place.source.then(rows("{\"price\": 1.50}"));
    let sent = body("{\"price\": 1.50}");
    let id = BatchId::of(sent.as_bytes());
    let got = place.batch("run").await;
    let expected = Got {
        batch: id,
        key: format!("raw/{id}.json"),
        format: "api_json".to_owned(),
        source: place.source.url().to_owned(),
        origin: How::Source,
        repeat: false,
        size_bytes: sent.len() as u64,
    };
    assert_eq!(got, expected);
    place.assert_one_batch(sent.as_bytes(), "").await;
    let request = place.source.requests().remove(0);
    assert!(
        request.starts_with("GET /data?group_number=2&day=Tuesday HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("accept-encoding: identity\r\n"),
        "{request}"
    );

    // The same run again: the same answer, and the source is left alone.
    assert_eq!(place.batch("run").await, expected);
    assert_eq!(place.source.asked(), 1);
    // The next run gets the next answer, once this batch has its outcome.
    place.runs("run");
    assert_eq!(place.nothing("next").await.0, "exhausted");
}

#[tokio::test]
async fn a_rotated_credential_of_the_source_is_used_without_a_restart() {
    let mut place = Place::new().await;
    place.set(|config| {
        config.source = None;
        config.source_secret = Some("source".to_owned());
    });
    let address = |key: &str| format!("{}&key={key}", place.source.url());
    place.secrets.set("source", &address("old-key"));
    // The source has a new key, and refuses the old one.
    place.source.then(http(401, &[JSON], "{}"));
    let (_, message) = place.failure("first").await;
    assert!(!message.contains("old-key"), "{message}");
    place.secrets.set("source", &address("new-key"));
    place.source.then(rows("{\"price\": 2}"));
    let got = place.batch("second").await;
    assert!(!got.source.contains("new-key"), "{}", got.source);
    let requests = place.source.requests();
    let keys = requests
        .iter()
        .map(|request| request.contains("key=new-key"));
    assert_eq!(keys.collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn a_response_is_what_the_state_machine_reads() {
    let place = Place::new().await;
    place.source.then(rows("{}"));
    let response = serde_json::to_value(place.fetch("run").await.unwrap()).unwrap();
    let id = BatchId::of(body("{}").as_bytes());
    assert!(response["received_at"].is_string(), "{response}");
    assert_eq!(
        response,
        serde_json::json!({
            "status": "batch", "batch": id, "key": format!("raw/{id}.json"), "format": "api_json",
            "source": place.source.url(), "origin": "source", "repeat": false,
            "received_at": response["received_at"], "size_bytes": body("{}").len(),
            "turn": {"status": "go"},
        })
    );
    place.runs("run");
    let response = serde_json::to_value(place.fetch("next").await.unwrap()).unwrap();
    assert_eq!(
        response,
        serde_json::json!({
            "status": "nothing_new", "source": place.source.url(),
            "reasons": [{"code": "exhausted", "sentence": "The source has no more data."}],
        })
    );
}

#[tokio::test]
async fn the_form_is_told_by_the_media_type_or_the_bytes() {
    for (headers, bytes, format, extension) in [
        (
            &["content-type: text/csv"][..],
            &b"price\n1\n"[..],
            "csv",
            "csv",
        ),
        (&[], b"price,bed\n1,2\n", "csv", "csv"),
        (
            &["content-type: application/x-ndjson"],
            b"{}",
            "ndjson",
            "ndjson",
        ),
        (&[JSON], b"[{}]", "json", "json"),
        (&[], b"PAR1 and so on", "parquet", "parquet"),
        (
            &["content-encoding: gzip", JSON],
            b"\x1f\x8bcut",
            "api_json",
            "json.gz",
        ),
    ] {
        let place = Place::new().await;
        place.source.then(http(200, headers, bytes));
        let got = place.batch("run").await;
        assert_eq!(
            (got.format.as_str(), got.key.split_once('.').unwrap().1),
            (format, extension)
        );
        place.assert_one_batch(bytes, format).await;
    }
}

#[tokio::test]
async fn what_came_whole_is_kept_though_it_is_no_listing() {
    for bytes in [
        &b"<html>maintenance</html>"[..],
        b"",
        b"{\"data\": [{\"price\": 1",
        b"{\"rows\": []}",
        b"\xff\xfe",
    ] {
        let place = Place::new().await;
        place.source.then(http(200, &[JSON], bytes));
        assert_eq!(place.batch("run").await.format, "api_json");
        place.assert_one_batch(bytes, "").await;
    }
}

#[tokio::test]
async fn an_answer_without_rows_is_nothing_new() {
    for answer in [rows(" "), http(200, &[JSON], "[]"), http(204, &[], "")] {
        let place = Place::new().await;
        place.source.then(answer);
        assert_eq!(place.nothing("run").await.0, "empty");
        place.assert_nothing_kept("empty").await;
    }
}

#[tokio::test]
async fn an_exhausted_source_is_nothing_new_in_every_spelling() {
    let escaped = "Ya se recolect\\u00f3 toda la informaci\\u00f3n m\\u00ednima necesaria";
    for text in [
        END,
        "Ya se recolectó toda la información minima necesaria",
        escaped,
    ] {
        let place = Place::new().await;
        place.source.then(refusal(text));
        assert_eq!(place.nothing("run").await.0, "exhausted");
        place.assert_nothing_kept(text).await;
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_fix() {
    for (answer, words) in [
        (refusal("Número de grupo inválido"), "group_number"),
        (refusal("otra cosa"), "400: otra cosa"),
        (http(401, &[], ""), "401"),
        (
            http(404, &[JSON], "{\"detail\": \"Not Found\"}"),
            "404: Not Found",
        ),
        (
            http(422, &[JSON], "{\"detail\": [{\"loc\": [\"query\"]}]}"),
            "loc",
        ),
    ] {
        let place = Place::new().await;
        place.source.then(answer);
        let (class, message) = place.failure("run").await;
        assert_eq!(class, InvalidInput, "{message}");
        assert!(
            message.contains("TASADOR_SOURCE") && message.contains(words),
            "{message}"
        );
        assert!(message.contains(place.source.url()), "{message}");
        place.assert_nothing_kept(&message).await;
        assert_eq!(place.source.asked(), 1);
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let place = Place::new().await;
    let other = Source::start().await;
    for status in [301, 302, 307, 308] {
        place
            .source
            .then(http(status, &[&format!("location: {}", other.url())], ""));
        let (class, message) = place.failure("run").await;
        assert_eq!(class, InvalidInput);
        assert!(
            message.contains(other.url()) && message.contains("TASADOR_SOURCE"),
            "{message}"
        );
    }
    assert_eq!(other.asked(), 0);
}

#[tokio::test]
async fn a_source_that_fails_is_unavailable_and_asked_once() {
    for status in [408, 425, 429, 500, 502, 503] {
        let place = Place::new().await;
        place.source.then(http(status, &[JSON], "{\"data\": [{}]}"));
        let (class, message) = place.failure("run").await;
        assert_eq!(class, SourceUnavailable, "{message}");
        assert!(message.contains(&status.to_string()), "{message}");
        assert_eq!(place.source.asked(), 1);
        place.assert_nothing_kept(&message).await;
        // It recovers, and the same run gets its batch.
        place.source.then(rows("{}"));
        assert_eq!(place.batch("run").await.origin, How::Source);
    }
}

#[tokio::test]
async fn half_an_answer_is_no_batch() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let part = "HTTP/1.1 206 Partial Content\r\ncontent-length: 4\r\n\r\n[{},";
    for (answer, want) in [
        (
            format!("{head}content-length: 500\r\n\r\n{}", body("{}")),
            AnswerLost,
        ),
        (
            format!("{head}transfer-encoding: chunked\r\n\r\n5\r\n{{\"dat\r\n"),
            AnswerLost,
        ),
        (
            format!("{head}transfer-encoding: chunked\r\n\r\nff\r\n{{\"data\": [1, 2"),
            AnswerLost,
        ),
        (part.to_owned(), AnswerLost),
        (head.to_owned(), SourceUnavailable),
        ("gibberish\r\n\r\n".to_owned(), SourceUnavailable),
        (String::new(), SourceUnavailable),
    ] {
        let place = Place::new().await;
        place
            .source
            .then(Answer::Bytes(answer.clone().into_bytes()));
        let (class, message) = place.failure("run").await;
        assert_eq!(class, want, "{answer}: {message}");
        place.assert_nothing_kept(&answer).await;
    }
}

#[tokio::test]
async fn a_source_that_is_not_there_is_unavailable() {
    let (_socket, address) = ports::refused();
    let url = format!("http://me:hidden@{address}/data");
    let place = Place::with(Vec::new(), |config| config.source = Some(url.into())).await;
    let (class, message) = place.failure("run").await;
    assert_eq!(class, SourceUnavailable);
    assert!(
        message.contains("can't be reached") && !message.contains("hidden"),
        "{message}"
    );
    place.assert_nothing_kept(&message).await;
}

#[tokio::test]
async fn patience_ends_with_the_variable_that_ends_it() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for (answer, silence_ms, total_ms, want, words) in [
        (
            Answer::Stalled(Vec::new()),
            100,
            60_000,
            SourceUnavailable,
            "TASADOR_SOURCE_READ_TIMEOUT_MS",
        ),
        (
            Answer::Stalled(format!("{head}5\r\n[1, 2").into_bytes()),
            100,
            60_000,
            AnswerLost,
            "TASADOR_SOURCE_READ_TIMEOUT_MS",
        ),
        (
            Answer::Stalled(Vec::new()),
            60_000,
            100,
            SourceUnavailable,
            "TASADOR_SOURCE_TOTAL_TIMEOUT_MS",
        ),
        (
            Answer::Endless(head.into(), chunk.into_bytes()),
            60_000,
            // The answer must begin within this, on a busy machine too.
            2_000,
            AnswerLost,
            "TASADOR_SOURCE_TOTAL_TIMEOUT_MS",
        ),
    ] {
        let place = Place::with(Vec::new(), |config| {
            config.fetch.connect_timeout = Duration::from_secs(1);
            config.fetch.read_timeout = Duration::from_millis(silence_ms);
            config.fetch.total_timeout = Duration::from_millis(total_ms);
        })
        .await;
        place.source.then(answer);
        let (class, message) = place.failure("run").await;
        assert_eq!(class, want, "{message}");
        assert!(message.contains(words), "{message}");
        place.assert_nothing_kept(&message).await;
    }
}

#[tokio::test]
async fn a_batch_above_the_limit_is_refused_whether_announced_or_not() {
    let chunk = format!("3e8\r\n{}\r\n", "x".repeat(1_000));
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for answer in [
        http(200, &[], vec![b'x'; 5_001]),
        Answer::Endless(head.into(), chunk.into_bytes()),
    ] {
        let place = Place::with(Vec::new(), |config| config.fetch.max_bytes = 5_000).await;
        place.source.then(answer);
        let (class, message) = place.failure("run").await;
        assert_eq!(class, InvalidInput);
        assert!(
            message.contains("TASADOR_SOURCE_MAX_BYTES") && message.contains("5000"),
            "{message}"
        );
        place.assert_nothing_kept(&message).await;
        place.source.then(http(200, &[JSON], vec![b'x'; 5_000]));
        assert_eq!(place.batch("run").await.size_bytes, 5_000);
    }
}

#[tokio::test]
async fn credentials_reach_the_source_and_nobody_else() {
    let mut place = Place::new().await;
    let url = place.source.url().replace("http://", "http://me:hidden@");
    let address = format!("{url}&api_key=hidden&pwd=hidden");
    place.set(|config| config.source = Some(address.as_str().into()));
    // What the source says may repeat them.
    let repeated = br#"{"detail": "hidden is not the password"}"#;
    for answer in [
        http(302, &[&format!("location: {address}")], ""),
        http(401, &[JSON], repeated),
        http(500, &[JSON], repeated),
    ] {
        place.source.then(answer);
        let (_, message) = place.failure("run").await;
        assert!(!message.contains("hidden"), "{message}");
    }
    place.source.then(rows("{}"));
    let got = place.batch("run").await;
    let request = place.source.requests().remove(0);
    assert!(
        request.contains("authorization: Basic bWU6aGlkZGVu\r\n"),
        "{request}"
    );
    assert!(request.contains("api_key=hidden&pwd=hidden"), "{request}");
    let known = place.known(body("{}").as_bytes()).await.unwrap();
    for shown in [&got.source, &known.record.source] {
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(shown.contains("group_number=2"), "{shown}");
    }
}

#[tokio::test]
async fn known_bytes_from_a_source_that_moves_on_are_a_repeat() {
    let place = Place::new().await;
    place
        .source
        .then(rows("{}"))
        .then(rows("{}"))
        .then(rows("{}"));
    let first = place.batch("first").await;
    place.runs("first");
    // While the first run works on them …
    let meanwhile = place.batch("second").await;
    assert_eq!((meanwhile.batch, meanwhile.repeat), (first.batch, true));
    // … and once it has come to its end.
    place
        .record("first", first.batch, tasador_registry::OutcomeKind::Skipped)
        .await;
    place.ended("first");
    for _ in 0..2 {
        let later = place.batch("third").await;
        assert_eq!(
            (later.batch, later.repeat, later.origin),
            (first.batch, true, How::Source)
        );
    }
    assert_eq!(place.source.asked(), 3);
    place.assert_one_batch(body("{}").as_bytes(), "").await;
    let known = place.known(body("{}").as_bytes()).await.unwrap();
    assert_eq!(known.claim.run.as_str(), "first");
}
