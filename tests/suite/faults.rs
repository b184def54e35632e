//! Nothing is lost and nothing is done twice, wherever a run is hit.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tasador_ids::BatchId;
use tasador_registry::{OutcomeKind, PageRequest};
use tasador_testing::listings::Batch;
use tasador_testing::source::Answer;
use tests::invariants;
use tests::stories::{Story, task_states, train_on_anything};
use tests::world::{Run, World};

/// Runs a story, the last run with these faults ahead of it, which it meets.
async fn run_with(world: &World, story: Story, faults: &str) -> Run {
    let mut answers = story.answers();
    let last = answers.pop().unwrap();
    for answer in answers {
        world.source.then(answer);
        let run = world.run(&json!({})).await;
        assert_eq!(run.kind(), OutcomeKind::Promoted, "{}", run.reasons());
    }
    world.faults.plan(faults).unwrap();
    world.source.then(last);
    let run = world.run(&json!({})).await;
    assert!(world.faults.all_struck(), "{faults} was never reached");
    run
}

async fn promotions(world: &World) -> usize {
    let context = world.context();
    let page = PageRequest::first(10);
    let promotions = context.registry.promotions(&context.config.model, &page);
    promotions.await.unwrap().items.len()
}

/// A passing fault, before or after the effect, costs a repetition and nothing else. What is told to
/// the topic is not repeated: nothing hangs on it.
async fn a_passing_fault_is_repeated(side: &str, state: &str, story: Story) {
    let world = World::new(|config| story.configure(config)).await;
    let run = run_with(&world, story, &format!("fail:{side}:{state}")).await;
    assert_eq!(
        run.kind(),
        story.kind(),
        "{side} {state}: {:#?}",
        run.recorded()
    );
    assert_eq!(
        world.source.asked(),
        story.answers().len(),
        "{side} {state}: the source was asked again"
    );
    assert_eq!(promotions(&world).await, story.promotions());
    invariants::check(&world).await;
}

/// A lasting fault ends the run as failed, with its batch's outcome, unless the run's outcome had been
/// reached; the batch can be asked for by name later, and then gets the outcome it would have had.
async fn a_lasting_fault_is_recorded(side: &str, state: &str, story: Story) {
    let world = World::new(|config| story.configure(config)).await;
    // A job is tried again whatever it failed of, for Batch does not tell.
    let tries = if state == "TrainJob" { 2 } else { 1 };
    let faults = vec![format!("fail:{side}:{state}:Bug"); tries].join(",");
    let broken = run_with(&world, story, &faults).await;
    let is_record = state.starts_with("Record");
    let is_notify = state.starts_with("Notify");
    let is_reached = is_notify
        || state == "RecordPromotion"
        || (side == "after" && (is_record || state == "Promote"));
    match (side, state) {
        // Nothing is left that could record it.
        ("before", "RecordFailure") => assert_eq!(broken.outcome, None),
        _ => {
            let outcome = broken.recorded();
            let kind = if is_reached {
                story.kind()
            } else {
                OutcomeKind::Failed
            };
            assert_eq!(outcome.kind, kind, "{side} {state}: {outcome:#?}");
            let class = outcome.error.as_ref().map(|error| error.class.as_str());
            let expected = match story {
                Story::Failed => Some("InvalidInput"),
                _ if is_notify => None,
                _ => Some("Bug"),
            };
            assert_eq!(class, expected, "{side} {state}: {outcome:#?}");
        }
    }
    if is_notify {
        let end = if story == Story::Failed {
            "Failed"
        } else {
            "Done"
        };
        assert_eq!(broken.path().last(), Some(&end), "{side} {state}");
    }

    // What the fault left open is taken up before the source is asked.
    let next = world.run(&json!({})).await;
    let kind = match state {
        // The run did not learn which batch it was.
        "Fetch" => story.kind(),
        _ => OutcomeKind::NothingNew,
    };
    assert_eq!(next.kind(), kind, "{side} {state}: {:#?}", next.recorded());
    invariants::check(&world).await;
    let raw = world.context().lake.list("raw/").await.unwrap();
    assert_eq!(raw.len(), story.batches(), "{side} {state}");

    if let Some(Answer::Json(bytes)) = story.answers().last() {
        let input = json!({"batch": BatchId::of(bytes)});
        let named = world.run(&input).await;
        let kind = match story {
            // The same data give the same model.
            Story::Promoted | Story::PromotedByJob if is_reached || state == "Fetch" => {
                OutcomeKind::Rejected
            }
            _ => story.kind(),
        };
        assert_eq!(
            named.kind(),
            kind,
            "{side} {state}: {:#?}",
            named.recorded()
        );
    }
    assert_eq!(promotions(&world).await, story.promotions());
    invariants::check(&world).await;
}

