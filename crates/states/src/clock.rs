//! The clock of an execution: the wall clock, or one that a test controls.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use jiff::Timestamp;

use crate::BoxFuture;

/// Why an execution sleeps. A host may shorten waits and back-offs, but never a deadline, because
/// it limits work that is in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pause {
    Wait,
    /// The time between two attempts.
    Backoff,
    /// The time-out of a task or of the execution.
    Deadline,
}

/// Tells the time and sleeps.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Returns once it is `when` or later; at once if it is already.
    fn sleep_until(&self, when: Timestamp, pause: Pause) -> BoxFuture<'_, ()>;
}

/// The system clock. Sleeps with tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock;

/// Longest single sleep of [`WallClock`]. It reads the time again after each one, so after a
/// suspension or a change of the clock it wakes at most this much too late.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep_until(&self, when: Timestamp, _pause: Pause) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            while let Ok(left) = Duration::try_from(when.duration_since(Timestamp::now())) {
                if left.is_zero() {
                    return;
                }
                // tokio counts in milliseconds and rounds up, so this never spins.
                tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
            }
        })
    }
}

/// A clock that stands still until it is advanced. Clones share the time.
///
/// ```
/// # use std::time::Duration;
/// # use jiff::Timestamp;
/// # use tasador_states::{Clock, Pause, VirtualClock};
/// let clock = VirtualClock::new(Timestamp::UNIX_EPOCH);
/// let day = Timestamp::UNIX_EPOCH + Duration::from_secs(86_400);
/// assert_eq!(clock.drive(clock.sleep_until(day, Pause::Wait)), Some(()));
/// assert_eq!(clock.now(), day);
/// ```
#[derive(Debug, Clone)]
pub struct VirtualClock {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    next_sleeper: u64,
}

impl VirtualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        let inner = Inner {
            now,
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// The earliest time at which a sleeper wakes.
    pub fn next_waking(&self) -> Option<Timestamp> {
        self.lock().sleepers.keys().next().map(|(when, _)| *when)
    }

    /// Advances the clock to `when`, never backwards, and wakes the sleepers whose time has come.
    pub fn move_to(&self, when: Timestamp) {
        let woken: Vec<Waker> = {
            let mut inner = self.lock();
            inner.now = inner.now.max(when);
            let now = inner.now;
            let still_asleep = inner.sleepers.split_off(&(now, u64::MAX));
            std::mem::replace(&mut inner.sleepers, still_asleep)
                .into_values()
                .collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Runs `future` to completion and advances the clock to the next wake-up whenever nothing else
    /// is left to do. `None` if the future waits for something other than this clock.
    pub fn drive<F: Future>(&self, future: F) -> Option<F::Output> {
        let flag = Arc::new(Flag(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&flag));
        let mut context = Context::from_waker(&waker);
        let mut future = pin!(future);
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            if !flag.0.swap(false, Ordering::AcqRel) {
                self.move_to(self.next_waking()?);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn sleep_until(&self, when: Timestamp, _pause: Pause) -> BoxFuture<'_, ()> {
        let id = {
            let mut inner = self.lock();
            inner.next_sleeper += 1;
            inner.next_sleeper
        };
        let mut sleeper = Sleeper {
            clock: self,
            key: (when, id),
        };
        Box::pin(poll_fn(move |context| sleeper.poll(context)))
    }
}

struct Sleeper<'a> {
    clock: &'a VirtualClock,
    key: (Timestamp, u64),
}

impl Sleeper<'_> {
    fn poll(&mut self, context: &Context<'_>) -> Poll<()> {
        let mut inner = self.clock.lock();
        if inner.now >= self.key.0 {
            return Poll::Ready(());
        }
        inner.sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.lock().sleepers.remove(&self.key);
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn driven_clock_advances_to_each_wake_up() {
        let clock = VirtualClock::new(at(0));
        let woken = clock.drive(async {
            let mut woken = Vec::new();
            for seconds in [5, 3, 9] {
                clock.sleep_until(at(seconds), Pause::Wait).await;
                woken.push(clock.now());
            }
            woken
        });
        assert_eq!(woken, Some(vec![at(5), at(5), at(9)]));
    }

    #[test]
    fn dropped_sleepers_are_forgotten() {
        let clock = VirtualClock::new(at(0));
        let winner = clock.drive(futures::future::select(
            clock.sleep_until(at(100), Pause::Deadline),
            clock.sleep_until(at(1), Pause::Backoff),
        ));
        drop(winner);
        assert_eq!(clock.next_waking(), None);
        assert_eq!(clock.now(), at(1));
    }

    #[test]
    fn waiting_for_something_else_returns_none() {
        let clock = VirtualClock::new(at(0));
        assert_eq!(clock.drive(std::future::pending::<()>()), None);
    }
}
