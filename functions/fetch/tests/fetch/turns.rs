//! As many runs work at a time as the settings allow; the others wait, each with its batch stored.

use fetch::{Response, Turn, handle};
use serde_json::{Value, json};

use crate::origin::rows;
use crate::place::{Place, request};

/// Calls fetch for a run that has the state document `document`; whose turn it is.
async fn turn(place: &Place, run: &str, document: Value) -> Turn {
    match handle(request(run, document), &place.ctx).await.unwrap() {
        Response::Batch(found) => found.turn,
        nothing => panic!("{nothing:?}"),
    }
}

#[tokio::test]
async fn a_run_waits_while_another_works_and_goes_on_when_that_has_ended() {
    let place = Place::new().await;
    for (run, text) in [
        ("first", "{\"a\":1}"),
        ("second", "{\"a\":2}"),
        ("third", "{\"a\":3}"),
    ] {
        place.runs(run);
        place.source.then(rows(text));
    }
    assert_eq!(
        turn(&place, "first", json!({})).await,
        Turn::Go { waited_ms: None }
    );
    let waiting = turn(&place, "second", json!({})).await;
    let Turn::Wait { since, wait_s } = &waiting else {
        panic!("{waiting:?}")
    };
    assert_eq!(*wait_s, 60);
    // The third is behind the second.
    let third = turn(&place, "third", json!({})).await;
    assert!(matches!(third, Turn::Wait { wait_s: 120, .. }), "{third:?}");
    assert_eq!(place.source.asked(), 3);

    // Called again, a run keeps its turn and its batch, and the beginning of its wait.
    assert_eq!(
        turn(&place, "first", json!({})).await,
        Turn::Go { waited_ms: None }
    );
    let document = json!({"fetch": {"turn": waiting}});
    let again = turn(&place, "second", document.clone()).await;
    assert!(
        matches!(again, Turn::Wait { since: same, .. } if same == *since),
        "{again:?}"
    );

    // Nobody gives the turn back: the execution was killed.
    place.ended("first");
    let goes = turn(&place, "second", document).await;
    assert!(matches!(goes, Turn::Go { waited_ms: Some(_) }), "{goes:?}");
    let third = turn(&place, "third", json!({})).await;
    assert!(matches!(third, Turn::Wait { .. }), "{third:?}");
    assert_eq!(place.source.asked(), 3);
}

#[tokio::test]
async fn of_runs_that_ask_at_once_as_many_go_as_are_allowed() {
    let place = Place::with(tasador_runtime::Interceptors::new(), |config| {
        config.max_runs = 2
    })
    .await;
    let names = ["a", "b", "c", "d", "e", "f"];
    for name in names {
        place.runs(name);
        place.source.then(rows(&format!("{{\"name\":\"{name}\"}}")));
    }
    let all = names.map(|name| turn(&place, name, json!({})));
    let all = futures::future::join_all(all).await;
    let going = all.iter().filter(|turn| matches!(turn, Turn::Go { .. }));
    assert_eq!(going.count(), 2, "{all:?}");
}
