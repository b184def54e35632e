//! Counting answers, and keeping the counts where they outlive this process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tasador_registry::{CountsKept, RegistryError, ServingCounts};
use tasador_runtime::{Context, chain, emf};

/// How often an instance that was folded tries under a new name: it is folded again only where it
/// slept for hours within one call.
const NAMES_MAX: u32 = 3;

/// The counters of this process. The numbers are in memory and cheap to change; now and then they
/// are kept in the registry under a name of this instance, see [`Meter::flush`].
#[derive(Debug)]
pub(crate) struct Meter {
    counted: Mutex<Counted>,
    kept: tokio::sync::Mutex<Kept>,
}

#[derive(Debug)]
struct Counted {
    counts: ServingCounts,
    /// When they were last kept, or tried to be.
    flushed_at: Instant,
}

#[derive(Debug)]
struct Kept {
    /// This instance's name, new where it was folded.
    instance: String,
    /// What belongs to earlier names.
    base: ServingCounts,
    /// The counts as they were last kept.
    last: ServingCounts,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            counted: Mutex::new(Counted {
                counts: ServingCounts::default(),
                flushed_at: Instant::now(),
            }),
            kept: tokio::sync::Mutex::new(Kept {
                instance: new_name(),
                base: ServingCounts::default(),
                last: ServingCounts::default(),
            }),
        }
    }
}

fn new_name() -> String {
    uuid::Uuid::now_v7().to_string()
}

impl Meter {
    /// Changes the counters. Gives back whether they were last kept longer than `interval` ago; the
    /// next one is told so after the next interval.
    pub(crate) fn count(
        &self,
        change: impl FnOnce(&mut ServingCounts),
        interval: Duration,
    ) -> bool {
        let mut counted = self.counted();
        change(&mut counted.counts);
        let is_due = counted.flushed_at.elapsed() >= interval;
        if is_due {
            counted.flushed_at = Instant::now();
        }
        is_due
    }

    /// What this process counted since it began.
    pub(crate) fn counts(&self) -> ServingCounts {
        self.counted().counts.clone()
    }

    /// Keeps the counters in the registry, where they changed.
    ///
    /// # Errors
    /// Where the registry does not take them; they are kept with the next call.
    pub(crate) async fn flush(&self, ctx: &Context) -> Result<(), RegistryError> {
        let mut kept = self.kept.lock().await;
        for _ in 0..NAMES_MAX {
            let counts = {
                let mut counted = self.counted();
                counted.flushed_at = Instant::now();
                counted.counts.clone()
            };
            if counts == kept.last {
                return Ok(());
            }
            let own = counts.since(&kept.base);
            match ctx
                .registry
                .keep_counts(&kept.instance, &own, ctx.now())
                .await?
            {
                CountsKept::Kept => {
                    emf::write(&crate::emf::line(&counts.since(&kept.last), ctx));
                    kept.last = counts;
                    return Ok(());
                }
                CountsKept::Folded(folded) => {
                    kept.base.add(&folded);
                    kept.instance = new_name();
                }
            }
        }
        Ok(())
    }

    /// Keeps the counters; where that fails, the log says so and the next call tries again.
    pub(crate) async fn flush_or_log(&self, ctx: &Context) {
        if let Err(error) = self.flush(ctx).await {
            tracing::warn!(
                "the counters were not saved, and will be with the next ones: {}",
                chain(&error)
            );
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
