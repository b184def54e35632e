//! Prices from the model in production, for every function that gives some: the API and the page.
//!
//! [`Pricing`] knows the champion and takes a new one over within seconds; it reads listings by the
//! pipeline's cleaning rules, answers with price, interval and explanation, writes each answer into
//! the inference log before it is given out, and counts it. It knows nothing of routes.

mod amount;
mod answer;
mod appraise;
mod champion;
mod comparables;
mod describe;
mod emf;
mod listing;
mod log;
mod meter;
mod price;

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use tasador_http::Problem;
use tasador_registry::{InferenceRecord, RegistryError, ServingCounts, ServingTotals};
use tasador_runtime::Context;

pub use answer::{Answer, Body, OnePrice, Prices, Question};
pub use appraise::{Appraised, Appraiser, Listings};
pub use champion::{Champion, ChampionStatus, NoModel};
pub use comparables::{COMPARABLES_MAX, ComparableSale, SaleDifference};
pub use describe::{Amount, InputDescription, IntervalDescription, Kind, ModelDescription, Seen};
pub use price::{Contribution, Explanation, Interval, ModelVersion, Outcome, Price};

use answer::Drafted;
use champion::Champions;
use log::Log;
use meter::Meter;
use price::{Homes, Wanted};

/// Homes that are priced on the thread that answers: they take a millisecond at most. More, and
/// explanations, which take a hundred times as long, leave that thread to others.
const INLINE_MAX: usize = 64;

/// How long whoever asks how things stand waits for a look at the champion.
const LOOK_MAX: std::time::Duration = std::time::Duration::from_secs(5);

/// Prices from the model in production. Cloning is cheap, and clones share the champion and the
/// counters: one process needs one.
#[derive(Debug, Clone)]
pub struct Pricing(Arc<Service>);

/// What is wrong with the process that the functions run in, such as a full disk, since when. Asked for
/// each `/health`.
pub type HostTrouble = dyn Fn() -> Option<(String, Timestamp)> + Send + Sync;

struct Service {
    ctx: Context,
    host: Option<Arc<HostTrouble>>,
    champions: Champions,
    log: Log,
    meter: Meter,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl Pricing {
    /// Prices of the model that the context names. Nothing is loaded before somebody asks.
    pub fn new(ctx: Context) -> Self {
        Self::hosted(ctx, None)
    }

    /// The same in a process that may have trouble itself.
    pub fn hosted(ctx: Context, host: Option<Arc<HostTrouble>>) -> Self {
        Self(Arc::new(Service {
            host,
            champions: Champions::new(ctx.clone()),
            log: Log::default(),
            meter: Meter::default(),
            ctx,
        }))
    }

    /// What it works with.
    pub fn context(&self) -> &Context {
        &self.0.ctx
    }

    /// The model in production, loaded where it is not. While a new one can't be loaded, the old
    /// one goes on.
    ///
    /// # Errors
    /// [`NoModel`], which turns into a [`Problem`] for callers.
    pub async fn champion(&self) -> Result<Arc<Champion>, NoModel> {
        self.0.champions.current().await
    }

    /// What is known of the model without asking anybody.
    pub fn status(&self) -> ChampionStatus {
        self.0.champions.status()
    }

    /// Whether all is well: the model, looked up if a look is due, for five seconds at most; the inference
    /// log; the process.
    pub async fn health(&self) -> ChampionStatus {
        let service = &self.0;
        let _late = tokio::time::timeout(LOOK_MAX, service.champions.current()).await;
        let status = self.status();
        let host = match service.host.clone() {
            // It may wait for a disk.
            Some(trouble) => tokio::task::spawn_blocking(move || trouble()).await.ok(),
            None => None,
        };
        let log = service.log.trouble(&service.ctx.registry).await;
        ChampionStatus {
            trouble: host.flatten().or(status.trouble).or(log),
            ..status
        }
    }

    /// What this process counted since it began.
    pub fn counts(&self) -> ServingCounts {
        self.0.meter.counts()
    }

    /// Keeps this process's counters in the registry, where they changed: before the process ends,
    /// and before the counters of all are summed.
    ///
    /// # Errors
    /// Where the registry does not take them; they are kept with the next call.
    pub async fn flush(&self) -> Result<(), RegistryError> {
        self.0.meter.flush(&self.0.ctx).await
    }

    /// What all instances counted, this one up to now. From call to call, and from instance to
    /// instance, no number goes back.
    ///
    /// # Errors
    /// Where the registry can't be asked.
    pub async fn totals(&self) -> Result<ServingTotals, RegistryError> {
        self.flush().await?;
        self.0.ctx.registry.serving_totals().await
    }

    /// Answers a question. The answer is logged and counted when it is given out; every answer is,
    /// whatever its status.
    pub async fn answer(&self, question: Question) -> Answer {
        let service = &self.0;
        let Question {
            request_id,
            begun,
            input,
            explain,
            comparables,
            refused,
        } = question;
        let wanted = Wanted {
            explain,
            comparables,
        };
        let (input, drafted) = match refused {
            Some(problem) => (input, Drafted::refusal(problem, &request_id)),
            None => service.price(input, wanted, &request_id).await,
        };
        let status = drafted.status();
        let text = serde_json::to_string(&drafted.body).unwrap_or_default();
        let duration_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        // Counted before it is logged, without a wait in between: where the caller hangs up during
        // the write, the answer is in both or in neither.
        let count = |counts: &mut ServingCounts| {
            counts.count(status.as_u16(), duration_us);
            counts.count_hour(service.ctx.now(), status.as_u16());
            counts.rows_priced += drafted.priced;
            counts.rows_failed += drafted.failed;
        };
        let interval = service.ctx.config.predict.metrics_flush;
        let is_due = service.meter.count(count, interval);
        let is_logged = !service.ctx.config.predict.log
            || service.log(&request_id, input, &drafted, duration_us).await;
        if !is_logged {
            let failed = |counts: &mut ServingCounts| counts.log_failures += 1;
            service.meter.count(failed, std::time::Duration::MAX);
        }
        if is_due {
            service.meter.flush_or_log(&service.ctx).await;
        }
        Answer {
            status,
            body: drafted.body,
            text,
            request_id,
        }
    }
}

impl Service {
    /// Writes an answer down. Gives back whether the table has it.
    async fn log(
        &self,
        request_id: &str,
        input: Value,
        drafted: &Drafted,
        duration_us: u64,
    ) -> bool {
        let error = match &drafted.body {
            Body::Problem(problem) => problem
                .detail
                .clone()
                .or_else(|| Some(problem.title.to_owned())),
            Body::One(_) | Body::Many(_) => None,
        };
        let record = InferenceRecord {
            request_id: request_id.to_owned(),
            at: self.ctx.now(),
            model: self.ctx.config.model.clone(),
            version: drafted.version,
            status: drafted.status().as_u16(),
            error,
            duration_us,
            input,
            output: serde_json::to_value(&drafted.body).unwrap_or_default(),
        };
        self.log.keep(&self.ctx, record).await
    }

