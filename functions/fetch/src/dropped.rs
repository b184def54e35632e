//! Files under `drop/` whose event started nothing: EventBridge gave up, or no execution could start. Each
//! run that was asked for whatever comes next looks for them.

use jiff::SignedDuration;
use tasador_flow::Reason;
use tasador_runtime::{Classify as _, ErrorClass, chain};

use crate::source::{Place, Source};
use crate::{Error, Response, Run};

/// Where people put files.
const DROP: &str = "drop/";

/// How long a file's own execution has to take it.
const OWN_EXECUTION: SignedDuration = SignedDuration::from_mins(15);

/// Files that turn out to be known or unusable, of one run: the next run goes on with the rest.
const READ_MAX: usize = 20;

impl Run<'_> {
    /// Takes an object that the execution's input names.
    pub(crate) async fn take_object(&self, source: &Source) -> Result<Response, Error> {
        let taken_at = self.ctx.now();
        let response = self.ask(source).await?;
        if let Place::Object { bucket, key } = &source.place
            && bucket == self.ctx.lake.bucket()
            && key.as_str().starts_with(DROP)
        {
            self.ctx.registry.note_drop(key.as_str(), taken_at).await?;
        }
        Ok(response)
    }

    /// The oldest file under `drop/` that nobody has taken.
    pub(crate) async fn dropped(&self) -> Result<Option<Response>, Error> {
        let (lake, registry) = (&self.ctx.lake, &self.ctx.registry);
        let latest = self.ctx.now() - OWN_EXECUTION;
        let mut files = lake.list(DROP).await?;
        // What consoles make for a folder is empty.
        files.retain(|file| {
            file.size_bytes > 0 && file.modified_at.is_some_and(|modified| modified < latest)
        });
        files.sort_by_key(|file| file.modified_at);
        let mut read = 0;
        for file in files {
            let name = file.key.as_str();
            if registry.drop_taken_at(name).await? > file.modified_at {
                continue;
            }
            if read == READ_MAX {
                tracing::warn!(run_id = %self.id, "files under {DROP} are left for the next run");
                return Ok(None);
            }
            read += 1;
            tracing::warn!(run_id = %self.id, object = name, "no execution has taken {name}; run {} takes it", self.id);
            let source = Source::named(lake.bucket(), name)?;
            match self.take_object(&source).await {
                Ok(Response::NothingNew { reasons, .. }) => {
                    let code = reasons.first().map(Reason::code);
                    tracing::info!(run_id = %self.id, object = name, code, "{name} is known");
                }
                Ok(found) => return Ok(Some(found)),
                Err(error) => match error.class() {
                    ErrorClass::Retryable | ErrorClass::SourceUnavailable => return Err(error),
                    // It would end every run from now on.
                    _ => {
                        tracing::error!(run_id = %self.id, object = name, "{name} can't be taken and is passed over: {}", chain(&error));
                        registry.note_drop(name, self.ctx.now()).await?;
                    }
                },
            }
        }
        Ok(None)
    }
}
