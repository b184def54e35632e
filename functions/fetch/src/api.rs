//! Asks a data API for its next batch.
//!
//! Each answer moves the source's cursor on, so a request is sent once. What fails before an answer
//! is left to the state machine, which asks again; what fails within one must not be asked for again. Redirects are not followed, and no proxy is used:
//! only the configured source is ever contacted.

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;
use tasador_ids::Digest;
use tasador_registry::Reason;
use tasador_runtime::config::FetchLimits;
use tokio::time::{Instant, timeout};

use crate::Error;
use crate::form::HEAD_BYTES;
use crate::source::Source;
use crate::spool::{Slot, Writer};

/// Between two lines of progress in the log, in bytes.
const PROGRESS_BYTES: u64 = 64 << 20;

/// What the source sent.
pub(crate) enum Answer {
    /// A batch; its body is in the slot.
    Batch {
        size_bytes: u64,
        digest: Digest,
        media_type: Option<String>,
    },
    /// Nothing, for this reason.
    Nothing(Reason),
}

/// How long is waited.
struct Patience<'a> {
    source: &'a Source,
    limits: &'a FetchLimits,
    end: Instant,
}

impl Patience<'_> {
    /// Waits for the next sign of the source, `silence` at most and never beyond the end of all.
    async fn wait<T>(&self, silence: Duration, sign: impl Future<Output = T>) -> Result<T, Error> {
        let left = self.end.saturating_duration_since(Instant::now());
        // A source that always has something to say is never waited for, but it must end too.
        let in_time = if left.is_zero() {
            None
        } else {
            timeout(silence.min(left), sign).await.ok()
        };
        in_time.ok_or_else(|| {
            let limits = self.limits;
            self.source.unavailable(if left < silence {
                let all_ms = limits.total_timeout.as_millis();
                format!("was not done within {all_ms} ms (TASADOR_SOURCE_TOTAL_TIMEOUT_MS)")
            } else {
                let silence_ms = limits.read_timeout.as_millis();
                format!("was silent for {silence_ms} ms (TASADOR_SOURCE_READ_TIMEOUT_MS)")
            })
        })
    }
}

