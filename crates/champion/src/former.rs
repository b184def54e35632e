//! Versions that were in production before the champion.

use tasador_ids::{ModelName, ModelVersion};
use tasador_registry::{PAGE_LIMIT_MAX, PageRequest, PromotionEvent, PromotionKind};
use tasador_runtime::Context;

use crate::load::{LoadedVersion, StoreError, load};

/// The most former champions that are tried in one call: each costs a download.
const TRIED_MAX: usize = 20;

/// Former champions of a model, latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Former {
    /// Those that a better version replaced: where a rollback leads.
    pub(crate) replaced: Vec<ModelVersion>,
    /// Those that a rollback took out of production: a last resort.
    pub(crate) withdrawn: Vec<ModelVersion>,
}

impl Former {
    pub(crate) async fn of(ctx: &Context, model: &ModelName) -> Result<Self, StoreError> {
        let mut events = Vec::new();
        let mut page = PageRequest::first(PAGE_LIMIT_MAX);
        loop {
            let part = ctx.registry.promotions(model, &page).await?;
            events.extend(part.items);
            match part.next {
                Some(next) => page = page.after(next),
                None => return Ok(Self::from_events(&events)),
            }
        }
    }

    /// By every promotion of the model, newest first: a promotion puts a version on top of the stack, a
    /// rollback takes off what stands above the version it leads to.
    fn from_events(events: &[PromotionEvent]) -> Self {
        let mut stack: Vec<ModelVersion> = Vec::new();
        let mut withdrawn = Vec::new();
        for event in events.iter().rev() {
            if event.kind == PromotionKind::Rollback {
                let known = stack.iter().rposition(|version| *version == event.version);
                // Back to a version that was never in production: the champion makes way for it.
                let keep = known.unwrap_or(stack.len().saturating_sub(1));
                withdrawn.extend(stack.drain(keep..));
            }
            stack.push(event.version);
        }
        let champion = stack.pop();
        let mut seen: Vec<ModelVersion> = champion.into_iter().collect();
        let mut new = |version: &ModelVersion| {
            let is_new = !seen.contains(version);
            seen.push(*version);
            is_new
        };
        stack.reverse();
        stack.retain(&mut new);
        withdrawn.reverse();
        withdrawn.retain(&mut new);
        Self {
            replaced: stack,
            withdrawn,
        }
    }
}

/// The last former champion that can be loaded. Versions that a rollback took out of production are
/// tried last.
///
/// # Errors
/// [`StoreError`] if a store did not answer.
pub async fn last_sound(
    ctx: &Context,
    model: &ModelName,
) -> Result<Option<LoadedVersion>, StoreError> {
    let former = Former::of(ctx, model).await?;
    first_sound(ctx, model, former.replaced.iter().chain(&former.withdrawn)).await
}

/// The versions that a better one replaced, latest first: where a rollback leads.
///
/// # Errors
/// [`StoreError`] if a store did not answer.
pub async fn replaced(ctx: &Context, model: &ModelName) -> Result<Vec<ModelVersion>, StoreError> {
    Ok(Former::of(ctx, model).await?.replaced)
}

pub(crate) async fn first_sound(
    ctx: &Context,
    model: &ModelName,
    versions: impl Iterator<Item = &ModelVersion>,
) -> Result<Option<LoadedVersion>, StoreError> {
    for version in versions.take(TRIED_MAX) {
        match load(ctx, model, *version).await? {
            Ok(loaded) => return Ok(Some(loaded)),
            Err(unusable) => tracing::warn!(%model, %version, "former champion: {unusable}"),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use PromotionKind::{Promotion as Up, Rollback as Back};
    use tasador_registry::PromotionSeq;

    fn former(moves: &[(PromotionKind, u32)]) -> (Vec<u32>, Vec<u32>) {
        let mut events: Vec<PromotionEvent> = moves
            .iter()
            .enumerate()
            .map(|(place, (kind, version))| PromotionEvent {
                seq: PromotionSeq(place as u64 + 1),
                model: "Model".parse().unwrap(),
                kind: *kind,
                version: ModelVersion(*version),
                previous: None,
                run: "run".parse().unwrap(),
                reason: String::new(),
                verdict_key: None,
                at: "2026-01-01T00:00:00Z".parse().unwrap(),
            })
            .collect();
        events.reverse();
        let Former {
            replaced,
            withdrawn,
        } = Former::from_events(&events);
        let numbers = |versions: Vec<ModelVersion>| versions.iter().map(|it| it.0).collect();
        (numbers(replaced), numbers(withdrawn))
    }

    #[test]
    fn former_champions_are_ordered_by_promotion_and_not_by_number() {
        for (moves, replaced, withdrawn) in [
            (vec![], vec![], vec![]),
            (vec![(Up, 1)], vec![], vec![]),
            (vec![(Up, 1), (Up, 2), (Up, 3)], vec![2, 1], vec![]),
            // An older number was promoted last.
            (vec![(Up, 3), (Up, 2)], vec![3], vec![]),
            (vec![(Up, 1), (Up, 2), (Back, 1)], vec![], vec![2]),
            (
                vec![(Up, 1), (Up, 2), (Up, 3), (Back, 1)],
                vec![],
                vec![3, 2],
            ),
            (vec![(Up, 1), (Up, 2), (Back, 1), (Up, 3)], vec![1], vec![2]),
            (vec![(Up, 1), (Up, 2), (Back, 1), (Up, 2)], vec![1], vec![]),
            (vec![(Up, 1), (Up, 2), (Up, 1)], vec![2], vec![]),
            // Back to a version that was never champion.
            (vec![(Up, 2), (Up, 4), (Back, 3)], vec![2], vec![4]),
        ] {
            assert_eq!(former(&moves), (replaced, withdrawn), "{moves:?}");
        }
    }
}
