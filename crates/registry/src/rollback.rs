//! Proposed rollbacks: recorded for the champion that they speak against, one for each time that a version is
//! champion. Nothing closes one: it is over when the champion changes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tasador_flow::PromotionSeq;
use tasador_ids::ModelVersion;

use crate::promotion::{Champion, PromotionEvent, PromotionKind};

/// A rollback that the served prices of a champion speak for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProposedRollback {
    /// The champion whose prices turned out too wrong.
    #[cfg_attr(feature = "openapi", schema(value_type = u32, minimum = 1))]
    pub version: ModelVersion,
    /// The number of the promotion that made it champion.
    #[cfg_attr(feature = "openapi", schema(value_type = u64, minimum = 1))]
    pub promotion: PromotionSeq,
    /// The former version to go back to.
    #[cfg_attr(feature = "openapi", schema(value_type = u32, minimum = 1))]
    pub to: ModelVersion,
    /// Sales by which the champion was judged.
    pub sales: u64,
    /// Median error of the champion's served prices, as a share.
    pub served_error: f64,
    /// The median error that its validation promised.
    pub promised_error: f64,
    /// Median error of the former version out of fold.
    pub former_error: f64,
    /// When it was proposed.
    pub at: Timestamp,
    /// Since when later sales no longer speak for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub withdrawn_at: Option<Timestamp>,
}

/// What became of a proposed rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProposalState {
    /// It waits for a person.
    Open,
    /// The champion was rolled back to the version proposed.
    Accepted,
    /// Another version became champion.
    Superseded,
    /// Later sales no longer speak for it.
    Withdrawn,
}

impl ProposedRollback {
    /// What became of it, given the champion and the changes of the champion that are known.
    pub fn state(
        &self,
        champion: Option<&Champion>,
        promotions: &[PromotionEvent],
    ) -> ProposalState {
        let is_champion = champion.is_some_and(|champion| champion.promotion == self.promotion);
        let next = PromotionSeq(self.promotion.0 + 1);
        let is_accepted = promotions.iter().any(|event| {
            event.seq == next && event.kind == PromotionKind::Rollback && event.version == self.to
        });
        match (is_champion, self.withdrawn_at) {
            (true, None) => ProposalState::Open,
            (_, Some(_)) => ProposalState::Withdrawn,
            (false, None) if is_accepted => ProposalState::Accepted,
            (false, None) => ProposalState::Superseded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PromotionKind::{Promotion as Up, Rollback as Back};

    #[test]
    fn a_proposal_ends_with_the_championship_that_it_is_about() {
        let at = Timestamp::UNIX_EPOCH;
        let proposal = |withdrawn_at| ProposedRollback {
            version: ModelVersion(2),
            promotion: PromotionSeq(7),
            to: ModelVersion(1),
            sales: 100,
            served_error: 0.2,
            promised_error: 0.1,
            former_error: 0.15,
            at,
            withdrawn_at,
        };
        for (withdrawn, seq, next, expected) in [
            (None, 7, None, ProposalState::Open),
            (Some(at), 7, None, ProposalState::Withdrawn),
            (None, 8, Some((Back, 1)), ProposalState::Accepted),
            (None, 8, Some((Back, 5)), ProposalState::Superseded),
            (None, 8, Some((Up, 1)), ProposalState::Superseded),
            (None, 8, Some((Up, 3)), ProposalState::Superseded),
            (None, 9, Some((Back, 1)), ProposalState::Accepted),
            (Some(at), 8, Some((Back, 1)), ProposalState::Withdrawn),
        ] {
            let champion = Champion {
                version: ModelVersion(9),
                since: at,
                promotion: PromotionSeq(seq),
                run: "run".parse().unwrap(),
            };
            let promotions: Vec<PromotionEvent> = next
                .into_iter()
                .map(|(kind, version)| PromotionEvent {
                    seq: PromotionSeq(8),
                    model: "houses".parse().unwrap(),
                    kind,
                    version: ModelVersion(version),
                    previous: Some(ModelVersion(2)),
                    run: "run".parse().unwrap(),
                    reason: String::new(),
                    verdict_key: None,
                    at,
                })
                .collect();
            let state = proposal(withdrawn).state(Some(&champion), &promotions);
            assert_eq!(state, expected, "{withdrawn:?} {seq} {next:?}");
        }
    }
}
