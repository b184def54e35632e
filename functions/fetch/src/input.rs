//! What an execution's input asks for.

use serde_json::Value;
use tasador_ids::BatchId;

use crate::Error;
use crate::source::Source;

/// The most characters of a wrong input that its error repeats.
const SHOWN_CHARS: usize = 80;

/// What a run is to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunInput {
    /// Whatever comes next: what was left unfinished, or else a batch from the configured source.
    Next,
    /// A batch that is stored already.
    Stored(BatchId),
    /// An object of S3.
    Object(Source),
}

impl RunInput {
    /// Reads the input: `{"batch": id}`, `{"object": {"bucket": name, "key": key}}`, or anything else
    /// for whatever comes next.
    pub(crate) fn read(input: &Value) -> Result<Self, Error> {
        let field = |name| input.get(name).filter(|value| !value.is_null());
        match (field("batch"), field("object")) {
            (None, None) => Ok(Self::Next),
            (Some(batch), None) => match batch.as_str().map(str::parse) {
                Some(Ok(batch)) => Ok(Self::Stored(batch)),
                _ => Err(Error::NoBatchId {
                    found: shorten(batch),
                }),
            },
            (None, Some(object)) => object_source(object).map(Self::Object),
            (Some(_), Some(_)) => Err(Error::AmbiguousInput),
        }
    }
}

fn object_source(object: &Value) -> Result<Source, Error> {
    let text = |name| object.get(name).and_then(Value::as_str);
    match (text("bucket"), text("key")) {
        (Some(bucket), Some(key)) => Source::named(bucket, key),
        _ => Err(Error::NoObject {
            found: shorten(object),
        }),
    }
}

fn shorten(found: &Value) -> String {
    found.to_string().chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::Place;

    #[test]
    fn an_input_that_names_nothing_leaves_it_to_the_source() {
        for input in [
            json!(null),
            json!([]),
            json!("batch"),
            json!({}),
            json!({"time": 1, "batch": null, "object": null}),
        ] {
            assert_eq!(RunInput::read(&input).unwrap(), RunInput::Next, "{input}");
        }
    }

    #[test]
    fn a_stored_batch_is_named_by_its_id() {
        let id = BatchId::of(b"batch");
        let read = RunInput::read(&json!({"batch": id, "id": 4})).unwrap();
        assert_eq!(read, RunInput::Stored(id));
        for input in [
            json!({"batch": 7}),
            json!({"batch": "../up"}),
            json!({"batch": ""}),
        ] {
            let error = RunInput::read(&input).unwrap_err().to_string();
            assert!(error.contains("`batch`"), "{error}");
        }
    }

    #[test]
    fn an_object_is_named_by_bucket_and_key() {
        let input = json!({"object": {"bucket": "listings", "key": "drop/may \"1\".csv"}});
        let RunInput::Object(source) = RunInput::read(&input).unwrap() else {
            panic!("no object");
        };
        let place = Place::Object {
            bucket: "listings".to_owned(),
            key: "drop/may \"1\".csv".parse().unwrap(),
        };
        assert_eq!(source.place, place);
        assert!(!source.moves_on());
        for object in [
            json!("s3://listings/may.csv"),
            json!({"bucket": "listings"}),
            json!({"bucket": "listings", "key": 7}),
            json!({"bucket": "", "key": "may.csv"}),
            json!({"bucket": "listings", "key": "../up"}),
        ] {
            let error = RunInput::read(&json!({"object": object}))
                .unwrap_err()
                .to_string();
            assert!(error.contains("input"), "{error}");
            assert!(!error.contains("TASADOR_SOURCE"), "{error}");
        }
    }

    #[test]
    fn input_with_batch_and_object_is_rejected() {
        let id = BatchId::of(b"batch");
        let input = json!({"batch": id, "object": {"bucket": "listings", "key": "may.csv"}});
        assert!(matches!(RunInput::read(&input), Err(Error::AmbiguousInput)));
    }
}
