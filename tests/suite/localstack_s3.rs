//! The pipeline with the bucket in a running LocalStack, which `tests/localstack` starts. Tables and executions are the
//! local cloud's: LocalStack's DynamoDB needs Java, and its functions need Docker.

use local::cloud::Endpoints;
use tasador_runtime::Context;
use tasador_testing::tools::skipped;
use tests::deployment::Deployment;
use tests::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_becomes_a_price_with_the_bucket_in_localstack() {
    let Ok(localstack) = std::env::var("TASADOR_LOCALSTACK") else {
        skipped("TASADOR_LOCALSTACK names no running LocalStack; tests/localstack starts one");
        return;
    };
    let world = World::new(|_| ()).await;
    let endpoints = Endpoints {
        s3: localstack,
        ..world.cloud().endpoints().clone()
    };
    let config = (*world.context().config).clone();
    let context = Context::new(config, &endpoints.sdk_config());
    context.lake.create_bucket().await.unwrap();
    let deployed = Deployment::new(world.cloud().functions().names(), |_| context.clone());

    deployed.assert_batch_becomes_price(&world.source).await;
    // Its files are there and not here.
    assert!(!context.lake.list("models/").await.unwrap().is_empty());
    assert!(
        world
            .context()
            .lake
            .list("models/")
            .await
            .unwrap()
            .is_empty()
    );
}
