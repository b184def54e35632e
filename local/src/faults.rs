//! Faults on purpose: the seam through which tests fail or kill a run at any place of the way.
//!
//! A fault strikes before or after the effect of a task, named by its state (`Preprocess`) or its
//! function (`preprocess`), or of a call to S3, DynamoDB or Step Functions, named by its operation
//! (`PutObject`). "After" means that the effect has happened and its answer is lost, which is what a
//! time-out or a crash leaves behind on AWS. Plans are read from `TASADOR_FAULT`, which is for tests
//! and documented nowhere else:
//!
//! ```text
//! kill:after:Preprocess           SIGKILL to this process after Preprocess has done its work
//! kill:before:PutObject:2         SIGKILL before the second upload
//! fail:before:Train               the next Train fails with Retryable before it starts
//! fail:after:record:Bug           the next record fails with Bug after it has recorded
//! fail:before:Gate:Retryable:3    the next three times
//! chance:7:10                     10 % of all tasks fail with Retryable, before or after, by seed 7
//! chance-of-call:7:10             10 % of all calls fail, before or after, by seed 7
//! ```
//!
//! Several plans are separated by commas.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

/// Side of a task's effect on which a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The effect does not happen.
    Before,
    /// The effect has happened; its answer is lost.
    After,
}

/// Where a fault may strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Site<'a> {
    /// A task of the state machine, by any of its names.
    Task(&'a [&'a str]),
    /// A request to AWS, by its operation.
    Call(&'a str),
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// The task fails with this error class.
    Fail(String),
    /// The process dies at once, as by `kill -9`.
    Kill,
}

/// One planned fault.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plan {
    At {
        when: When,
        place: String,
        deed: Deed,
        /// Passes that are let through first.
        spare: u32,
        times: u32,
    },
    Chance {
        of_calls: bool,
        seed: u64,
        percent: u64,
        drawn: u64,
    },
}

/// The faults still to come. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    plans: Arc<Mutex<Vec<Plan>>>,
}

/// A text that is no plan of faults.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a fault; write kill:before|after:PLACE[:NTH], fail:before|after:PLACE[:CLASS[:TIMES]] or chance[-of-call]:SEED:PERCENT"
)]
pub struct InvalidFault(String);

