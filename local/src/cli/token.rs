//! `tasador token`: bearer tokens made, listed and revoked, on a data folder or a deployment.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::json;
use tasador_access::{Scope, Scopes, Token, TokenId, TokenRecord};
use tasador_runtime::{Config, Context};

use super::Global;
use super::place::Place;
use crate::console::{remark, result};
use crate::random;

const EXAMPLES: &str = "\
Examples:
  tasador token create --scope predict --note 'the shop' --expires 30d
  tasador token create --scope read --scope predict --expires never
  TOKEN=$(tasador token create --scope admin --expires 1h)
  curl -s http://127.0.0.1:3000/history -H \"authorization: Bearer $TOKEN\"
  tasador token list
  tasador token revoke 3f2a9c0d51e7b846

Scopes:
  predict   POST /predict and GET /model
  read      everything that is shown: history, runs, models, metrics
  admin     all of that, and what changes something: start runs, promote, roll back

A token is tsd_<id>_<secret>. Its id is public and names it in lists and in the audit; its secret is
shown once, by `create`, and kept nowhere: whoever loses it makes a new token.

On a data folder this works whether or not `tasador up` serves it. For a deployment say the name of
its table of tokens, with AWS credentials and region as for the aws command, and TASADOR_TOKEN_KEY_SECRET:
  export TASADOR_TOKEN_KEY_SECRET=NAME
  tasador token --table NAME create --scope read
There a revoked token is shut out within a minute, here at once.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Table of a deployment's tokens; the data folder's where none is named
    #[arg(long, global = true, value_name = "NAME", env = "TASADOR_TOKENS_TABLE")]
    table: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token and print it, this once
    Create(Create),
    /// Show all tokens: what each allows, and until when
    List {
        /// Print JSON instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token permanently
    Revoke {
        /// Its id, as `list` shows it; or the whole token
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// What it allows: predict, read or admin; may be given several times
    #[arg(long, required = true, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<Scope>,
    /// When it ends: a length of time such as 12h or 30d, or never
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = expiry)]
    expires: Expiry,
    /// Whose it is, or what for
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// When a token ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expiry {
    After(SignedDuration),
    Never,
}

/// A time from now on as people write it, days included.
fn expiry(text: &str) -> Result<Expiry, String> {
    if text == "never" {
        return Ok(Expiry::Never);
    }
    let length = text
        .parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    match length {
        Ok(length) if length >= SignedDuration::from_secs(1) => Ok(Expiry::After(length)),
        _ => Err("write a length of time such as 12h or 30d, or never".to_owned()),
    }
}

pub(super) async fn run(global: &Global, options: Options) -> anyhow::Result<ExitCode> {
    let deployed = options
        .table
        .map(|table| |config: &mut Config| config.tokens_table = table);
    let place = Place::open(global, deployed).await?;
    let done = match options.command {
        Command::Create(wanted) => create(place.context(), wanted).await,
        Command::List { json } => list(place.context(), json).await,
        Command::Revoke { id } => revoke(place.context(), &id).await,
    };
    place.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn create(context: &Context, wanted: Create) -> anyhow::Result<()> {
    let Some(key) = context.token_key().await? else {
        bail!(
            "a token for a deployment is hashed under its key; set TASADOR_TOKEN_KEY_SECRET to its secret, see `tasador token --help`"
        );
    };
    let token = random::token().context("the system gives no random bytes")?;
    let scopes: Scopes = wanted.scope.into_iter().collect();
    let now = context.now();
    let expires_at = match wanted.expires {
        Expiry::Never => None,
        // In whole seconds, as the table keeps it.
        Expiry::After(length) => Some(
            now.checked_add(length)
                .and_then(|end| Timestamp::from_second(end.as_second()))
                .context("--expires is beyond the end of time; say never")?,
        ),
    };
    let record = TokenRecord {
        note: wanted.note.filter(|note| !note.trim().is_empty()),
        expires_at,
        ..TokenRecord::new(&token, &key, scopes, now)
    };
    context.registry.add_token(&record).await?;
    remark(format!(
        "Token {}, good for {}, {}. It is shown this once:",
        record.id,
        record.scopes,
        record.expires_at.map_or_else(
            || "does not expire".to_owned(),
            |end| format!("expires {}", day_and_time(end))
        ),
    ));
    result(token.reveal())?;
    Ok(())
}

async fn list(context: &Context, as_json: bool) -> anyhow::Result<()> {
    let tokens = context.registry.tokens().await?;
    let now = context.now();
    if as_json {
        let shown = |token: &TokenRecord| {
            json!({
                "id": token.id, "scopes": token.scopes, "status": token.status(now).to_string(),
                "note": token.note, "created_at": token.created_at,
                "expires_at": token.expires_at, "revoked_at": token.revoked_at,
            })
        };
        let shown: Vec<_> = tokens.iter().map(shown).collect();
        result(serde_json::to_string_pretty(&shown)?)?;
        return Ok(());
    }
    if tokens.is_empty() {
        remark("There are no tokens; `tasador token create --scope read` makes one.");
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["id", "allows", "status", "created", "ends", "note"]);
    for token in &tokens {
        let ends = match (token.revoked_at, token.expires_at) {
            (Some(revoked), _) => day_and_time(revoked),
            (None, Some(end)) => day_and_time(end),
            (None, None) => "never".to_owned(),
        };
        table.add_row([
            token.id.to_string(),
            token.scopes.to_string(),
            token.status(now).to_string(),
            day_and_time(token.created_at),
            ends,
            token.note.clone().unwrap_or_default(),
        ]);
    }
    result(table)?;
    Ok(())
}

async fn revoke(context: &Context, text: &str) -> anyhow::Result<()> {
    // Whoever finds a token where it should not be has the whole of it at hand.
    let whole = text.parse::<Token>().map(|token| token.id().clone());
    let id: TokenId = whole.or_else(|_| text.parse()).map_err(|_| {
        anyhow::anyhow!("`{text}` is no token's id; `tasador token list` shows them")
    })?;
    context.registry.revoke_token(&id, context.now()).await?;
    remark(format!("Token {id} is revoked."));
    Ok(())
}

fn day_and_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_read_as_people_write_it() {
        let after = |hours| Ok(Expiry::After(SignedDuration::from_hours(hours)));
        for (text, expected) in [
            ("30d", after(720)),
            ("12h", after(12)),
            ("1w", after(168)),
            ("1d 2h", after(26)),
            ("never", Ok(Expiry::Never)),
        ] {
            assert_eq!(expiry(text), expected, "{text}");
        }
        for text in ["", "30", "soon", "-1d", "0s", "1y", "1mo"] {
            assert!(expiry(text).is_err(), "{text}");
        }
    }
}
