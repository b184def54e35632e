use aws_sdk_dynamodb::types::AttributeValue;
use tasador_access::{HashKey, RANDOM_BYTES, Scope, Scopes, Token, TokenRecord, TokenStatus};
use tasador_registry::RegistryError;

use crate::fixture::{at, registry};

fn key() -> HashKey {
    HashKey::new("a key of the test, of 32 characters and more").unwrap()
}

fn token(number: u8, secret: u8) -> Token {
    let mut random = [secret; RANDOM_BYTES];
    random[..8].fill(number);
    Token::from_random(&random)
}

fn record(number: u8) -> TokenRecord {
    TokenRecord {
        note: number.is_multiple_of(2).then(|| format!("number {number}")),
        expires_at: number.is_multiple_of(3).then(|| at(1_000)),
        ..TokenRecord::new(
            &token(number, 9),
            &key(),
            Scopes::from_iter([Scope::Read, Scope::Predict]),
            at(0),
        )
    }
}

#[tokio::test]
async fn tokens_are_kept_hashed_listed_and_found() {
    let registry = registry().await;
    for number in [5, 3, 4, 6] {
        registry.add_token(&record(number)).await.unwrap();
        registry.add_token(&record(number)).await.unwrap();
    }
    let listed = registry.tokens().await.unwrap();
    let ids: Vec<String> = listed.iter().map(|token| token.id.to_string()).collect();
    assert_eq!(ids, [3, 4, 5, 6].map(|n| format!("{n:02x}").repeat(8)));
    let found = registry.token(token(6, 1).id()).await.unwrap().unwrap();
    assert!(found.hash.matches(&key().hash(&token(6, 9))));
    assert_eq!(found.note.as_deref(), Some("number 6"));
    assert_eq!(found.expires_at, Some(at(1_000)));
    assert_eq!(found.scopes, record(6).scopes);
    assert!(registry.token(token(7, 9).id()).await.unwrap().is_none());

    // What the table has: no secret, and the expiry as the table's own wants it.
    let items = registry.client.query().table_name("tokens");
    let items = items
        .key_condition_expression("pk = :pk AND sk = :sk")
        .expression_attribute_values(":pk", AttributeValue::S("token".to_owned()))
        .expression_attribute_values(":sk", AttributeValue::S(token(6, 9).id().to_string()))
        .send()
        .await
        .unwrap();
    let item = &items.items()[0];
    assert_eq!(
        item["expires_at"],
        AttributeValue::N(at(1_000).as_second().to_string())
    );
    let secret = token(6, 9).reveal();
    let secret = secret.rsplit('_').next().unwrap();
    assert!(!format!("{item:?}").contains(secret));
}

#[tokio::test]
async fn another_token_of_the_same_id_does_not_take_its_place() {
    let registry = registry().await;
    registry.add_token(&record(1)).await.unwrap();
    let other = TokenRecord::new(&token(1, 8), &key(), Scopes::default(), at(5));
    let refused = registry.add_token(&other).await;
    assert!(matches!(refused, Err(RegistryError::Conflict { .. })));
    let kept = registry.token(&other.id).await.unwrap().unwrap();
    assert!(kept.hash.matches(&record(1).hash));
}

#[tokio::test]
async fn a_token_is_revoked_once_and_for_all() {
    let registry = registry().await;
    registry.add_token(&record(2)).await.unwrap();
    let id = record(2).id;
    for second in [10, 20] {
        let revoked = registry.revoke_token(&id, at(second)).await.unwrap();
        assert_eq!(revoked.revoked_at, Some(at(10)));
        assert_eq!(revoked.note.as_deref(), Some("number 2"));
    }
    // Neither does making it again bring it back.
    registry.add_token(&record(2)).await.unwrap();
    let found = registry.token(&id).await.unwrap().unwrap();
    assert_eq!(found.status(at(11)), TokenStatus::Revoked);
    let unknown = registry.revoke_token(token(3, 0).id(), at(1)).await;
    assert!(matches!(unknown, Err(RegistryError::NotFound { .. })));
    assert!(registry.token(token(3, 0).id()).await.unwrap().is_none());
}
