//! Turns the inference log's items into Parquet files, `inferences/date=…/…`, hour by hour, and lets
//! the items expire.
//!
//! Each entry gets into exactly one file, whoever races and wherever a compaction breaks off, and
//! none expires before its file is in its place:
//!
//! 1. The entries of an hour that have no expiry are written to a staged object, named by content.
//! 2. A conditional write decides that these bytes are the hour's next file. Of two compactions one
//!    decides; the other goes on with what was decided.
//! 3. The staged bytes are written to their place; who repeats it writes the same bytes.
//! 4. The entries in the file get their expiry, the hour's file is noted as finished, and the staged
//!    object goes.
//!
//! A compaction that breaks off between the first two steps may leave a staged object that nobody
//! reads. It stays: whether one is needed is only known to whoever finishes its hour.
//!
//! An hour is compacted once it is over for some minutes; entries that come even later get into a
//! further file of their hour. Instances of `predict` that are gone have their counters folded here
//! too, as nothing else runs that regularly.

mod error;
mod table;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tasador_ids::Digest;
use tasador_lake::{LakeError, key};
use tasador_registry::{CompactionClaim, HourCompaction};
use tasador_runtime::Context;

pub use error::Error;
pub use table::{FrameError, entries};

/// How long after its end an hour is compacted. An answer waits a second at most for its record, and
/// a client's repeats take seconds.
const GRACE: SignedDuration = SignedDuration::from_mins(5);
/// How far back late entries are looked for.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(3);
/// How far back the first compaction begins; earlier ones can be named in the request.
const FIRST_LOOK_BACK: SignedDuration = SignedDuration::from_hours(48);
/// Inputs and outputs of one file, in bytes: what a function of 1 GB holds several times over.
const FILE_BYTES: usize = 64 << 20;
/// How long counters of an instance may rest before the instance counts as gone: Lambda keeps an
/// idle one for minutes.
const INSTANCE_LIFE: SignedDuration = SignedDuration::from_hours(2);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What is to be compacted. `{}` means: whatever is due.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Request {
    /// The first hour; by default a few hours before the last compaction's end.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// The end of the last hour; by default some minutes ago, and never later.
    #[serde(default)]
    pub through: Option<Timestamp>,
}

/// What was compacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The files that were finished, by key.
    pub files: Vec<tasador_lake::Key>,
    /// Entries in them.
    pub rows: u64,
    /// Up to when the log is compacted.
    pub through: Timestamp,
    /// Instances whose counters went into the total.
    pub folded_instances: u32,
}

/// Compacts what is due. Repeating the call, also at the same time, changes nothing more.
///
/// # Errors
/// [`Error`], with the class that says whether the call should be repeated.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, Error> {
    let now = ctx.now();
    let due = hour_of(now.saturating_sub(GRACE).unwrap_or(now));
    let through = request
        .through
        .map_or(due, |through| hour_of(through).min(due));
    let before = ctx.registry.compacted_through().await?;
    let from = match (request.from, before) {
        (Some(from), _) => hour_of(from),
        (None, Some(before)) => before.min(through) - LOOK_BACK,
        (None, None) => through - FIRST_LOOK_BACK,
    };
    let mut response = Response {
        files: Vec::new(),
        rows: 0,
        through,
        folded_instances: 0,
    };
    let mut hour = from;
    while hour < through {
        compact(hour, ctx, &mut response).await?;
        hour += HOUR;
    }
    if request.from.is_none() && before.is_none_or(|before| before < through) {
        ctx.registry.note_compacted_through(through).await?;
    }
    response.folded_instances = ctx
        .registry
        .fold_counts(now.saturating_sub(INSTANCE_LIFE).unwrap_or(now), now)
        .await?;
    tracing::info!(
        rows = response.rows,
        files = response.files.len(),
        %through,
        "{} entries of the inference log are in {} files",
        response.rows,
        response.files.len()
    );
    Ok(response)
}

