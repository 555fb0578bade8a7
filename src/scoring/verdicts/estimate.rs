//! A score over all out-of-fold predictions, with its interval.

use super::system::{System, ThresholdsFrom, Unit};
use crate::host::ui::count;
use crate::scoring::metrics::RankBy;
use crate::scoring::stats::{self, MIN_GROUPS, NoInterval};
use serde::{Deserialize, Serialize};

/// A score over all folds together, averaged over seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The metric
    pub metric: RankBy,
    /// Source of the thresholds
    pub thresholds: ThresholdsFrom,
    /// Value of the metric
    pub value: f64,
    /// 95 % interval by a bootstrap over groups
    pub interval: Option<[f64; 2]>,
    /// Why there is no interval
    pub no_interval: Option<String>,
    /// What is resampled
    pub unit: Unit,
    /// Number of groups, or of clips if no groups are known
    pub units: usize,
    /// Number of clips
    pub clips: usize,
    /// Number of seeds
    pub seeds: usize,
}

impl Estimate {
    /// Evaluates a system with at least one clip.
    pub fn of(system: &System, metric: RankBy) -> Self {
        let sums = system.group_sums(metric, system.groups().as_ref());
        let interval = stats::interval(sums.sums.view(), |total| sums.value(total));
        Self {
            metric,
            thresholds: system.thresholds(metric),
            value: sums.total(),
            interval: interval.ok(),
            no_interval: interval.err().map(|why| reason(why, sums.unit)),
            unit: sums.unit,
            units: sums.sums.nrows(),
            clips: system.clips(),
            seeds: system.seeds().len(),
        }
    }

    /// `0.295, 95 % interval 0.270 to 0.321`
    pub fn text(&self) -> String {
        match self.interval {
            Some([low, high]) => format!("{:.3}, 95 % interval {low:.3} to {high:.3}", self.value),
            None => format!("{:.3}", self.value),
        }
    }

    /// `bootstrap over 47 groups`, or why there is no interval
    pub fn how(&self) -> String {
        match &self.no_interval {
            Some(why) => format!("no interval: {why}"),
            None => format!("bootstrap over {}", units(self.unit, self.units)),
        }
    }
}

/// `47 groups`, or `100 clips (no groups known)`
pub fn units(unit: Unit, n: usize) -> String {
    match unit {
        Unit::Groups => count(n, "group"),
        Unit::Clips => format!("{} (no groups known)", count(n, "clip")),
    }
}

pub(super) fn reason(why: NoInterval, unit: Unit) -> String {
    match (why, unit) {
        (NoInterval::FewGroups(n), Unit::Groups) => {
            format!("found {}, expected at least {MIN_GROUPS}", count(n, "group"))
        }
        (NoInterval::FewGroups(n), Unit::Clips) => {
            format!("found {}, expected at least {MIN_GROUPS}", count(n, "clip"))
        }
        (NoInterval::NoSpread, _) => "every resample has the same score".into(),
    }
}
