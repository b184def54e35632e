//! How long to wait before another attempt.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::{matches, name};

/// Largest number of attempts and seconds that AWS accepts.
const COUNT_MAX: u32 = 99_999_999;

/// Longest wait between two attempts, as on AWS: 366 days.
const DELAY_MAX_S: u32 = 31_622_400;

/// One of a state's retriers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retrier {
    pub(crate) errors: Vec<String>,
    interval_s: f64,
    backoff_rate: f64,
    max_attempts: u32,
    max_delay_s: f64,
    full_jitter: bool,
}

impl Retrier {
    pub(crate) fn parse(mut fields: Map<String, Value>) -> Result<Self, String> {
        let errors = error_names(&mut fields)?;
        let backoff_rate = match fields.shift_remove("BackoffRate") {
            None => 2.0,
            Some(rate) => rate
                .as_f64()
                .filter(|rate| *rate >= 1.0)
                .ok_or("BackoffRate must be a number of at least 1")?,
        };
        let mut whole =
            |field: &str, default: u32, least: u32, most: u32| match fields.shift_remove(field) {
                None => Ok(default),
                Some(value) => {
                    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
                    let number = number.filter(|number| (least..=most).contains(number));
                    number.ok_or_else(|| {
                        format!("{field} must be a whole number between {least} and {most}")
                    })
                }
            };
        let interval_s = whole("IntervalSeconds", 1, 1, COUNT_MAX)?;
        let max_attempts = whole("MaxAttempts", 3, 0, COUNT_MAX)?;
        let max_delay_s = whole("MaxDelaySeconds", DELAY_MAX_S, 1, DELAY_MAX_S)?;
        let full_jitter = match fields.shift_remove("JitterStrategy") {
            None => false,
            Some(Value::String(strategy)) if strategy == "NONE" => false,
            Some(Value::String(strategy)) if strategy == "FULL" => true,
            Some(other) => return Err(format!("JitterStrategy must be FULL or NONE, not {other}")),
        };
        if let Some(field) = fields.keys().next() {
            return Err(format!("`{field}` of Retry is not supported"));
        }
        Ok(Self {
            errors,
            interval_s: interval_s.into(),
            backoff_rate,
            max_attempts,
            max_delay_s: max_delay_s.into(),
            full_jitter,
        })
    }

    /// The wait before retry `attempt` (from 0), given a random number from 0 to 1.
    fn delay(&self, attempt: u32, random: f64) -> Duration {
        let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
        let delay = (self.interval_s * self.backoff_rate.powi(exponent)).min(self.max_delay_s);
        Duration::from_secs_f64(if self.full_jitter {
            delay * random
        } else {
            delay
        })
    }
}

/// A state's retriers with their counts: each has a separate count, as on AWS.
pub(crate) struct RetryState<'a> {
    retriers: Vec<(&'a Retrier, u32)>,
    /// Retries so far.
    pub(crate) retries: u32,
}

impl<'a> RetryState<'a> {
    pub(crate) fn new(retriers: &'a [Retrier]) -> Self {
        Self {
            retriers: retriers.iter().map(|retrier| (retrier, 0)).collect(),
            retries: 0,
        }
    }

    /// How long to wait before the next attempt; `None` if there is none.
    pub(crate) fn next_delay(&mut self, error: &str, random: f64) -> Option<Duration> {
        let (retrier, count) = self
            .retriers
            .iter_mut()
            .find(|(retrier, _)| matches(&retrier.errors, error))?;
        if *count >= retrier.max_attempts {
            return None;
        }
        let delay = retrier.delay(*count, random);
        *count += 1;
        self.retries += 1;
        Some(delay)
    }
}

