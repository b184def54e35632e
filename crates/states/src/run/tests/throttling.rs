//! An account with few concurrent executions of Lambda, which throttles, and many files at once.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::*;

/// Files that are dropped at the same moment.
const FILES: usize = 20;
/// What a new account allows.
const CONCURRENCY: usize = 10;
/// How long Lambda refuses every call at first.
const THROTTLED_S: i64 = 600;
/// Most events of an execution, as on AWS.
const EVENTS_MAX: usize = 25_000;

struct Account {
    clock: VirtualClock,
    started: Timestamp,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    at_work: usize,
    most_at_work: usize,
    throttled: usize,
    /// Whose turn it is.
    turn: Option<String>,
    /// Runs that did something else than fetch during the turn of another run.
    out_of_turn: BTreeSet<String>,
}

impl Account {
    fn throttles(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let is_early = self.clock.now().duration_since(self.started).as_secs() < THROTTLED_S;
        if is_early || state.at_work == CONCURRENCY {
            state.throttled += 1;
            return true;
        }
        state.at_work += 1;
        state.most_at_work = state.most_at_work.max(state.at_work);
        false
    }

    /// Whether it is this run's turn, as `fetch` answers.
    fn turn(&self, run: &str) -> Value {
        let mut state = self.state.lock().unwrap();
        if *state.turn.get_or_insert_with(|| run.to_owned()) == run {
            return json!({ "status": "go" });
        }
        json!({ "status": "wait", "wait_s": 60 })
    }
}

impl Host for Account {
    fn call<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            if let Resource::Service(_) = call.resource {
                return Ok(training::answer(call.state, &call.input));
            }
            if self.throttles() {
                return fails("Lambda.TooManyRequestsException");
            }
            let takes_s = if call.state == "Train" { 600 } else { 20 };
            let until = self.clock.now() + Duration::from_secs(takes_s);
            self.clock.sleep_until(until, Pause::Wait).await;
            let run = call.input["run_id"].as_str().unwrap();
            let mut answer = training::answer(call.state, &call.input);
            if call.state == "Fetch" {
                answer["turn"] = self.turn(run);
            }
            let mut state = self.state.lock().unwrap();
            state.at_work -= 1;
            if call.state != "Fetch" && state.turn.as_deref() != Some(run) {
                state.out_of_turn.insert(run.to_owned());
            }
            if call.state.starts_with("Record") {
                state.turn = None;
            }
            Ok(answer)
        })
    }
}

#[test]
fn twenty_files_in_a_throttled_account_are_all_finished_one_after_the_other() {
    let machine = Machine::parse(&training()).unwrap();
    let past = [first(&json!({}))];
    let started = past[0].timestamp;
    let clock = VirtualClock::new(started);
    let account = Account {
        clock: clock.clone(),
        started,
        state: Mutex::default(),
    };
    let names: Vec<String> = (0..FILES).map(|number| format!("run-{number}")).collect();
    let runs = names.iter().map(|name| {
        let (machine, account, clock, past) = (&machine, &account, &clock, &past);
        async move {
            let events = Mutex::new(past.to_vec());
            let execution = Execution {
                arn: execution().arn.replace("run-1", name),
                name: name.clone(),
                ..execution()
            };
            let ending = machine.run(&execution, past, account, clock, &events);
            (ending.await.unwrap(), events.into_inner().unwrap())
        }
    });
    let ended = clock.drive(join_all(runs)).unwrap();

    let mut waited = 0;
    for (name, (ending, events)) in names.iter().zip(&ended) {
        assert!(
            matches!(ending, Ending::Succeeded { .. }),
            "{name}: {ending:?}"
        );
        let entered: Vec<&str> = events
            .iter()
            .filter(|event| event.kind.ends_with("StateEntered"))
            .filter_map(|event| event.detail("name"))
            .collect();
        assert!(entered.contains(&"RecordPromotion"), "{name}: {entered:?}");
        assert!(events.len() < EVENTS_MAX, "{name}: {}", events.len());
        waited += usize::from(entered.contains(&"WaitForTurn"));
    }
    assert_eq!(waited, FILES - 1);
    let state = account.state.into_inner().unwrap();
    assert!(state.throttled > FILES, "{}", state.throttled);
    assert!(state.most_at_work <= CONCURRENCY);
    assert_eq!(state.out_of_turn, BTreeSet::new());
    // Nobody waited for longer than the trainings take, a minute or so between two of them included.
    let took_s = clock.now().duration_since(started).as_secs();
    let training_s = i64::try_from(FILES).unwrap() * 900;
    assert!(
        (THROTTLED_S..THROTTLED_S + training_s).contains(&took_s),
        "{took_s}"
    );
}
