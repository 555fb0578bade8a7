//! What the labels of a task can give, and which metric leads.

use super::RankBy;
use super::Truth;
use crate::data::DataInfo;
use crate::data::labels::is_blemore;
use crate::host::ui::count;
use serde::{Deserialize, Serialize};

/// The kind of a task, from its labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The classes are BlEmoRE's: its published figures and its submission format apply
    pub blemore: bool,
    /// Clips whose label has exactly two positive classes
    pub pairs: usize,
    /// Clips whose label has three or more: no decision equals them, so set accuracy counts their two largest
    pub larger: usize,
}

impl Task {
    /// Of classes and labels.
    pub fn of<'a>(classes: &[String], truths: impl IntoIterator<Item = &'a Truth>) -> Self {
        let (mut pairs, mut larger) = (0, 0);
        for truth in truths {
            pairs += usize::from(truth.len() == 2);
            larger += usize::from(truth.len() > 2);
        }
        Self { blemore: is_blemore(classes), pairs, larger }
    }

    /// Whether any label has two or more positive classes.
    pub fn has_blends(&self) -> bool {
        self.pairs + self.larger > 0
    }

    /// What ranks models of this task: the mean of both BlEmoRE metrics for BlEmoRE's labels, else UAR.
    pub fn leading(&self) -> RankBy {
        if self.blemore && self.pairs > 0 { RankBy::Mean } else { RankBy::Uar }
    }
}

impl DataInfo {
    /// What the training labels can give.
    pub fn task(&self) -> Task {
        Task {
            blemore: is_blemore(&self.classes),
            pairs: self.folds.iter().map(|fold| fold.blends).sum(),
            larger: self.folds.iter().map(|fold| fold.larger).sum(),
        }
    }
}

/// How clips with three or more classes are scored, for people.
pub fn larger_told(task: &Task) -> String {
    format!(
        "{} with three or more positive classes: set accuracy (presence) counts the two largest of each, salience leaves them out",
        count(task.larger, "clip")
    )
}