impl Faults {
    /// Adds what `text` plans to what is planned already.
    ///
    /// # Errors
    /// [`InvalidFault`] where it is not in the form above; nothing is added then.
    pub fn plan(&self, text: &str) -> Result<(), InvalidFault> {
        let plans: Vec<Plan> = text
            .split(',')
            .map(str::trim)
            .filter(|plan| !plan.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        self.lock().extend(plans);
        Ok(())
    }

    /// Forgets every fault that has not struck.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Whether any fault is or was planned.
    pub(crate) fn is_planned(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Whether every planned fault has struck.
    pub fn all_struck(&self) -> bool {
        self.lock()
            .iter()
            .all(|plan| matches!(plan, Plan::At { times: 0, .. }))
    }

    /// The fault that strikes now, if any, at a task known by any of `names`. Kills the process
    /// itself where that is the plan.
    pub(crate) fn strike(&self, when: When, names: &[&str]) -> Option<String> {
        self.strike_at(when, Site::Task(names))
    }

    fn strike_at(&self, when: When, site: Site<'_>) -> Option<String> {
        let deed = self
            .lock()
            .iter_mut()
            .find_map(|plan| plan.strikes(when, site))?;
        match deed {
            Deed::Fail(class) => Some(class),
            Deed::Kill => die(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Plan>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the SDK's clients. A request that fails in `read_before_transmit` never left; one that fails in
/// `read_after_deserialization` took effect. Neither is repeated by the client.
impl Intercept for Faults {
    fn name(&self) -> &'static str {
        "faults on purpose"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.strike_call(When::Before, config)
    }

    fn read_after_deserialization(
        &self,
        _: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.strike_call(When::After, config)
    }
}

impl Faults {
    fn strike_call(&self, when: When, config: &ConfigBag) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or("", Metadata::name);
        match self.strike_at(when, Site::Call(operation)) {
            None => Ok(()),
            Some(_) => Err(format!("a planned fault struck {operation}").into()),
        }
    }
}

impl Plan {
    fn strikes(&mut self, now: When, site: Site<'_>) -> Option<Deed> {
        match self {
            Self::At {
                when,
                place,
                deed,
                spare,
                times,
            } => {
                let is_here = match site {
                    Site::Task(names) => names.contains(&place.as_str()),
                    Site::Call(operation) => operation == place,
                };
                if *times == 0 || *when != now || !is_here {
                    return None;
                }
                if *spare > 0 {
                    *spare -= 1;
                    return None;
                }
                *times -= 1;
                Some(deed.clone())
            }
            Self::Chance {
                of_calls,
                seed,
                percent,
                drawn,
            } => {
                if *of_calls != matches!(site, Site::Call(_)) {
                    return None;
                }
                *drawn += 1;
                (mix(seed.wrapping_add(*drawn)) % 100 < *percent)
                    .then(|| Deed::Fail("Retryable".to_owned()))
            }
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): one well-mixed number per input.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Ends this process as `kill -9` does: no destructor runs, no buffer is written.
fn die() -> ! {
    let pid = std::process::id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &pid])
        .status();
    // Where there is no `kill`, an abort is as sudden.
    tracing::error!(?killed, "kill did not kill");
    std::process::abort()
}

impl FromStr for Plan {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Self, InvalidFault> {
        let invalid = || InvalidFault(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        let when = |text: &str| match text {
            "before" => Ok(When::Before),
            "after" => Ok(When::After),
            _ => Err(invalid()),
        };
        let number = |text: &str| text.parse::<u32>().map_err(|_| invalid());
        let at = |side: &str, place: &str, deed, spare, times| {
            Ok(Self::At {
                when: when(side)?,
                place: place.to_owned(),
                deed,
                spare,
                times,
            })
        };
        let fail = |class: &str| Deed::Fail(class.to_owned());
        match parts.as_slice() {
            ["kill", side, place] => at(side, place, Deed::Kill, 0, 1),
            ["kill", side, place, nth] => {
                let spare = number(nth)?.checked_sub(1).ok_or_else(invalid)?;
                at(side, place, Deed::Kill, spare, 1)
            }
            ["fail", side, place] => at(side, place, fail("Retryable"), 0, 1),
            ["fail", side, place, class] => at(side, place, fail(class), 0, 1),
            ["fail", side, place, class, times] => at(side, place, fail(class), 0, number(times)?),
            [of @ ("chance" | "chance-of-call"), seed, percent] => Ok(Self::Chance {
                of_calls: *of == "chance-of-call",
                seed: seed.parse().map_err(|_| invalid())?,
                percent: percent.parse().map_err(|_| invalid())?,
                drawn: 0,
            }),
            _ => Err(invalid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_where_and_as_often_as_planned() {
        let faults = Faults::default();
        faults
            .plan("fail:before:Gate:Retryable:2, fail:after:record:Bug")
            .unwrap();
        let gate = ["Gate", "gate"];
        assert_eq!(faults.strike(When::After, &gate), None);
        assert_eq!(faults.strike(When::Before, &["Train", "train"]), None);
        assert_eq!(
            faults.strike(When::Before, &gate).as_deref(),
            Some("Retryable")
        );
        assert_eq!(
            faults.strike(When::Before, &gate).as_deref(),
            Some("Retryable")
        );
        assert_eq!(faults.strike(When::Before, &gate), None);
        assert!(!faults.all_struck());
        assert_eq!(
            faults
                .strike(When::After, &["RecordSkip", "record"])
                .as_deref(),
            Some("Bug")
        );
        assert!(faults.all_struck());
    }

    #[test]
    fn a_call_is_struck_at_its_turn() {
        let faults = Faults::default();
        faults.plan("fail:after:PutObject:Retryable:2").unwrap();
        let put = Site::Call("PutObject");
        assert_eq!(faults.strike_at(When::Before, put), None);
        assert!(faults.strike_at(When::After, put).is_some());
        assert!(faults.strike_at(When::After, put).is_some());
        assert_eq!(faults.strike_at(When::After, put), None);

        let mut third: Plan = "kill:before:PutObject:3".parse().unwrap();
        let strikes = [(); 4].map(|()| third.strikes(When::Before, put));
        assert_eq!(strikes, [None, None, Some(Deed::Kill), None]);
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_near_its_share() {
        let draw = || {
            let faults = Faults::default();
            faults.plan("chance:7:10").unwrap();
            (0..10_000)
                .map(|_| faults.strike(When::Before, &["Gate"]).is_some())
                .collect::<Vec<_>>()
        };
        let first = draw();
        assert_eq!(first, draw());
        let struck = first.iter().filter(|struck| **struck).count();
        assert!((800..1200).contains(&struck), "{struck}");
    }

    #[test]
    fn what_is_no_plan_is_refused_whole() {
        let faults = Faults::default();
        for text in [
            "kill",
            "kill:during:Gate",
            "kill:before:Gate:0",
            "fail:before:Gate:Bug:often",
            "chance:x:1",
            "fail:before:Gate,nonsense",
        ] {
            assert!(faults.plan(text).is_err(), "{text}");
        }
        assert!(faults.all_struck());
    }
}
