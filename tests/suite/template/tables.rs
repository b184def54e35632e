//! The template's tables are those that the code makes where no template did.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{KeySchemaElement, TableDescription};
use serde_json::{Value, json};
use tests::template::{Resource, Template, list};
use tests::world::World;

/// Keys, indexes and expiry of a table, as the template says.
fn as_deployed(table: Resource<'_>) -> Value {
    let properties = table.properties;
    let kinds = list(&properties["AttributeDefinitions"]);
    let keys = |of: &Value| -> Value {
        let parts = list(&of["KeySchema"]).into_iter().map(|part| {
            let name = &part["AttributeName"];
            let kind = kinds.iter().find(|kind| kind["AttributeName"] == *name);
            json!([name, kind.unwrap()["AttributeType"], part["KeyType"]])
        });
        parts.collect()
    };
    let mut indexes: Vec<Value> = list(&properties["GlobalSecondaryIndexes"])
        .into_iter()
        .map(|index| {
            json!([
                index["IndexName"],
                keys(index),
                index["Projection"]["ProjectionType"]
            ])
        })
        .collect();
    indexes.sort_by_key(Value::to_string);
    let expiry = &properties["TimeToLiveSpecification"];
    let expiry = (expiry["Enabled"] == true).then(|| expiry["AttributeName"].clone());
    json!({"keys": keys(properties), "indexes": indexes, "expiry": expiry})
}

/// The same of a table that is there.
async fn as_made(client: &Client, name: &str) -> Value {
    let described = client.describe_table().table_name(name).send().await;
    let table = described.unwrap().table.unwrap();
    let mut indexes: Vec<Value> = table
        .global_secondary_indexes()
        .iter()
        .map(|index| {
            let projection = index.projection().unwrap().projection_type().unwrap();
            json!([
                index.index_name().unwrap(),
                keys(&table, index.key_schema()),
                projection.as_str()
            ])
        })
        .collect();
    indexes.sort_by_key(Value::to_string);
    let expiry = client.describe_time_to_live().table_name(name).send().await;
    let expiry = expiry.unwrap().time_to_live_description;
    let expiry = expiry.and_then(|expiry| expiry.attribute_name);
    json!({"keys": keys(&table, table.key_schema()), "indexes": indexes, "expiry": expiry})
}

fn keys(table: &TableDescription, schema: &[KeySchemaElement]) -> Value {
    let parts = schema.iter().map(|part| {
        let kind = table
            .attribute_definitions()
            .iter()
            .find(|kind| kind.attribute_name() == part.attribute_name())
            .unwrap();
        json!([
            part.attribute_name(),
            kind.attribute_type().as_str(),
            part.key_type().as_str()
        ])
    });
    parts.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_deployed_as_they_are_made() {
    let template = Template::read();
    let world = World::new(|_| ()).await;
    let client = Client::new(&world.cloud().endpoints().sdk_config());
    let config = &world.context().config;
    for (deployed, made) in [
        ("RegistryTable", &config.registry_table),
        ("InferencesTable", &config.inferences_table),
        ("TokensTable", &config.tokens_table),
    ] {
        assert_eq!(
            as_deployed(template.resource(deployed)),
            as_made(&client, made).await,
            "{deployed}"
        );
    }
}

#[test]
fn tables_are_paid_by_use_copied_and_kept() {
    let template = Template::read();
    let tables: Vec<_> = template.of_type("AWS::DynamoDB::Table").collect();
    assert_eq!(tables.len(), 3);
    for table in tables {
        let properties = table.properties;
        assert_eq!(
            properties["BillingMode"], "PAY_PER_REQUEST",
            "{}",
            table.name
        );
        let copied = &properties["PointInTimeRecoverySpecification"];
        assert_eq!(copied["PointInTimeRecoveryEnabled"], true, "{}", table.name);
        let kept = json!({"Fn::If": ["IsProduction", true, false]});
        assert_eq!(
            properties["DeletionProtectionEnabled"], kept,
            "{}",
            table.name
        );
    }
}
