//! Executions of the state machine: started by name, journaled event by event, resumed after a
//! crash.
//!
//! The journal is the truth and has one line per history event, so that what GetExecutionHistory
//! answers is what a restart resumes from. In memory are only the summaries.

mod journal;
mod recorder;
mod runner;
mod status;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use tasador_ids::RunId;
use tasador_states::{HistoryEvent, Machine};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::machine;
use recorder::Recorder;
pub(crate) use runner::Host;
pub use status::{Execution, Status, Summary};

/// Largest input of an execution, as on AWS.
const INPUT_LIMIT_BYTES: usize = 262_144;

/// Why an operation on an execution is refused. The names in AWS's protocol are `aws::sfn`'s.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// No execution has this name.
    #[error("Execution Does Not Exist: '{name}'")]
    NotFound {
        /// The name.
        name: String,
    },
    /// Another execution has this name, or had it.
    #[error("Execution Already Exists: '{name}'")]
    Exists {
        /// The name.
        name: String,
    },
    /// The name is not one.
    #[error("Invalid Name")]
    Name {
        /// What is wrong with it.
        source: tasador_ids::InvalidId,
    },
    /// The input is not JSON, or too large.
    #[error("Invalid State Machine Execution Input: {reason}")]
    Input {
        /// What is wrong with it.
        reason: String,
    },
    /// The execution stopped because its journal could not be written.
    #[error(
        "execution {name} stopped because the data folder could not be written ({reason}); check the free space and the permissions of the data folder; it resumes where it stopped with the next run or start"
    )]
    Stalled { name: String, reason: String },
    /// The cloud is about to stop and starts nothing new.
    #[error("the local cloud is stopping; start the execution when it is up again")]
    Stopping,
    /// The journal cannot be read or written.
    #[error(
        "the journal {path} cannot be used; check the disk and the permissions of the data folder"
    )]
    Journal {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// All executions of one data folder. Cloning shares them.
#[derive(Clone)]
pub struct Executions {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    definition: String,
    machine: Machine,
    host: Host,
    served_since: Timestamp,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    summaries: BTreeMap<String, Summary>,
    running: BTreeMap<String, Running>,
    /// Executions that stopped because their journal could not be written, with the reason. They resume
    /// with the next execution, or at the next start.
    stalled: BTreeMap<String, String>,
    stopping: bool,
}

struct Running {
    input: String,
    recorder: Arc<Recorder>,
    task: AbortHandle,
    ended: watch::Receiver<bool>,
}

impl Executions {
    /// Takes up the executions of `folder`, and goes on with those that had not ended.
    ///
    /// # Errors
    /// [`ExecutionError::Journal`] where the folder or a journal in it cannot be read.
    pub(crate) fn open(
        folder: PathBuf,
        definition: String,
        machine: Machine,
        host: Host,
    ) -> Result<Self, ExecutionError> {
        let inner = Inner {
            folder,
            definition,
            machine,
            host,
            served_since: Timestamp::now(),
            known: Mutex::default(),
        };
        let executions = Self {
            inner: Arc::new(inner),
        };
        executions.take_up()?;
        Ok(executions)
    }

    fn take_up(&self) -> Result<(), ExecutionError> {
        let folder = &self.inner.folder;
        let entries = std::fs::read_dir(folder).map_err(journal_error(folder))?;
        for entry in entries {
            let path = entry.map_err(journal_error(folder))?.path();
            if path
                .extension()
                .is_none_or(|extension| extension != "jsonl")
            {
                continue;
            }
            let Some(name) = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .map(str::to_owned)
            else {
                continue;
            };
            match self.take_up_journal(&name, &path) {
                // One damaged file must not keep everything else from being served.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    let aside = path.with_extension("damaged");
                    tracing::error!(run_id = name, %error, kept_as = %aside.display(), "the journal of an execution is damaged");
                    std::fs::rename(&path, &aside).map_err(journal_error(&path))?;
                }
                taken_up => taken_up.map_err(journal_error(&path))?,
            }
        }
        Ok(())
    }

    fn take_up_journal(&self, name: &str, path: &Path) -> io::Result<()> {
        let Some(execution) = Execution::read(name, path)? else {
            // Killed before the start was answered, so nobody knows of it.
            return std::fs::remove_file(path);
        };
        if execution.summary.status == Status::Running {
            tracing::info!(run_id = name, "resuming an interrupted execution");
            return self.resume(name, path, execution);
        }
        let mut known = self.lock();
        known.summaries.insert(name.to_owned(), execution.summary);
        Ok(())
    }

    fn resume(&self, name: &str, path: &Path, execution: Execution) -> io::Result<()> {
        let past = journal::read(path)?;
        let recorder = Recorder::resume(path, &past)?;
        let mut known = self.lock();
        known.summaries.insert(name.to_owned(), execution.summary);
        self.spawn(&mut known, name, execution.input, recorder, past);
        Ok(())
    }

    /// Tries to go on with what stopped because its journal could not be written.
    fn resume_stalled(&self) {
        if self.lock().stopping {
            return;
        }
        let stalled = std::mem::take(&mut self.lock().stalled);
        for (name, reason) in stalled {
            let path = self.path(&name);
            let resumed = match Execution::read(&name, &path) {
                Ok(Some(execution)) if execution.summary.status == Status::Running => {
                    self.resume(&name, &path, execution)
                }
                // Its end was written, and only the sync failed.
                Ok(Some(execution)) => {
                    self.lock().summaries.insert(name, execution.summary);
                    continue;
                }
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            match resumed {
                Ok(()) => tracing::info!(run_id = name, "resuming a stopped execution"),
                Err(error) => {
                    let error = journal_error(&path)(error);
                    tracing::error!(run_id = name, "{}", tasador_runtime::chain(&error));
                    self.lock().stalled.insert(name, reason);
                }
            }
        }
    }

    /// Starts an execution, with a new name where none is given. The same name with the same
    /// input while that execution runs is the same execution.
    ///
    /// # Errors
    /// [`ExecutionError`]: `Name`, `Input`, `Exists`, `Stopping` or `Journal`.
    pub fn start(&self, name: Option<&str>, input: &str) -> Result<Summary, ExecutionError> {
        let name = match name {
            // Sorted by name, they are sorted by time.
            None => uuid::Uuid::now_v7().to_string(),
            Some(name) => {
                let run: RunId = name
                    .parse()
                    .map_err(|source| ExecutionError::Name { source })?;
                run.to_string()
            }
        };
        check_input(input)?;
        self.resume_stalled();
        let path = self.path(&name);
        let mut known = self.lock();
        if known.stopping {
            return Err(ExecutionError::Stopping);
        }
        if let Some(summary) = known.summaries.get(&name) {
            return match known.running.get(&name) {
                Some(running) if running.input == input => Ok(summary.clone()),
                _ => Err(ExecutionError::Exists { name }),
            };
        }
        let (recorder, first) =
            Recorder::start(&path, input).map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => ExecutionError::Exists { name: name.clone() },
                _ => ExecutionError::Journal {
                    path: path.clone(),
                    source,
                },
            })?;
        let execution = Execution::between(&name, &first, &first);
        known
            .summaries
            .insert(name.clone(), execution.summary.clone());
        self.spawn(&mut known, &name, input.to_owned(), recorder, vec![first]);
        Ok(execution.summary)
    }

    /// Runs the machine in a separate task, from where `past` ends.
    fn spawn(
        &self,
        known: &mut Known,
        name: &str,
        input: String,
        recorder: Recorder,
        past: Vec<HistoryEvent>,
    ) {
        let recorder = Arc::new(recorder);
        let (ended, has_ended) = watch::channel(false);
        let run = {
            let this = self.clone();
            let recorder = Arc::clone(&recorder);
            let name = name.to_owned();
            async move {
                let ran = this.run(&name, &past, &recorder).await;
                if let Err(error) = ran {
                    tracing::error!(run_id = name, %error, "an execution stopped because its journal cannot be written; it resumes with the next run or start");
                    this.lock().stalled.insert(name.clone(), error.to_string());
                }
                this.note_end(&name, &recorder);
                ended.send_replace(true);
            }
        };
        let task = tokio::spawn(run).abort_handle();
        known.running.insert(
            name.to_owned(),
            Running {
                input,
                recorder,
                task,
                ended: has_ended,
            },
        );
    }

    async fn run(&self, name: &str, past: &[HistoryEvent], recorder: &Recorder) -> io::Result<()> {
        let execution = tasador_states::Execution {
            arn: machine::execution_arn(name),
            name: name.to_owned(),
            role_arn: machine::ROLE_ARN.to_owned(),
            machine_arn: machine::machine_arn(),
        };
        let Inner { machine, host, .. } = &*self.inner;
        // How it ended is what the recorder wrote.
        machine
            .run(&execution, past, host, host.clock(), recorder)
            .await
            .map(drop)
    }

    fn note_end(&self, name: &str, recorder: &Recorder) {
        let mut known = self.lock();
        if let (Some(summary), Some((status, time))) =
            (known.summaries.get_mut(name), recorder.end())
        {
            summary.status = status;
            summary.stopped_at = Some(time);
        }
        known.running.remove(name);
    }

    /// One execution with its input and what came of it.
    ///
    /// # Errors
    /// [`ExecutionError::NotFound`] or [`ExecutionError::Journal`].
    pub fn describe(&self, name: &str) -> Result<Execution, ExecutionError> {
        {
            let known = self.lock();
            let not_found = || ExecutionError::NotFound {
                name: name.to_owned(),
            };
            let summary = known.summaries.get(name).ok_or_else(not_found)?;
            if let Some(reason) = known.stalled.get(name) {
                return Err(ExecutionError::Stalled {
                    name: name.to_owned(),
                    reason: reason.clone(),
                });
            }
            if let Some(running) = known.running.get(name) {
                return Ok(Execution {
                    summary: summary.clone(),
                    input: running.input.clone(),
                    output: None,
                    error: None,
                    cause: None,
                });
            }
        }
        let path = self.path(name);
        match Execution::read(name, &path) {
            Ok(Some(execution)) => Ok(execution),
            Ok(None) => Err(ExecutionError::NotFound {
                name: name.to_owned(),
            }),
            Err(source) => Err(ExecutionError::Journal { path, source }),
        }
    }

    /// All executions, the last started first.
    pub fn list(&self) -> Vec<Summary> {
        let mut all: Vec<Summary> = self.lock().summaries.values().cloned().collect();
        all.sort_by(|a, b| (b.started_at, &b.name).cmp(&(a.started_at, &a.name)));
        all
    }

    /// The history of one execution, as GetExecutionHistory shows events, the first first.
    ///
    /// # Errors
    /// [`ExecutionError::NotFound`] or [`ExecutionError::Journal`].
    pub fn history(&self, name: &str) -> Result<Vec<Value>, ExecutionError> {
        if !self.lock().summaries.contains_key(name) {
            return Err(ExecutionError::NotFound {
                name: name.to_owned(),
            });
        }
        let path = self.path(name);
        journal::read(&path).map_err(journal_error(&path))
    }

    /// Stops an execution, and says when it ended: now, or before.
    ///
    /// A function that is at work finishes, as on AWS; nothing follows from its answer.
    ///
    /// # Errors
    /// [`ExecutionError::NotFound`] or [`ExecutionError::Journal`].
    pub fn stop(
        &self,
        name: &str,
        error: Option<String>,
        cause: Option<String>,
    ) -> Result<Timestamp, ExecutionError> {
        let (recorder, task) = {
            let known = self.lock();
            let summary = known
                .summaries
                .get(name)
                .ok_or_else(|| ExecutionError::NotFound {
                    name: name.to_owned(),
                })?;
            match known.running.get(name) {
                None => return Ok(summary.stopped_at.unwrap_or(summary.started_at)),
                Some(running) => (Arc::clone(&running.recorder), running.task.clone()),
            }
        };
        recorder
            .abort(error, cause)
            .map_err(journal_error(&self.path(name)))?;
        task.abort();
        self.note_end(name, &recorder);
        Ok(recorder.end().map_or_else(Timestamp::now, |(_, time)| time))
    }

    /// Waits until none runs any more.
    pub async fn idle(&self) {
        loop {
            let next = self
                .lock()
                .running
                .values()
                .next()
                .map(|running| running.ended.clone());
            let Some(mut ended) = next else { return };
            // The sender goes when the run is aborted, which is an end as well.
            let _ = ended.wait_for(|ended| *ended).await;
            tokio::task::yield_now().await;
        }
    }

    /// Starts nothing new and lets go of what runs; it is resumed when the folder is served again.
    pub(crate) fn suspend(&self) {
        let mut known = self.lock();
        known.stopping = true;
        for (name, running) in std::mem::take(&mut known.running) {
            tracing::info!(
                run_id = name,
                "paused; it resumes when the data folder is served again"
            );
            running.task.abort();
        }
    }

    /// The definition that all executions run.
    pub fn definition(&self) -> &str {
        &self.inner.definition
    }

    /// When this process began to serve them.
    pub fn served_since(&self) -> Timestamp {
        self.inner.served_since
    }

    fn path(&self, name: &str) -> PathBuf {
        self.inner.folder.join(format!("{name}.jsonl"))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.inner
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn check_input(input: &str) -> Result<(), ExecutionError> {
    if input.len() > INPUT_LIMIT_BYTES {
        let reason = format!(
            "it has {} bytes; at most {INPUT_LIMIT_BYTES} are allowed",
            input.len()
        );
        return Err(ExecutionError::Input { reason });
    }
    // As the state machine reads it: a skipped value may hold what no value can, such as 1e999.
    match serde_json::from_str::<Value>(input) {
        Ok(_) => Ok(()),
        Err(error) => Err(ExecutionError::Input {
            reason: error.to_string(),
        }),
    }
}

fn journal_error(path: &Path) -> impl FnOnce(io::Error) -> ExecutionError {
    let path = path.to_owned();
    move |source| ExecutionError::Journal { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_that_the_state_machine_cannot_read_is_refused() {
        let nested = format!("{}{}", "[".repeat(130), "]".repeat(130));
        for input in ["", "{", "1e999", r#""\ud800""#, &nested] {
            let refused = check_input(input);
            assert!(
                matches!(refused, Err(ExecutionError::Input { .. })),
                "{input}"
            );
        }
        for input in ["{}", "[1e300]", r#""\ud83c\udfe0""#] {
            assert!(check_input(input).is_ok(), "{input}");
        }
    }
}