macro_rules! each_state {
    ($($name:ident: $state:literal in $story:ident),+ $(,)?) => {
        /// The states that these tests cover.
        const COVERED: &[&str] = &[$($state),+];
        $(
            mod $name {
                use super::{Story, a_lasting_fault_is_recorded, a_passing_fault_is_repeated};

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn passing_before() { a_passing_fault_is_repeated("before", $state, Story::$story).await; }
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn passing_after() { a_passing_fault_is_repeated("after", $state, Story::$story).await; }
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn lasting_before() { a_lasting_fault_is_recorded("before", $state, Story::$story).await; }
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn lasting_after() { a_lasting_fault_is_recorded("after", $state, Story::$story).await; }
            }
        )+
    };
}

each_state!(
    fetch: "Fetch" in Promoted,
    preprocess: "Preprocess" in Promoted,
    gate: "Gate" in Promoted,
    train: "Train" in Promoted,
    train_job: "TrainJob" in PromotedByJob,
    compare: "Compare" in Promoted,
    promote: "Promote" in Promoted,
    record_promotion: "RecordPromotion" in Promoted,
    notify: "Notify" in Promoted,
    record_rejection: "RecordRejection" in Rejected,
    record_skip: "RecordSkip" in Skipped,
    record_failure: "RecordFailure" in Failed,
    notify_failure: "NotifyFailure" in Failed,
    record_nothing_new: "RecordNothingNew" in NothingNew,
);

#[test]
fn every_state_that_does_work_is_covered() {
    let covered: BTreeSet<String> = COVERED.iter().copied().map(str::to_owned).collect();
    assert_eq!(covered, task_states());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_whose_failure_could_not_be_recorded_is_taken_up() {
    let world = World::new(|_| ()).await;
    let faults = "fail:before:Compare:Bug,fail:before:RecordFailure:Bug";
    let broken = run_with(&world, Story::Promoted, faults).await;
    assert_eq!(broken.outcome, None);
    let next = world.run(&json!({})).await;
    assert_eq!(next.kind(), OutcomeKind::Promoted, "{}", next.reasons());
    assert_eq!(world.source.asked(), 1);
    invariants::check(&world).await;
}

/// Every function, called again with what it was called with, answers as before and changes nothing.
/// Gate and compare judge by the champion, so they may answer otherwise where the run has promoted.
async fn every_task_may_be_repeated(story: Story, faults: &str, functions: &[&str]) {
    let world = World::new(train_on_anything).await;
    let run = run_with(&world, story, faults).await;
    let context = world.context();
    let registry = &context.registry;
    let before = registry.history_of(&run.id).await.unwrap();
    let champion = registry.champion(&context.config.model).await.unwrap();
    let objects = context.lake.list("").await.unwrap();
    let asked = world.source.asked();

    let tasks = tasks(&run.events);
    let names: Vec<&str> = tasks.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, functions);
    for (name, input, output) in &tasks {
        let again = world.cloud().functions().invoke(name, input.clone()).await;
        let again = again.unwrap_or_else(|failure| panic!("{name}: {}", failure.message));
        if run.kind() != OutcomeKind::Promoted || !matches!(name.as_str(), "gate" | "compare") {
            assert_eq!(again, *output, "{name} answers otherwise the second time");
        }
    }

    let after = registry.history_of(&run.id).await.unwrap();
    assert_eq!(after, before);
    let after = registry.champion(&context.config.model).await.unwrap();
    assert_eq!(after, champion);
    if run.kind() != OutcomeKind::Promoted {
        assert_eq!(context.lake.list("").await.unwrap(), objects);
    }
    // Nothing is kept of an answer without a batch, so it is fetched again.
    let again = usize::from(story == Story::NothingNew);
    assert_eq!(world.source.asked(), asked + again);
    invariants::check(&world).await;
}