/// The list `ErrorEquals` of a retrier or catcher.
pub(crate) fn error_names(fields: &mut Map<String, Value>) -> Result<Vec<String>, String> {
    let names: Vec<String> = match fields.shift_remove("ErrorEquals") {
        Some(Value::Array(names)) if !names.is_empty() => names
            .into_iter()
            .map(|name| {
                name.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| format!("{name} in ErrorEquals is not text"))
            })
            .collect::<Result<_, _>>()?,
        _ => return Err("ErrorEquals must be a list of error names".to_owned()),
    };
    if let Some(unknown) = names
        .iter()
        .find(|error| error.starts_with("States.") && !name::CATCHABLE.contains(&error.as_str()))
    {
        return Err(format!(
            "`{unknown}` in ErrorEquals is not an error name that can be retried or caught"
        ));
    }
    if names.len() > 1 && names.iter().any(|error| error == name::ALL) {
        return Err("States.ALL must be the only name in ErrorEquals".to_owned());
    }
    Ok(names)
}

/// A number from 0 to 1 derived from a text and a counter: SplitMix64 (Steele, Lea, Flood 2014)
/// over an FNV-1a hash. A repeated run waits equally long.
pub(crate) fn random(text: &str, counter: u64) -> f64 {
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    let mut z = hash.wrapping_add(counter.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn retrier(value: Value) -> Result<Retrier, String> {
        let Value::Object(fields) = value else {
            panic!()
        };
        Retrier::parse(fields)
    }

    #[test]
    fn waits_grow_to_the_limit() {
        let retrier = retrier(json!({"ErrorEquals": ["A"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxDelaySeconds": 20, "MaxAttempts": 4})).unwrap();
        let retriers = [retrier];
        let mut retry_state = RetryState::new(&retriers);
        let waits: Vec<_> = (0..6)
            .map(|_| retry_state.next_delay("A", 0.5).map(|wait| wait.as_secs()))
            .collect();
        assert_eq!(waits, [Some(2), Some(6), Some(18), Some(20), None, None]);
        assert_eq!(retry_state.retries, 4);
        assert_eq!(RetryState::new(&retriers).next_delay("B", 0.5), None);
    }

    #[test]
    fn each_retrier_has_a_count_and_the_first_match_decides() {
        let retriers = [
            retrier(json!({"ErrorEquals": ["A"], "MaxAttempts": 1})).unwrap(),
            retrier(json!({"ErrorEquals": ["B"], "MaxAttempts": 0})).unwrap(),
            retrier(json!({"ErrorEquals": ["States.ALL"], "JitterStrategy": "FULL"})).unwrap(),
        ];
        let mut retry_state = RetryState::new(&retriers);
        assert_eq!(
            retry_state.next_delay("A", 0.5),
            Some(Duration::from_secs(1))
        );
        assert_eq!(retry_state.next_delay("B", 0.5), None);
        assert_eq!(retry_state.next_delay("A", 0.5), None);
        assert_eq!(
            retry_state.next_delay("C", 0.5),
            Some(Duration::from_millis(500))
        );
        assert_eq!(
            retry_state.next_delay("D", 0.25),
            Some(Duration::from_millis(500))
        );
    }

    #[test]
    fn invalid_retriers_are_rejected() {
        for value in [
            json!({}),
            json!({"ErrorEquals": []}),
            json!({"ErrorEquals": [1]}),
            json!({"ErrorEquals": ["States.Runtime"]}),
            json!({"ErrorEquals": ["States.Nonsense"]}),
            json!({"ErrorEquals": ["A", "States.ALL"]}),
            json!({"ErrorEquals": ["A"], "IntervalSeconds": 0}),
            json!({"ErrorEquals": ["A"], "IntervalSeconds": 1.5}),
            json!({"ErrorEquals": ["A"], "MaxAttempts": -1}),
            json!({"ErrorEquals": ["A"], "MaxDelaySeconds": 40_000_000}),
            json!({"ErrorEquals": ["A"], "BackoffRate": 0.5}),
            json!({"ErrorEquals": ["A"], "JitterStrategy": "SOME"}),
            json!({"ErrorEquals": ["A"], "Interval": 1}),
        ] {
            assert!(retrier(value.clone()).is_err(), "{value}");
        }
    }

    #[test]
    fn random_numbers_are_uniform_and_repeatable() {
        let drawn: Vec<f64> = (0..1000).map(|counter| random("run", counter)).collect();
        assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert_eq!(random("run", 7), random("run", 7));
        assert_ne!(random("run", 7), random("other", 7));
    }
}
