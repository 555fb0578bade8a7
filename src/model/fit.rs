//! Whether a pool's features can lie on the device, and what to change where there is too little memory.

use super::plan::{Plan, bytes};
use super::{Dims, Mode, Windows};
use crate::config::{Config, FeaturePlacement};
use crate::engine::{AvailableMemory, Engine};
use anyhow::{Error, Result, anyhow};

/// What is to be placed.
pub struct Request<'a> {
    pub engine: &'a Engine,
    pub config: &'a Config,
    pub dims: &'a Dims,
    /// N
    pub clips: usize,
    /// Rows of a batch at most
    pub capacity: usize,
    pub mode: Mode,
}

/// Where it goes.
#[derive(Clone, Debug)]
pub struct Fit {
    pub streamed: bool,
    pub windows: Windows,
    pub plan: Plan,
    /// What was chosen and why, in one line
    pub why: String,
}

impl Request<'_> {
    /// Resident or streamed, as configured or as there is room.
    ///
    /// # Errors
    /// Too little memory, as far as the device tells, or an encoder that outgrows a buffer; says what would fit.
    pub fn fit(&self) -> Result<Fit> {
        let resident = match self.wanted() {
            FeaturePlacement::Streamed => return self.streamed("as configured"),
            FeaturePlacement::Resident | FeaturePlacement::Auto => self.place(false, self.capacity),
        };
        match resident {
            Ok((windows, plan)) if self.has_room(&plan) => {
                let room = self.room(&plan).map(|room| format!(" of {} there", bytes(room)));
                let why = format!("features: resident ({}{} in all)", bytes(plan.total()), room.unwrap_or_default());
                Ok(Fit { streamed: false, windows, plan, why })
            }
            Ok((_, plan)) if self.wanted() == FeaturePlacement::Resident => {
                Err(self.too_little(&plan, self.room(&plan)))
            }
            Ok((_, plan)) => {
                let room = self.room(&plan).map(bytes).unwrap_or_default();
                self.streamed(&format!("since resident ones would need {} of {room} there", bytes(plan.total())))
            }
            Err(error) if self.wanted() == FeaturePlacement::Resident => Err(error),
            Err(error) => self.streamed(&format!("since resident ones do not fit: {error}")),
        }
    }

    /// Streamed, whatever is configured.
    ///
    /// # Errors
    /// As [`Request::fit`].
    pub fn streamed(&self, reason: &str) -> Result<Fit> {
        let (windows, plan) = self.place(true, self.capacity)?;
        if !self.has_room(&plan) {
            return Err(self.too_little(&plan, self.room(&plan)));
        }
        let why = format!("features: streamed, {reason} ({} in all)", bytes(plan.total()));
        Ok(Fit { streamed: true, windows, plan, why })
    }

    /// True where features that the device had no memory for may be streamed.
    pub fn may_stream(&self) -> bool {
        self.wanted() == FeaturePlacement::Auto
    }

    /// How much is needed for what, and which setting would fit into `room` bytes; `None` where all that is known is that
    /// the device has less.
    pub fn too_little(&self, plan: &Plan, room: Option<u64>) -> Error {
        let name = self.engine.info().name;
        let there = room.map_or("has less".to_owned(), |room| format!("has {}", bytes(room)));
        let what = if self.trains() { "training" } else { "predicting" };
        let (total, advice) = (bytes(plan.total()), self.advice(plan, room));
        anyhow!("{name}: {what} needs {total} of memory, the device {there} ({plan}); use {advice}")
    }

    fn advice(&self, refused: &Plan, room: Option<u64>) -> String {
        // The size of a streamed run with batches of that many rows, where it may fit.
        let fits = |capacity: usize| -> Option<u64> {
            let (_, plan) = self.place(true, capacity).ok()?;
            Some(plan.total()).filter(|&total| total < refused.total() && room.is_none_or(|room| total <= room))
        };
        let streamed = if refused.streamed { "" } else { "engine.features=streamed" };
        if let (false, Some(total)) = (refused.streamed, fits(self.capacity)) {
            return format!("{streamed} ({})", bytes(total));
        }
        let smaller = match self.engine {
            Engine::Gpu(_) => "a smaller model.projection or --device cpu",
            _ => "a smaller model.projection or a machine with more memory",
        };
        // With adaptation a batch has as many target rows again.
        let rows = 1 + usize::from(self.dims.domain);
        let batch = Self::largest(self.capacity / rows, |batch| fits(rows * batch).is_some());
        match (batch, room) {
            (2.., Some(_)) if self.trains() => {
                let total = fits(rows * batch).map(bytes).unwrap_or_default();
                [streamed, &format!("train.batch={batch} ({total})")].join(if refused.streamed { "" } else { " and " })
            }
            (2.., None) if self.trains() => format!("a smaller train.batch, {smaller}"),
            _ => smaller.to_owned(),
        }
    }

    /// The largest batch below `limit` that fits; 0 where none does.
    fn largest(limit: usize, fits: impl Fn(usize) -> bool) -> usize {
        let (mut low, mut high) = (0, limit);
        while high > low + 1 {
            let middle = low.midpoint(high);
            if fits(middle) { low = middle } else { high = middle }
        }
        low
    }

    fn trains(&self) -> bool {
        self.mode != Mode::Inference
    }

    fn wanted(&self) -> FeaturePlacement {
        match self.config.engine.features {
            // What suited the device of the training is no order to others.
            FeaturePlacement::Resident if !self.trains() => FeaturePlacement::Auto,
            features => features,
        }
    }

    fn place(&self, streamed: bool, capacity: usize) -> Result<(Windows, Plan)> {
        let rows = if streamed { capacity } else { self.clips };
        let windows = Windows::new(self.dims, rows, self.engine.max_elements())?;
        let plan = Plan::new(self.config, self.dims, &windows, self.clips, capacity, self.mode, streamed)?;
        Ok((windows, plan))
    }

    fn has_room(&self, plan: &Plan) -> bool {
        self.room(plan).is_none_or(|room| plan.total() <= room)
    }

    /// Bytes there are for what is planned.
    fn room(&self, plan: &Plan) -> Option<u64> {
        self.engine.available_memory().map(|room| match room {
            AvailableMemory::Device(bytes) => bytes,
            // The host's copy is given up piece by piece as features become resident.
            AvailableMemory::Host(bytes) if !plan.streamed => bytes + 4 * (self.clips * self.dims.columns()) as u64,
            AvailableMemory::Host(bytes) => bytes,
        })
    }
}
