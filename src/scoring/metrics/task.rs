//! The kind of a task: which metrics its labels define, and which one leads.

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
    /// Clips whose label has three or more: set accuracy compares their two largest, since no decision has three
    pub larger: usize,
}

impl Task {
    /// The kind of a task with these classes and labels.
    pub fn of<'a>(classes: &[String], truths: impl IntoIterator<Item = &'a Truth>) -> Self {
        let (mut pairs, mut larger) = (0, 0);
        for truth in truths {
            pairs += usize::from(truth.len() == 2);
            larger += usize::from(truth.len() > 2);
        }
        Self { blemore: is_blemore(classes), pairs, larger }
    }

    /// Returns true if any label has two or more positive classes.
    pub fn has_blends(&self) -> bool {
        self.pairs + self.larger > 0
    }

    /// The metric that ranks models of this task: the mean of both BlEmoRE metrics for BlEmoRE's labels, else UAR.
    pub fn leading(&self) -> RankBy {
        if self.blemore && self.pairs > 0 { RankBy::Mean } else { RankBy::Uar }
    }
}

impl DataInfo {
    /// The kind of task of the training labels.
    pub fn task(&self) -> Task {
        Task {
            blemore: is_blemore(&self.classes),
            pairs: self.folds.iter().map(|fold| fold.blends).sum(),
            larger: self.folds.iter().map(|fold| fold.larger).sum(),
        }
    }
}

/// Explains how clips with three or more classes are scored.
pub fn larger_note(task: &Task) -> String {
    format!(
        "{} with three or more positive classes: set accuracy (presence) compares the two largest of each, salience excludes them",
        count(task.larger, "clip")
    )
}
