//! The fold models of a version: each home is evaluated by the one that never saw its property.

use crate::frame::Frame;
use crate::model::{Model, Prediction};

/// One model per fold, each fitted without the homes of its fold; see [`Frame::folds`].
#[derive(Debug, Clone, PartialEq)]
pub struct FoldModels(Vec<Model>);

impl FoldModels {
    /// The models in the order of their folds; `None` for fewer than two.
    pub fn new(models: Vec<Model>) -> Option<Self> {
        let is_count = (2..=usize::from(u8::MAX)).contains(&models.len());
        is_count.then_some(Self(models))
    }

    /// The models in the order of their folds.
    pub fn models(&self) -> &[Model] {
        &self.0
    }

    /// The number of folds.
    pub fn count(&self) -> u8 {
        self.0.len() as u8
    }

    /// The price of every home of a frame, in the installation's currency, each by the model that never saw its
    /// property.
    pub fn predict(&self, frame: &Frame) -> Vec<f64> {
        self.predict_logs(frame).into_iter().map(f64::exp).collect()
    }

    /// As [`FoldModels::predict`], with the intervals of `served`, the version's served model.
    pub fn predict_all(&self, served: &Model, frame: &Frame) -> Vec<Prediction> {
        served.with_intervals(frame, &self.predict_logs(frame))
    }

    /// The logarithms of the prices.
    pub(crate) fn predict_logs(&self, frame: &Frame) -> Vec<f64> {
        let fold_of = frame.folds(self.count());
        let mut logs = vec![0.0; frame.rows()];
        for (fold, model) in (0_u8..).zip(&self.0) {
            let rows = rows_of(&fold_of, fold, true);
            for (row, log) in rows.iter().zip(model.predict_logs(&frame.select(&rows))) {
                if let Some(place) = logs.get_mut(*row) {
                    *place = log;
                }
            }
        }
        logs
    }
}

/// The rows inside a fold, or outside of it.
pub(crate) fn rows_of(fold_of: &[u8], fold: u8, inside: bool) -> Vec<usize> {
    (0..)
        .zip(fold_of)
        .filter(|(_, of)| (**of == fold) == inside)
        .map(|(row, _)| row)
        .collect()
}
