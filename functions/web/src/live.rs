//! The strip above the sections: what runs, how far it is, and when the next run starts.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use jiff::civil::time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use maud::{Markup, html};
use serde_json::json;
use tasador_access::{Caller, Scope};
use tasador_flow::source_name;
use tasador_http::runs::{self, Progress, RunState};
use tasador_ids::{BatchId, RunId};
use tasador_registry::PageRequest;
use tasador_runtime::{Config, Context};

use crate::Site;
use crate::asked::View;
use crate::language::{Language, PageLanguage as _};
use crate::layout;

/// Executions that are looked at for running ones, the newest.
const LOOKED_AT: u32 = 20;
/// Running executions that are shown one by one; the others wait for them.
const SHOWN: usize = 3;

/// What the strip shows.
pub(crate) struct Live {
    /// The oldest first: it works while the others wait.
    running: Vec<Running>,
    more: usize,
    /// The execution that ended last: the script loads the sections again when it changes.
    ended: Option<String>,
    schedule: Option<Schedule>,
    /// The next scheduled run.
    next: Option<Timestamp>,
    source: Option<String>,
    now: Timestamp,
}

struct Running {
    run: RunId,
    batch: Option<BatchId>,
    started_at: Option<Timestamp>,
    progress: Progress,
}

impl Live {
    /// Reads it. `None` if there is no pipeline, or it does not answer.
    pub(crate) async fn gather(ctx: &Context) -> Option<Self> {
        let machine = ctx.config.state_machine.as_deref()?;
        // Failures are in the log.
        let page = runs::list(ctx, machine, PageRequest::first(LOOKED_AT))
            .await
            .ok()?;
        let (running, ended): (Vec<_>, Vec<_>) = page
            .items
            .into_iter()
            .partition(|run| run.state == RunState::Running);
        let more = running.len().saturating_sub(SHOWN);
        let mut shown = Vec::new();
        for run in running.into_iter().rev().take(SHOWN) {
            let Ok(id) = run.run.parse::<RunId>() else {
                continue;
            };
            let (progress, batch) = tokio::join!(
                runs::progress(ctx, machine, &id),
                ctx.registry.batch_of_run(&id)
            );
            shown.push(Running {
                batch: batch.ok().flatten().map(|pointer| pointer.batch),
                started_at: run.started_at,
                progress: progress.unwrap_or_default(),
                run: id,
            });
        }
        let schedule = ctx.config.schedule.as_deref().map(Schedule::of);
        let now = ctx.now();
        let next = schedule
            .as_ref()
            .and_then(|schedule| schedule.next(ctx.config.schedule_start, now));
        Some(Self {
            running: shown,
            more,
            ended: ended.into_iter().next().map(|run| run.run),
            schedule,
            next,
            source: shown_source(&ctx.config),
            now,
        })
    }

    /// The strip.
    pub(crate) fn strip(&self, language: Language, may_start: bool) -> Markup {
        let words = language.words();
        let class = if self.running.is_empty() {
            "live idle"
        } else {
            "live running"
        };
        html! {
            div #live class=(class) data-ended=[self.ended.as_ref()] {
                @if self.running.is_empty() {
                    p { span.dot.off {} (words.no_run) }
                    @if let Some(schedule) = &self.schedule {
                        p { (words.next_run) " " strong { (self.next_run(language, schedule)) } }
                    }
                    @if let Some(source) = &self.source { p { (words.source) " " strong { (source) } } }
                    @if may_start {
                        form method="post" action="page/runs" {
                            button.button.second type="submit" { (words.run_now) }
                        }
                        p { a href=(View::Check("new".to_owned()).address()) { (language.of("Check a file", "Revisar un archivo")) } }
                    }
                } @else {
                    @for running in &self.running { (self.line(language, running)) }
                    @if self.more > 0 { p { "+ " (self.more) } }
                }
            }
        }
    }

    fn line(&self, language: Language, running: &Running) -> Markup {
        let words = language.words();
        let elapsed = running.started_at.map(|at| self.now.duration_since(at));
        let step = running.progress.step.as_deref();
        html! {
            p {
                span.dot.busy {}
                strong { (step.map_or_else(|| words.starting.to_owned(), |step| step_in_words(language, step))) }
                @if let Some((done, total)) = running.progress.candidates {
                    " " progress value=(done) max=(total.max(1)) aria-label=(words.candidates) {}
                    " " (candidates(language, done, total))
                }
                @if let Some(elapsed) = elapsed { " · " (elapsed_in_words(elapsed)) }
                " · " a href=(View::Run(running.run.clone()).address()) { (words.run) }
                @if let Some(batch) = running.batch {
                    " · " a href=(View::Batch(batch).address()) { (words.batch) " " (batch.short()) }
                }
            }
        }
    }

    /// `in 25 min, every hour`.
    fn next_run(&self, language: Language, schedule: &Schedule) -> String {
        let every = schedule.in_words(language);
        match self.next.map(|next| next.duration_since(self.now)) {
            Some(wait) => format!(
                "{} {} ({every})",
                language.of("in", "en"),
                rounded_in_words(wait)
            ),
            None => every,
        }
    }
}