/// The beginning of the hour that a time lies in.
fn hour_of(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(3_600)).unwrap_or(at)
}

async fn compact(hour: Timestamp, ctx: &Context, response: &mut Response) -> Result<(), Error> {
    loop {
        let seen = ctx.registry.compaction_of_hour(hour).await?;
        let decided = match seen.claim {
            Some(_) => seen,
            None => match decide(hour, &seen, ctx).await? {
                Some(decided) => decided,
                None => return Ok(()),
            },
        };
        // Another may have decided and finished meanwhile: the next round sees what is left.
        if let Some(claim) = &decided.claim
            && finish(hour, &decided, claim, ctx).await?
        {
            response.files.push(claim.key.clone());
            response.rows += claim.rows;
        }
    }
}

/// Decides upon the hour's next file; `None` where no entry is left.
async fn decide(
    hour: Timestamp,
    seen: &HourCompaction,
    ctx: &Context,
) -> Result<Option<HourCompaction>, Error> {
    // Read after `seen`: whatever is in a finished file has its expiry.
    let loose = ctx.registry.loose_inferences(hour, FILE_BYTES).await?;
    if loose.is_empty() {
        return Ok(None);
    }
    let rows = loose.len() as u64;
    let bytes = on_a_thread(move || table::parquet(&loose)).await??;
    let sha256 = Digest::of(&bytes);
    let staged = key::staged_inferences(&sha256);
    ctx.lake.put_once(&staged, bytes).await?;
    let number = seen.done + 1;
    let claim = CompactionClaim {
        number,
        staged: staged.clone(),
        key: key::inferences(hour, number, &sha256),
        sha256,
        rows,
        at: ctx.now(),
    };
    let decided = ctx.registry.claim_compaction(hour, seen, claim).await?;
    if decided
        .claim
        .as_ref()
        .is_none_or(|claim| claim.sha256 != sha256)
    {
        ctx.lake.delete(&staged).await?;
    }
    Ok(Some(decided))
}

/// Finishes a file that was decided upon. False where another did so and nothing was left to do.
async fn finish(
    hour: Timestamp,
    decided: &HourCompaction,
    claim: &CompactionClaim,
    ctx: &Context,
) -> Result<bool, Error> {
    let CompactionClaim { staged, key, .. } = claim;
    let bytes = match ctx.lake.get_verified(staged, claim.sha256).await {
        Ok(bytes) => bytes,
        Err(LakeError::NotFound { .. }) => {
            let now = ctx.registry.compaction_of_hour(hour).await?;
            return if now == *decided {
                Err(Error::Lost { hour })
            } else {
                Ok(false)
            };
        }
        Err(error) => return Err(error.into()),
    };
    ctx.lake.put_once(key, bytes.clone()).await?;
    let filed = on_a_thread(move || table::entries(bytes)).await??;
    let expires_at = ctx
        .now()
        .saturating_add(ctx.config.compact.retention)
        .unwrap_or(Timestamp::MAX);
    ctx.registry
        .expire_inferences(hour, &filed, expires_at)
        .await?;
    ctx.registry.finish_compaction(hour, decided).await?;
    ctx.lake.delete(staged).await?;
    Ok(true)
}

/// Data frames compute on threads of their own, and would stop the one that waits for them here.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::Thread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_begins_where_the_clock_says() {
        for (at, hour) in [
            ("2026-01-01T13:59:59.999Z", "2026-01-01T13:00:00Z"),
            ("2026-01-01T14:00:00Z", "2026-01-01T14:00:00Z"),
            ("1969-12-31T23:10:00Z", "1969-12-31T23:00:00Z"),
        ] {
            let at: Timestamp = at.parse().unwrap();
            assert_eq!(hour_of(at), hour.parse().unwrap());
        }
    }

    #[test]
    fn an_empty_event_means_whatever_is_due() {
        let request: Request = serde_json::from_str("{}").unwrap();
        assert_eq!(request, Request::default());
    }
}
