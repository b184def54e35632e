//! A request for prices and its answer, free of HTTP's details.

use std::time::Instant;

use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use tasador_http::Problem;
use tasador_ids::ModelVersion as Version;
use utoipa::ToSchema;

use crate::champion::Champion;
use crate::price::{self, Homes, ModelVersion, Outcome, Price, Wanted};

/// A request for prices.
#[derive(Debug)]
pub struct Question {
    /// Its id, a [`tasador_http::RequestId`].
    pub request_id: String,
    /// When it came in.
    pub begun: Instant,
    /// What was asked, as it came; what can't be read as JSON stands here as text, for the log.
    pub input: Value,
    /// Whether the request wants explanations.
    pub explain: bool,
    /// How many comparable sales the request wants of each home, at most
    /// [`COMPARABLES_MAX`](crate::COMPARABLES_MAX).
    pub comparables: usize,
    /// What is already known to be wrong with it: it is answered with this, logged and counted.
    pub refused: Option<Problem>,
}

impl Question {
    /// The question of this input: a listing, or `{"instances": [listing …]}`.
    pub fn new(request_id: String, input: Value) -> Self {
        Self {
            request_id,
            begun: Instant::now(),
            input,
            explain: false,
            comparables: 0,
            refused: None,
        }
    }

    /// With explanations.
    pub fn explain(self, explain: bool) -> Self {
        Self { explain, ..self }
    }

    /// With so many comparable sales.
    pub fn comparables(self, comparables: usize) -> Self {
        Self {
            comparables: comparables.min(crate::COMPARABLES_MAX),
            ..self
        }
    }

    /// One that is wrong already.
    pub fn refused(self, problem: Problem) -> Self {
        Self {
            refused: Some(problem),
            ..self
        }
    }
}

/// An answer as it is to be sent: already in the inference log, and counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// What is answered.
    pub body: Body,
    /// The body as JSON.
    pub text: String,
    /// The request's id.
    pub request_id: String,
}

impl Answer {
    /// The content type of `text`.
    pub fn content_type(&self) -> &'static str {
        match self.body {
            Body::Problem(_) => "application/problem+json",
            Body::One(_) | Body::Many(_) => "application/json",
        }
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Body {
    /// One listing's price.
    One(Box<OnePrice>),
    /// An outcome for each listing.
    Many(Prices),
    /// Neither.
    Problem(Problem),
}

/// The price of one listing.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OnePrice {
    /// The price.
    #[serde(flatten)]
    pub price: Price,
    /// The version that priced.
    pub model: ModelVersion,
    /// The request's id, as in the header `x-request-id` and in the logs.
    pub request_id: String,
}

/// What became of several listings.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Prices {
    /// One for each listing, in their order.
    pub predictions: Vec<Outcome>,
    /// Fields beside `instances`, which were not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_fields: Vec<String>,
    /// The version that priced.
    pub model: ModelVersion,
    /// The request's id, as in the header `x-request-id` and in the logs.
    pub request_id: String,
}

/// An answer before it is written down.
pub(crate) struct Drafted {
    pub(crate) body: Body,
    /// The version that was asked, where one was.
    pub(crate) version: Option<Version>,
    /// Listings that were answered with a price.
    pub(crate) priced: u64,
    /// Listings of a list that have none.
    pub(crate) failed: u64,
}

impl Drafted {
    pub(crate) fn status(&self) -> StatusCode {
        match &self.body {
            Body::Problem(problem) => problem.status,
            Body::One(_) | Body::Many(_) => StatusCode::OK,
        }
    }

    pub(crate) fn refusal(problem: Problem, request_id: &str) -> Self {
        Self {
            body: Body::Problem(problem.request_id(request_id)),
            version: None,
            priced: 0,
            failed: 0,
        }
    }

    /// Prices what was asked.
    pub(crate) fn prices(
        homes: &Homes<'_>,
        champion: &Champion,
        wanted: Wanted,
        request_id: &str,
    ) -> Self {
        let model = ModelVersion::of(champion);
        let (mut priced, mut failed) = (0, 0);
        let body = match homes {
            Homes::One(fields) => match price::price(fields, champion, wanted) {
                Ok(price) => {
                    priced = 1;
                    Body::One(Box::new(OnePrice {
                        price,
                        model,
                        request_id: request_id.to_owned(),
                    }))
                }
                Err(problem) => Body::Problem(problem.request_id(request_id)),
            },
            Homes::Instances { instances, ignored } => {
                let predictions: Vec<Outcome> = instances
                    .iter()
                    .enumerate()
                    .map(|(index, instance)| price::outcome(index, instance, champion, wanted))
                    .collect();
                for outcome in &predictions {
                    match outcome {
                        Outcome::Priced(_) => priced += 1,
                        Outcome::Failed { .. } => failed += 1,
                    }
                }
                Body::Many(Prices {
                    predictions,
                    ignored_fields: ignored.iter().map(|&field| field.to_owned()).collect(),
                    model,
                    request_id: request_id.to_owned(),
                })
            }
        };
        Self {
            body,
            version: Some(champion.version()),
            priced,
            failed,
        }
    }
}
