//! Moves the entries of the inference log from the table into Parquet files, `inferences/date=…/…`,
//! hour by hour, and lets them expire from the table.
//!
//! Each entry goes into exactly one file, also with concurrent or interrupted compactions, and none
//! expires before its file is complete:
//!
//! 1. The entries of an hour that have no expiry are written to a staged object, named by the number
//!    of the next file and by content.
//! 2. A conditional write decides that these bytes are the hour's next file. Of two concurrent
//!    compactions one decides; the other continues with its decision.
//! 3. The staged bytes are written to the final key; a repeated write has the same bytes.
//! 4. The entries in the file get their expiry, the file is recorded as finished, and the staged
//!    object is deleted.
//!
//! A compaction that is interrupted between the first two steps may leave an unused staged object. It
//! is kept, because only the compaction that finishes its hour knows whether it is needed.
//!
//! An hour is compacted some minutes after its end; entries that arrive even later go into another
//! file of their hour. Counters of stopped instances of `predict` are added to the total here too,
//! because nothing else runs as regularly. So are the lists of row hashes merged, see [`tasador_seen`].

mod error;
mod sales;
mod table;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tasador_ids::Digest;
use tasador_lake::{LakeError, key};
use tasador_registry::{CompactionClaim, HourCompaction};
use tasador_runtime::Context;

pub use error::Error;
pub use table::{FrameError, entries};

/// How long after its end an hour is compacted. An answer waits at most a second for its record, and
/// a client's retries take seconds.
const GRACE: SignedDuration = SignedDuration::from_mins(5);
/// How far back late entries are searched.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(3);
/// How far back the first compaction starts; the request can name earlier hours.
const FIRST_LOOK_BACK: SignedDuration = SignedDuration::from_hours(48);
/// Served prices are kept longer than the window of sales: sales are reported late.
const FOUND_LONGER: std::time::Duration = std::time::Duration::from_secs(180 * 86_400);
/// Inputs and outputs of one file, in bytes; a function of 1 GB has memory for several times as much.
const FILE_BYTES: usize = 64 << 20;
/// After this time without changes an instance counts as stopped: Lambda keeps an idle one for
/// minutes.
const INSTANCE_LIFE: SignedDuration = SignedDuration::from_hours(2);
/// The most hours that one request can name: those of a month. Each costs reads.
const MAX_HOURS: i64 = 31 * 24;
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The hours to compact. `{}` means all that are due.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Request {
    /// The first hour, at most 31 days before the last; by default a few hours before the last compaction's end.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// The end of the last hour; by default some minutes ago, which is also the latest.
    #[serde(default)]
    pub through: Option<Timestamp>,
}

/// The result of a compaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// Keys of the finished files.
    pub files: Vec<tasador_lake::Key>,
    /// Entries in them.
    pub rows: u64,
    /// The log is compacted up to this time.
    pub through: Timestamp,
    /// Sales joined with a served price that were not known before.
    #[serde(default)]
    pub joined_sales: u32,
    /// Instances whose counters were added to the total.
    pub folded_instances: u32,
    /// Lists of row hashes that were merged into larger ones.
    pub merged: usize,
}

/// Compacts what is due. Idempotent, also with concurrent calls.
///
/// # Errors
/// [`Error`], with the class that says whether to repeat the call.
pub async fn handle(request: Request, ctx: &Context) -> Result<Response, Error> {
    let now = ctx.now();
    let due = hour_of(now.saturating_sub(GRACE).unwrap_or(now));
    let through = request
        .through
        .map_or(due, |through| hour_of(through).min(due));
    let before = ctx.registry.compacted_through().await?;
    let from = match (request.from, before) {
        (Some(from), _) => {
            let from = hour_of(from);
            if through.duration_since(from).as_hours() > MAX_HOURS {
                return Err(Error::TooLong { from, through });
            }
            from
        }
        (None, Some(before)) => before.min(through) - LOOK_BACK,
        (None, None) => through - FIRST_LOOK_BACK,
    };
    let mut response = Response {
        files: Vec::new(),
        rows: 0,
        through,
        joined_sales: 0,
        folded_instances: 0,
        merged: 0,
    };
    let mut hour = from;
    while hour < through {
        compact(hour, ctx, &mut response).await?;
        hour += HOUR;
    }
    if request.from.is_none() && before.is_none_or(|before| before < through) {
        ctx.registry.note_compacted_through(through).await?;
    }
    response.joined_sales = sales::join(through, ctx).await?.new;
    response.folded_instances = ctx
        .registry
        .fold_counts(now.saturating_sub(INSTANCE_LIFE).unwrap_or(now), now)
        .await?;
    let folder = ctx.spool_folder().map_err(Error::Folder)?;
    response.merged = tasador_seen::merge(&ctx.lake, &folder).await?.objects;
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

/// The start of the hour that contains this time.
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
        // Another compaction may have decided and finished meanwhile: the next round handles the rest.
        if let Some(claim) = &decided.claim
            && finish(hour, &decided, claim, ctx).await?
        {
            response.files.push(claim.key.clone());
            response.rows += claim.rows;
        }
    }
}

/// Decides the hour's next file; `None` if no entry is left.
async fn decide(
    hour: Timestamp,
    seen: &HourCompaction,
    ctx: &Context,
) -> Result<Option<HourCompaction>, Error> {
    // Read after `seen`: entries in a finished file have their expiry.
    let loose = ctx.registry.loose_inferences(hour, FILE_BYTES).await?;
    if loose.is_empty() {
        return Ok(None);
    }
    let rows = loose.len() as u64;
    let bytes = on_a_thread(move || table::parquet(&loose)).await??;
    let sha256 = Digest::of(&bytes);
    let number = seen.done + 1;
    let staged = key::staged_inferences(hour, number, &sha256);
    ctx.lake.put_once(&staged, bytes).await?;
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
        .is_none_or(|claim| claim.staged != staged)
    {
        ctx.lake.delete(&staged).await?;
    }
    Ok(Some(decided))
}

/// Finishes a chosen file. Returns false if another compaction did it already.
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
    let (filed, served) = on_a_thread(move || {
        let filed = table::entries(bytes.clone())?;
        Ok::<_, FrameError>((filed, table::served_prices(bytes)?))
    })
    .await??;
    // Before the entries expire, so that no price is lost: the next compaction repeats it.
    let found_until = ctx
        .now()
        .saturating_add(ctx.config.compact.sale_window.saturating_add(FOUND_LONGER))
        .unwrap_or(Timestamp::MAX);
    ctx.registry.put_served(&served, found_until).await?;
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

/// Data frames use separate threads; waiting for them would block this one.
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
    fn an_hour_starts_at_the_full_hour() {
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
    fn an_empty_event_compacts_all_due_hours() {
        let request: Request = serde_json::from_str("{}").unwrap();
        assert_eq!(request, Request::default());
    }
}