mod repeated {
    use super::{Story, every_task_may_be_repeated};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_a_promoted_run() {
        let functions = [
            "fetch",
            "preprocess",
            "gate",
            "train",
            "compare",
            "promote",
            "record",
        ];
        every_task_may_be_repeated(Story::Promoted, "", &functions).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_a_rejected_run() {
        let functions = ["fetch", "preprocess", "gate", "train", "compare", "record"];
        every_task_may_be_repeated(Story::Rejected, "", &functions).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_a_skipped_run() {
        let functions = ["fetch", "preprocess", "gate", "record"];
        every_task_may_be_repeated(Story::Skipped, "", &functions).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_an_empty_run() {
        every_task_may_be_repeated(Story::NothingNew, "", &["fetch", "record"]).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_a_run_that_failed_at_the_source() {
        every_task_may_be_repeated(Story::Failed, "", &["record"]).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn of_a_run_that_failed_on_its_way() {
        let functions = ["fetch", "preprocess", "gate", "train", "record"];
        let faults = "fail:before:Compare:Bug";
        every_task_may_be_repeated(Story::Promoted, faults, &functions).await;
    }
}

/// Function, input and output of every task in a run's history that answered.
fn tasks(events: &[Value]) -> Vec<(String, Value, Value)> {
    let text = |event: &Value, details: &str, field: &str| -> Option<String> {
        Some(event.get(details)?.get(field)?.as_str()?.to_owned())
    };
    let mut tasks = Vec::new();
    for event in events {
        let details = "lambdaFunctionScheduledEventDetails";
        let Some(resource) = text(event, details, "resource") else {
            continue;
        };
        let input = text(event, details, "input").unwrap();
        let scheduled = event["id"].as_u64().unwrap();
        let ended = events.iter().find(|later| {
            later["id"].as_u64() > Some(scheduled)
                && ["Succeeded", "Failed"]
                    .iter()
                    .any(|end| later["type"] == format!("LambdaFunction{end}"))
        });
        let details = "lambdaFunctionSucceededEventDetails";
        let Some(output) = text(ended.unwrap(), details, "output") else {
            continue;
        };
        let name = resource.rsplit(':').next().unwrap().to_owned();
        tasks.push((
            name,
            serde_json::from_str(&input).unwrap(),
            serde_json::from_str(&output).unwrap(),
        ));
    }
    tasks
}

/// Tasks or storage calls fail by chance, before or after their effect: runs end all the same.
async fn faults_by_chance(plan: &str) {
    let seed: u64 = std::env::var("TASADOR_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_124);
    #[expect(clippy::print_stdout, reason = "libtest shows it where the test fails")]
    {
        println!("TASADOR_TEST_SEED={seed}");
    }
    let world = World::new(|_| ()).await;
    let plan = plan.replace("SEED", &seed.to_string());
    world.faults.plan(&plan).unwrap();
    let executions = world.cloud().executions();
    let mut events = Vec::new();
    for batch in 0..4 {
        world
            .source
            .then(Answer::Json(Batch::new(seed + batch, 300).api_json()));
        // Not `deliver`: its own look at the history would meet the faults.
        let started = executions.start(None, "{}").unwrap();
        executions.idle().await;
        events.extend(executions.history(&started.name).unwrap());
    }
    world.faults.clear();
    let is_struck = |event: &&Value| {
        ["LambdaFunctionFailed", "TaskFailed"]
            .map(Value::from)
            .contains(&event["type"])
    };
    let struck = events.iter().filter(is_struck).count();
    assert!(struck > 0, "no task has failed");
    // What a failed record may have left open is finished now, and what was not asked for is fetched.
    for _ in 0..4 {
        world.run(&json!({})).await;
    }
    let raw = world.context().lake.list("raw/").await.unwrap();
    assert_eq!(raw.len(), 4, "a batch was lost on its way here");
    invariants::check(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_one_task_in_seven_leave_the_invariants_alone() {
    faults_by_chance("chance:SEED:14").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_one_storage_call_in_twenty_five_leave_the_invariants_alone() {
    faults_by_chance("chance-of-call:SEED:4").await;
}