/// Asks once, and receives the answer into the slot.
pub(crate) async fn ask(
    source: &Source,
    url: &Url,
    limits: &FetchLimits,
    slot: &Slot,
) -> Result<Answer, Error> {
    let client = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(limits.connect_timeout)
        .user_agent(concat!("tasador/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(Error::Client)?;
    let patience = Patience {
        source,
        limits,
        end: Instant::now() + limits.total_timeout,
    };
    // What is hashed and kept are the bytes of the batch, not of one packing of it.
    let request = client.get(url.clone()).header(ACCEPT_ENCODING, "identity");
    let answer = patience
        .wait(limits.connect_timeout + limits.read_timeout, request.send())
        .await?
        .map_err(|error| unreached(source, limits, error))?;
    match answer.status() {
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => Ok(Answer::Nothing(empty())),
        // Nobody asked for a part.
        StatusCode::PARTIAL_CONTENT => {
            let part = source.unavailable("answered with a part of its data (206)");
            Err(part.after_answer(source.moves_on()))
        }
        status if status.is_success() => receive(&patience, answer, slot)
            .await
            .map_err(|error| error.after_answer(source.moves_on())),
        status => refusal(&patience, status, answer)
            .await
            .map(Answer::Nothing),
    }
}

fn unreached(source: &Source, limits: &FetchLimits, error: reqwest::Error) -> Error {
    let what = if error.is_connect() && error.is_timeout() {
        format!(
            "did not accept a connection within {} ms (TASADOR_SOURCE_CONNECT_TIMEOUT_MS)",
            limits.connect_timeout.as_millis()
        )
    } else if error.is_connect() {
        "can't be reached".to_owned()
    } else {
        "did not answer".to_owned()
    };
    // The address may hold credentials.
    source.broke(what, error.without_url())
}

async fn receive(
    patience: &Patience<'_>,
    mut answer: Response,
    slot: &Slot,
) -> Result<Answer, Error> {
    let source = patience.source;
    let limit_bytes = patience.limits.max_bytes;
    let announced = answer.content_length();
    if let Some(size_bytes) = announced.filter(|size| *size > limit_bytes) {
        return Err(source.too_large(format!("{size_bytes} bytes"), limit_bytes));
    }
    let media_type = text_of(answer.headers(), CONTENT_TYPE);
    let mut writer = Writer::create(slot).await?;
    let mut told_bytes = 0;
    loop {
        let piece = patience
            .wait(patience.limits.read_timeout, answer.chunk())
            .await?;
        let piece = piece.map_err(|error| {
            let came = writer.size_bytes();
            let of = announced.map_or_else(String::new, |all| format!(" of {all}"));
            source.broke(
                format!("broke off after {came}{of} bytes; nothing of it was kept"),
                error.without_url(),
            )
        })?;
        let Some(piece) = piece else { break };
        if writer.size_bytes() + piece.len() as u64 > limit_bytes {
            return Err(source.too_large("more", limit_bytes));
        }
        writer.write(&piece).await?;
        if writer.size_bytes() - told_bytes >= PROGRESS_BYTES {
            told_bytes = writer.size_bytes();
            tracing::info!(size_bytes = told_bytes, "receiving");
        }
    }
    let (size_bytes, digest) = writer.finish().await?;
    // The HTTP library holds this too; a batch that is cut must not hang on that.
    if let Some(announced) = announced.filter(|announced| *announced != size_bytes) {
        return Err(source.unavailable(format!(
            "broke off after {size_bytes} of {announced} bytes; nothing of it was kept"
        )));
    }
    Ok(Answer::Batch {
        size_bytes,
        digest,
        media_type,
    })
}

/// Why an answer with this status brings no batch: a normal end, or an error.
async fn refusal(
    patience: &Patience<'_>,
    status: StatusCode,
    mut answer: Response,
) -> Result<Reason, Error> {
    let source = patience.source;
    if status.is_redirection() {
        let target = text_of(answer.headers(), LOCATION);
        let target = target.map_or_else(
            || "elsewhere".to_owned(),
            |target| format!("to {}", shortened(&target)),
        );
        return Err(source.wrong(format!(
            "the source redirects {target} ({}), and only the configured address is ever contacted",
            status.as_u16()
        )));
    }
    if status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
    {
        return Err(source.unavailable(format!("answered with status {}", status.as_u16())));
    }
    let mut body = Vec::new();
    while let Some(piece) = patience
        .wait(patience.limits.read_timeout, answer.chunk())
        .await?
        .map_err(|error| {
            source.broke("broke off in the middle of a refusal", error.without_url())
        })?
    {
        body.extend_from_slice(&piece);
        if body.len() as u64 > HEAD_BYTES {
            break;
        }
    }
    let detail = detail(&body);
    match detail.as_deref().map(folded).as_deref() {
        Some(text) if status == StatusCode::BAD_REQUEST && is_exhausted(text) => Ok(exhausted()),
        Some(text) if text.contains("numero de grupo invalido") => {
            Err(source.wrong("the source knows no such group; give a `group_number` that it knows"))
        }
        _ => {
            let detail =
                detail.map_or_else(String::new, |detail| format!(": {}", shortened(&detail)));
            Err(source.wrong(format!(
                "the source refuses with status {}{detail}",
                status.as_u16()
            )))
        }
    }
}

fn text_of(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// The words of a refusal: `detail` of its JSON.
fn detail(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    match answer.get("detail")? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// In small letters without accents: the source spells the same word both ways.
fn folded(text: &str) -> String {
    let plain = |c| match c {
        'á' => 'a',
        'é' => 'e',
        'í' => 'i',
        'ó' => 'o',
        'ú' => 'u',
        other => other,
    };
    text.chars()
        .flat_map(char::to_lowercase)
        .map(plain)
        .collect()
}

/// "Ya se recolectó toda la información mínima necesaria."
fn is_exhausted(folded: &str) -> bool {
    folded.contains("ya se recolecto toda la informacion minima necesaria")
}

/// Texts of others are no longer than a line in what this program says.
fn shortened(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect()
}

fn exhausted() -> Reason {
    reason("exhausted", "The source has given out all that it has.")
}

/// The reason for an answer without rows.
pub(crate) fn empty() -> Reason {
    reason("empty", "The source answered without any rows.")
}

pub(crate) fn reason(code: &str, sentence: impl Into<String>) -> Reason {
    Reason {
        code: code.to_owned(),
        sentence: sentence.into(),
        measured: None,
        limit: None,
        column: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_known_in_every_spelling() {
        for text in [
            "Ya se recolectó toda la información mínima necesaria",
            "Ya se recolectó toda la información minima necesaria",
            "YA SE RECOLECTO TODA LA INFORMACION MINIMA NECESARIA.",
        ] {
            assert!(is_exhausted(&folded(text)), "{text}");
        }
        assert!(!is_exhausted(&folded("Número de grupo inválido")));
    }

    #[test]
    fn a_refusal_is_told_in_one_line() {
        assert_eq!(detail(br#"{"detail": "no"}"#).as_deref(), Some("no"));
        assert_eq!(
            detail(br#"{"detail": [{"msg": "no"}]}"#).as_deref(),
            Some(r#"[{"msg":"no"}]"#)
        );
        assert_eq!(detail(b"<html>"), None);
        assert_eq!(shortened(&format!("a\nb{}", "x".repeat(500))).len(), 200);
    }
}