    /// Prices a request. Gives back what was asked, for the log.
    async fn price(&self, input: Value, wanted: Wanted, request_id: &str) -> (Value, Drafted) {
        let max_instances = self.ctx.config.predict.max_instances;
        let max_instances = match wanted.comparables {
            0 => max_instances,
            _ => max_instances.min(comparables::INSTANCES_MAX),
        };
        let count = match Homes::of(&input, max_instances) {
            Ok(homes) => homes.count(),
            Err(problem) => return (input, Drafted::refusal(problem, request_id)),
        };
        let champion = match self.champions.current().await {
            Ok(champion) => champion,
            Err(none) => return (input, Drafted::refusal(none.into(), request_id)),
        };
        if wanted.comparables > 0
            && let Err(reason) = champion.load_comparables(&self.ctx).await
        {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail(format!(
                "The comparable sales are not available right now: {reason}. Ask without `comparables` for the price."
            ));
            return (input, Drafted::refusal(problem, request_id));
        }
        if count <= INLINE_MAX && wanted == Wanted::default() {
            let drafted = draft(&input, max_instances, &champion, wanted, request_id);
            return (input, drafted);
        }
        let input = Arc::new(input);
        let task = tokio::task::spawn_blocking({
            let input = Arc::clone(&input);
            let request_id = request_id.to_owned();
            move || draft(&input, max_instances, &champion, wanted, &request_id)
        });
        let drafted = task.await.unwrap_or_else(|error| {
            tracing::error!("the pricing thread failed: {error}");
            let problem = Problem::new(StatusCode::INTERNAL_SERVER_ERROR);
            Drafted::refusal(problem, request_id)
        });
        (Arc::unwrap_or_clone(input), drafted)
    }
}

fn draft(
    input: &Value,
    max_instances: usize,
    champion: &Champion,
    wanted: Wanted,
    request_id: &str,
) -> Drafted {
    match Homes::of(input, max_instances) {
        Ok(homes) => Drafted::prices(&homes, champion, wanted, request_id),
        Err(problem) => Drafted::refusal(problem, request_id),
    }
}

impl From<NoModel> for Problem {
    fn from(none: NoModel) -> Self {
        let detail = match none {
            NoModel::NoChampion => {
                "No model is in production yet: start a run of the pipeline on a first batch (`tasador run --source …`), and see `GET /history` for what became of it.".to_owned()
            }
            NoModel::Trouble(sentence) => format!("The model in production is not available right now: {sentence}. Try again in a few seconds."),
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE).detail(detail)
    }
}

fn unprocessable(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY).detail(detail)
}