/// The strip alone, for the script.
pub(crate) async fn strip(State(site): State<Site>, request: Request) -> Response {
    let language = Language::wanted(None, request.headers());
    // There is no caller where no token is required.
    let caller = request.extensions().get::<Caller>();
    let may_start = caller.is_none_or(|caller| caller.scopes.allow(Scope::Admin));
    match Live::gather(site.pricing.context()).await {
        Some(live) => {
            let strip = live.strip(language, may_start);
            crate::html(language, strip).into_response()
        }
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// Starts a run, and goes back to the history, above which the strip shows it.
pub(crate) async fn start(State(site): State<Site>, headers: HeaderMap) -> Response {
    let ctx = site.pricing.context();
    let started = match ctx.config.state_machine.as_deref() {
        Some(machine) => runs::start(ctx, machine, &json!({})).await.is_ok(),
        None => false,
    };
    if started {
        return (
            StatusCode::SEE_OTHER,
            [(header::LOCATION, "../?section=history")],
        )
            .into_response();
    }
    let language = Language::wanted(None, &headers);
    let words = language.words();
    let page = layout::message(language, words.unavailable, words.unavailable_hint);
    (StatusCode::SERVICE_UNAVAILABLE, crate::html(language, page)).into_response()
}

/// The configured source without credentials and query.
fn shown_source(config: &Config) -> Option<String> {
    let source = config.source.as_ref()?;
    Some(source_name(&source.to_string()))
}

/// A state of the state machine as people say it.
pub(crate) fn step_in_words(language: Language, step: &str) -> String {
    let (english, spanish) = match step {
        "Fetch" | "Exhausted" => ("Fetching a batch", "Obteniendo un lote"),
        "WaitForTurn" => ("Waiting for another run", "Esperando a otra ejecución"),
        "Preprocess" => ("Cleaning the batch", "Limpiando el lote"),
        "Gate" | "Decide" => ("Judging the batch", "Evaluando el lote"),
        "TrainCandidates" | "TrainOn" | "TrainJob" | "Train" | "JobFailed" | "CandidateFailed" => {
            ("Training", "Entrenando")
        }
        "Compare" | "Verdict" => (
            "Comparing with the model in production",
            "Comparando con el modelo en producción",
        ),
        "Promote" => (
            "Putting the new version into production",
            "Poniendo la versión nueva en producción",
        ),
        "Notify" | "NotifyFailure" => ("Sending the notification", "Enviando el aviso"),
        step if step.starts_with("Record") => ("Recording the outcome", "Registrando el resultado"),
        "Done" | "NothingNew" | "Failed" => ("Ending", "Terminando"),
        other => return other.to_owned(),
    };
    language.of(english, spanish).to_owned()
}

fn candidates(language: Language, done: u64, total: u64) -> String {
    match language {
        Language::English => format!("{done} of {total} candidates done"),
        Language::Spanish => format!("{done} de {total} candidatos listos"),
    }
}

/// `42 s`, `3 min 05 s`, `1 h 02 min`.
fn elapsed_in_words(elapsed: SignedDuration) -> String {
    let seconds = elapsed.as_secs().max(0);
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

/// A wait, to the minute, or to the second within the last one.
pub(crate) fn rounded_in_words(wait: SignedDuration) -> String {
    let seconds = wait.as_secs().max(0);
    if seconds < 60 {
        return format!("{seconds} s");
    }
    let minutes = (seconds + 30) / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// When runs start by themselves, as EventBridge writes it.
#[derive(Debug, PartialEq)]
enum Schedule {
    /// `rate(1 hour)`.
    Every(SignedDuration),
    /// `cron(0 6 * * ? *)`: minute and hour of each day, UTC.
    Daily(i8, i8),
    /// Any other expression.
    Other(String),
}

impl Schedule {
    fn of(expression: &str) -> Self {
        let inside = |name: &str| expression.strip_prefix(name)?.strip_suffix(')');
        let rate = || {
            let (count, unit) = inside("rate(")?.split_once(' ')?;
            let count: i64 = count.parse().ok().filter(|count| *count > 0)?;
            let unit_s = match unit.trim_end_matches('s') {
                "second" => 1,
                "minute" => 60,
                "hour" => 3_600,
                "day" => 86_400,
                _ => return None,
            };
            Some(Self::Every(SignedDuration::from_secs(
                count.checked_mul(unit_s)?,
            )))
        };
        let daily = || {
            let mut parts = inside("cron(")?.split_whitespace();
            let minute = parts
                .next()?
                .parse()
                .ok()
                .filter(|it| (0..60).contains(it))?;
            let hour = parts
                .next()?
                .parse()
                .ok()
                .filter(|it| (0..24).contains(it))?;
            parts
                .all(|part| matches!(part, "*" | "?"))
                .then_some(Self::Daily(minute, hour))
        };
        rate()
            .or_else(daily)
            .unwrap_or_else(|| Self::Other(expression.to_owned()))
    }

    /// The next start after `now`; `None` where it is not known.
    fn next(&self, start: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(every) => {
                let since = now.duration_since(start?);
                let past = since.as_secs().max(0) / every.as_secs();
                let ahead = every.as_secs().checked_mul(past + 1)?;
                start?.checked_add(SignedDuration::from_secs(ahead)).ok()
            }
            Self::Daily(minute, hour) => {
                let today = now.to_zoned(TimeZone::UTC).date();
                let at = |date: jiff::civil::Date| {
                    let at = date.to_datetime(time(*hour, *minute, 0, 0));
                    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
                };
                at(today)
                    .filter(|at| *at > now)
                    .or_else(|| at(today.checked_add(1.day()).ok()?))
            }
            Self::Other(_) => None,
        }
    }

    fn in_words(&self, language: Language) -> String {
        match self {
            Self::Every(every) => {
                let every = match every.as_secs() {
                    86_400 => language.of("day", "día").to_owned(),
                    3_600 => language.of("hour", "hora").to_owned(),
                    60 => language.of("minute", "minuto").to_owned(),
                    _ => rounded_in_words(*every),
                };
                format!("{} {every}", language.of("every", "cada"))
            }
            Self::Daily(minute, hour) => {
                let at = language.of("every day at", "cada día a las");
                format!("{at} {hour:02}:{minute:02} UTC")
            }
            Self::Other(expression) => expression.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_run_follows_from_the_schedule() {
        let start = at("2026-11-28T05:10:00Z");
        let now = at("2026-11-28T06:45:30Z");
        for (expression, next, words) in [
            (
                "rate(3600 seconds)",
                Some("2026-11-28T07:10:00Z"),
                "every hour",
            ),
            ("rate(1 day)", Some("2026-11-29T05:10:00Z"), "every day"),
            (
                "rate(15 minutes)",
                Some("2026-11-28T06:55:00Z"),
                "every 15 min",
            ),
            (
                "cron(0 6 * * ? *)",
                Some("2026-11-29T06:00:00Z"),
                "every day at 06:00 UTC",
            ),
            (
                "cron(30 7 * * ? *)",
                Some("2026-11-28T07:30:00Z"),
                "every day at 07:30 UTC",
            ),
            ("cron(0 6 ? * MON *)", None, "cron(0 6 ? * MON *)"),
            ("rate(0 hours)", None, "rate(0 hours)"),
        ] {
            let schedule = Schedule::of(expression);
            assert_eq!(
                schedule.next(Some(start), now),
                next.map(at),
                "{expression}"
            );
            assert_eq!(schedule.in_words(Language::English), words);
        }
        assert_eq!(Schedule::of("rate(1 hour)").next(None, now), None);
    }

    #[test]
    fn times_are_short() {
        for (seconds, elapsed, wait) in [
            (5, "5 s", "5 s"),
            (185, "3 min 05 s", "3 min"),
            (3_725, "1 h 02 min", "1 h 2 min"),
            (-3, "0 s", "0 s"),
        ] {
            let duration = SignedDuration::from_secs(seconds);
            assert_eq!(elapsed_in_words(duration), elapsed);
            assert_eq!(rounded_in_words(duration), wait);
        }
    }

    #[test]
    fn a_source_is_shown_without_credentials() {
        for (source, shown) in [
            ("https://me:secret@host/data?key=hidden", "host/data"),
            ("https://host", "host"),
            ("https://a@b@host?x=/", "host"),
            ("s3://bucket/drop/may.csv", "may.csv"),
            ("/data/may.csv", "may.csv"),
        ] {
            let config = Config {
                source: Some(source.into()),
                ..Config::default()
            };
            assert_eq!(shown_source(&config).as_deref(), Some(shown));
        }
    }
}
