//! A run that is interrupted anywhere and resumed ends like an uninterrupted one.

use proptest::prelude::*;

use super::training::{answer, but, definition};
use super::*;

type Answers = Box<dyn Fn(&Call<'_>) -> (u64, Answer) + Send + Sync>;

/// Answers that depend only on the call, one set for each path through the machine.
fn ways() -> Vec<Answers> {
    vec![
        Box::new(but("", Ok(Value::Null))),
        Box::new(but("Fetch", Ok(json!({ "status": "nothing_new" })))),
        Box::new(but("Gate", Ok(json!({ "decision": "skip" })))),
        Box::new(but("Compare", Ok(json!({ "decision": "reject" })))),
        Box::new(but("Train", fails("CorruptArtifact"))),
        Box::new(but("Notify", fails("Bug"))),
        Box::new(|call| {
            (
                1,
                if call.retries == 0 {
                    fails("Retryable")
                } else {
                    Ok(answer(call.state, &call.input))
                },
            )
        }),
    ]
}

/// The top-level states that exited.
fn own(ran: &Ran) -> Vec<(&str, &str)> {
    let exits = ran
        .events
        .iter()
        .filter(|event| event.kind.ends_with("StateExited"));
    exits
        .filter_map(|event| Some((event.detail("name")?, event.detail("output")?)))
        .filter(|(name, _)| {
            ![
                "TrainOn",
                "TrainJob",
                "Train",
                "JobFailed",
                "CandidateFailed",
            ]
            .contains(name)
        })
        .collect()
}

#[test]
fn from_every_prefix_of_a_history_a_run_ends_the_same() {
    let machine = Machine::parse(&definition()).unwrap();
    for (way, answers) in ways().iter().enumerate() {
        let whole = go_on(&machine, &[first(&json!({ "in": 0.1 }))], answers);
        for cut in 1..=whole.events.len() {
            let resumed = go_on(&machine, &whole.events[..cut], answers);
            assert_eq!(resumed.ending, whole.ending, "way {way} cut after {cut}");
            assert_eq!(own(&resumed), own(&whole), "way {way} cut after {cut}");
            assert_eq!(resumed.events[..cut], whole.events[..cut]);
            for seen in resumed
                .seen
                .iter()
                .filter(|seen| seen.0.starts_with("Record"))
            {
                assert_eq!(seen.2["started_at"], "2023-11-14T22:13:20.000Z");
            }
        }
    }
}

#[test]
fn exited_states_are_not_repeated() {
    let machine = Machine::parse(&definition()).unwrap();
    let whole = go_on(&machine, &[first(&json!({}))], but("", Ok(Value::Null)));
    let trained = whole
        .events
        .iter()
        .position(|event| event.kind == "MapStateExited")
        .unwrap();
    let resumed = go_on(
        &machine,
        &whole.events[..=trained],
        but("", Ok(Value::Null)),
    );
    let called: Vec<&str> = resumed.seen.iter().map(|seen| seen.0.as_str()).collect();
    assert_eq!(called, ["Compare", "Promote", "RecordPromotion", "Notify"]);
    // One event earlier, the whole Map is repeated.
    let resumed = go_on(&machine, &whole.events[..trained], but("", Ok(Value::Null)));
    assert_eq!(
        resumed.seen.iter().filter(|seen| seen.0 == "Train").count(),
        3
    );
    // A history that has ended stays unchanged.
    let ended = go_on(&machine, &whole.events, but("", Ok(Value::Null)));
    assert_eq!(
        (ended.seen.len(), ended.events.len()),
        (0, whole.events.len())
    );
}

#[test]
fn a_history_of_another_definition_fails_by_the_name_of_the_state() {
    let machine = |next: &str| {
        let states = json!({ "A": { "Type": "Pass", "Next": next }, next: { "Type": "Succeed" } });
        Machine::parse(&json!({ "StartAt": "A", "States": states }).to_string()).unwrap()
    };
    let whole = go_on(&machine("Old"), &[first(&json!({}))], |_| {
        (0, Ok(Value::Null))
    });
    let resumed = go_on(&machine("New"), &whole.events[..3], |_| {
        (0, Ok(Value::Null))
    });
    let (error, cause) = resumed.failure();
    assert!(
        error == "States.Runtime" && cause.contains("'Old'"),
        "{error} {cause}"
    );
}

/// A journal that fails: the disk is full, or the process dies.
struct Breaks {
    kept: Mutex<Vec<HistoryEvent>>,
    after: usize,
}

impl Journal for Breaks {
    fn record(&self, event: &HistoryEvent) -> io::Result<()> {
        let mut kept = self.kept.lock().unwrap();
        if kept.len() >= self.after {
            return Err(io::Error::other("no space left"));
        }
        kept.push(event.clone());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cut_off_again_and_again_a_run_ends_the_same(way in 0usize..7, cuts in prop::collection::vec(1usize..12, 0..12)) {
        let machine = Machine::parse(&definition()).unwrap();
        let answers = &ways()[way];
        let whole = go_on(&machine, &[first(&json!({}))], answers);
        let mut past = vec![first(&json!({}))];
        for cut in cuts {
            let clock = VirtualClock::new(past.last().unwrap().timestamp);
            let host = Script { clock: clock.clone(), answer: answers, seen: Mutex::default() };
            let journal = Breaks { after: past.len() + cut, kept: Mutex::new(past.clone()) };
            let ran = clock.drive(machine.run(&execution(), &past, &host, &clock, &journal)).unwrap();
            past = journal.kept.into_inner().unwrap();
            if let Ok(ending) = ran {
                prop_assert_eq!(&ending, &whole.ending);
            }
        }
        let resumed = go_on(&machine, &past, answers);
        prop_assert_eq!(&resumed.ending, &whole.ending);
        prop_assert_eq!(own(&resumed), own(&whole));
    }
}
