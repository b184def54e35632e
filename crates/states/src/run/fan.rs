//! Map and Parallel: the same states for many items, or many branches for the same input,
//! concurrently. Results keep the order of items and branches; the first error ends all.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};

use super::state::Visit;
use super::{Engine, Halt};
use crate::BoxFuture;
use crate::definition::{Items, States};
use crate::error::{Fault, name};
use crate::path::Scope;

/// The result of one branch: its index, its result, and its last event.
type Done = (usize, Result<Value, Halt>, u64);

impl Engine<'_> {
    pub(super) async fn map<'s>(
        &'s self,
        visit: &Visit<'s>,
        items: &'s Items,
        input: &Value,
        last: &mut u64,
    ) -> Result<Value, Halt> {
        let list = match visit.get(&items.path, input)? {
            Value::Array(list) => list,
            other => {
                let shown: String = other.to_string().chars().take(200).collect();
                let fault = Fault::new(
                    name::RUNTIME,
                    format!("ItemsPath must point to a list, not to {shown}"),
                );
                return Err(visit.at(fault).into());
            }
        };
        let at_once = Items::at_once(visit.limit(&items.concurrency, input, 0)?);
        // Each item with the input of its iteration.
        let mut prepared = Vec::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            let item = json!({ "Index": index, "Value": value });
            let begin = match &items.selector {
                None => value,
                Some(selector) => {
                    let mut context = visit.context.clone();
                    if let Some(context) = context.as_object_mut() {
                        context.insert("Map".to_owned(), json!({ "Item": item }));
                    }
                    selector
                        .make(Scope {
                            document: input,
                            context: &context,
                        })
                        .map_err(|fault| visit.at(fault))?
                }
            };
            prepared.push((item, begin));
        }
        self.record(
            last,
            "MapStateStarted",
            Some((
                "mapStateStartedEventDetails".to_owned(),
                json!({ "length": prepared.len() }),
            )),
        )?;
        let started = *last;
        let named = |which: &str, index| {
            let details = json!({ "name": visit.state.name, "index": index });
            (
                format!("MapIteration{which}"),
                Some((format!("mapIteration{which}EventDetails"), details)),
            )
        };

        let mut results = vec![Value::Null; prepared.len()];
        let mut begun = BTreeSet::new();
        let mut running: FuturesUnordered<BoxFuture<'_, Done>> = FuturesUnordered::new();
        let mut waiting = prepared.iter().enumerate();
        loop {
            while running.len() < at_once {
                let Some((index, (item, begin))) = waiting.next() else {
                    break;
                };
                let mut branch = started;
                let (kind, details) = named("Started", index);
                self.record(&mut branch, kind, details)?;
                begun.insert(index);
                running.push(self.branch(&items.states, begin.clone(), Some(item), index, branch));
            }
            let Some((index, result, mut branch)) = running.next().await else {
                break;
            };
            begun.remove(&index);
            match result {
                Ok(result) => {
                    let (kind, details) = named("Succeeded", index);
                    self.record(&mut branch, kind, details)?;
                    *last = branch;
                    if let Some(place) = results.get_mut(index) {
                        *place = result;
                    }
                }
                Err(Halt::Fault(fault)) => {
                    // Iterations still in progress are dropped before the history records it.
                    drop(running);
                    for (which, index) in std::iter::once(("Failed", index))
                        .chain(begun.iter().map(|index| ("Aborted", *index)))
                    {
                        let (kind, details) = named(which, index);
                        self.record(&mut branch, kind, details)?;
                    }
                    *last = branch;
                    self.record(last, "MapStateFailed", None)?;
                    return Err(fault.into());
                }
                Err(halt) => return Err(halt),
            }
        }
        self.record(last, "MapStateSucceeded", None)?;
        Ok(results.into())
    }

    pub(super) async fn parallel<'s>(
        &'s self,
        visit: &Visit<'s>,
        branches: &'s [States],
        input: &Value,
        last: &mut u64,
    ) -> Result<Value, Halt> {
        self.record(last, "ParallelStateStarted", None)?;
        let mut running: FuturesUnordered<BoxFuture<'_, Done>> = branches
            .iter()
            .enumerate()
            .map(|(index, states)| self.branch(states, input.clone(), visit.item, index, *last))
            .collect();
        let mut results = vec![Value::Null; branches.len()];
        while let Some((index, result, branch)) = running.next().await {
            *last = branch;
            match result {
                Ok(result) => {
                    if let Some(place) = results.get_mut(index) {
                        *place = result;
                    }
                }
                Err(Halt::Fault(fault)) => {
                    drop(running);
                    self.record(last, "ParallelStateFailed", None)?;
                    return Err(fault.into());
                }
                Err(halt) => return Err(halt),
            }
        }
        self.record(last, "ParallelStateSucceeded", None)?;
        Ok(results.into())
    }

    fn branch<'s>(
        &'s self,
        states: &'s States,
        input: Value,
        item: Option<&'s Value>,
        index: usize,
        started: u64,
    ) -> BoxFuture<'s, Done> {
        Box::pin(async move {
            let mut last = started;
            let result = self
                .flow(states, &states.start, input, item, &mut last)
                .await;
            (index, result, last)
        })
    }
}
