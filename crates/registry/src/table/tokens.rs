//! Bearer tokens: one item each, in their own table.
//!
//! | `pk` | `sk` | what |
//! |---|---|---|
//! | `token` | `<id>` | a token's record, hashed; the table forgets it some time after `expires_at` |
//!
//! One partition: an installation has tens of tokens, which are listed by a query, and read one at a
//! time by key.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::ReturnValue;
use jiff::Timestamp;
use tasador_access::{TokenId, TokenRecord};

use super::Registry;
use super::fault::unavailable;
use super::item::{self, Item, text};
use super::key::Key;
use crate::RegistryError;

const TOKEN: &str = "token";

fn key(id: &TokenId) -> Key {
    Key {
        pk: TOKEN.to_owned(),
        sk: id.to_string(),
    }
}

impl Registry {
    /// The record of a token, as of now.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn token(&self, id: &TokenId) -> Result<Option<TokenRecord>, RegistryError> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.tokens)
            .set_key(Some(key(id).into()))
            // A token that was revoked is refused from that moment on.
            .consistent_read(true)
            .send()
            .await
            .map_err(unavailable("read a token"))?;
        found.item.map(item::record).transpose()
    }

    /// All tokens that the table has, by id; expired ones too, until it forgets them.
    ///
    /// # Errors
    /// [`RegistryError::Unavailable`] and [`RegistryError::Damaged`].
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>, RegistryError> {
        let mut tokens = Vec::new();
        let mut start: Option<Item> = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.tables.tokens)
                .consistent_read(true)
                .key_condition_expression("pk = :token")
                .expression_attribute_values(":token", text(TOKEN))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(unavailable("list the tokens"))?;
            for item in answer.items.unwrap_or_default() {
                tokens.push(item::record(item)?);
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(tokens);
            }
        }
    }

    /// Keeps a new token. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Conflict`] where there is another one of that id;
    /// [`RegistryError::Unavailable`].
    pub async fn add_token(&self, token: &TokenRecord) -> Result<(), RegistryError> {
        let sent = self
            .client
            .put_item()
            .table_name(&self.tables.tokens)
            .set_item(Some(item::item(key(&token.id), token)?))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(error) if condition_failed(&error) => match self.token(&token.id).await? {
                // The client tries again where an answer is lost.
                Some(kept) if kept.hash.matches(&token.hash) => Ok(()),
                _ => Err(RegistryError::Conflict {
                    why: format!("there is another token `{}` already", token.id),
                }),
            },
            Err(error) => Err(unavailable("keep a token")(error)),
        }
    }

    /// Revokes a token: it allows nothing from now on. One that was revoked before keeps that
    /// time. Gives back its record.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is none; [`RegistryError::Unavailable`].
    pub async fn revoke_token(
        &self,
        id: &TokenId,
        now: Timestamp,
    ) -> Result<TokenRecord, RegistryError> {
        let sent = self
            .client
            .update_item()
            .table_name(&self.tables.tokens)
            .set_key(Some(key(id).into()))
            .update_expression("SET revoked_at = if_not_exists(revoked_at, :now)")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", text(now.to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match sent {
            Ok(answer) => item::record(answer.attributes.unwrap_or_default()),
            Err(error) if condition_failed(&error) => Err(RegistryError::NotFound {
                what: format!("token `{id}`"),
            }),
            Err(error) => Err(unavailable("revoke a token")(error)),
        }
    }
}

fn condition_failed<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let code = error.as_service_error().and_then(|error| error.code());
    code == Some("ConditionalCheckFailedException")
}
