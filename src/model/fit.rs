//! Placement of a pool's features, resident or streamed, and advice if memory is insufficient.

use super::plan::{Plan, bytes};
use super::{Dims, Mode, Windows};
use crate::config::{Config, FeaturePlacement};
use crate::engine::{AvailableMemory, Engine};
use anyhow::{Error, Result, anyhow};

/// A network and pool to place.
pub struct Request<'a> {
    /// The device
    pub engine: &'a Engine,
    /// The configuration
    pub config: &'a Config,
    /// The network's sizes
    pub dims: &'a Dims,
    /// N
    pub clips: usize,
    /// Largest number of rows of a batch
    pub capacity: usize,
    /// The network's use
    pub mode: Mode,
}

/// The chosen placement.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Whether features are streamed
    pub streamed: bool,
    /// The encoders in windows
    pub windows: Windows,
    /// The memory needed
    pub plan: Plan,
    /// The choice and its reason, in one line
    pub why: String,
}

impl Request<'_> {
    /// Chooses resident or streamed features, as configured or by the available memory.
    ///
    /// # Errors
    /// If the reported memory is insufficient or an encoder exceeds a buffer; the message says which setting would fit.
    pub fn fit(&self) -> Result<Fit> {
        let resident = match self.wanted() {
            FeaturePlacement::Streamed => return self.streamed("as configured"),
            FeaturePlacement::Resident | FeaturePlacement::Auto => self.place(false, self.capacity),
        };
        match resident {
            Ok((windows, plan)) if self.has_room(&plan) => {
                let room = self.room(&plan).map(|room| format!(" of {} available", bytes(room)));
                let why = format!("features: resident ({}{} in total)", bytes(plan.total()), room.unwrap_or_default());
                Ok(Fit { streamed: false, windows, plan, why })
            }
            Ok((_, plan)) if self.wanted() == FeaturePlacement::Resident => {
                Err(self.too_little(&plan, self.room(&plan)))
            }
            Ok((_, plan)) => {
                let room = self.room(&plan).map(bytes).unwrap_or_default();
                self.streamed(&format!("since resident ones would need {} of {room} available", bytes(plan.total())))
            }
            Err(error) if self.wanted() == FeaturePlacement::Resident => Err(error),
            Err(error) => self.streamed(&format!("since resident ones do not fit: {error}")),
        }
    }

    /// Chooses streamed features, regardless of the configuration.
    ///
    /// # Errors
    /// As [`Request::fit`].
    pub fn streamed(&self, reason: &str) -> Result<Fit> {
        let (windows, plan) = self.place(true, self.capacity)?;
        if !self.has_room(&plan) {
            return Err(self.too_little(&plan, self.room(&plan)));
        }
        let why = format!("features: streamed, {reason} ({} in total)", bytes(plan.total()));
        Ok(Fit { streamed: true, windows, plan, why })
    }

    /// Returns true if features may be streamed when the allocation of resident ones fails.
    pub fn may_stream(&self) -> bool {
        self.wanted() == FeaturePlacement::Auto
    }

    /// The error of insufficient memory: the bytes needed, and a setting that fits into `room` bytes; `None` if the device does
    /// not report its memory.
    pub fn too_little(&self, plan: &Plan, room: Option<u64>) -> Error {
        let name = self.engine.info().name;
        let there = room.map_or("has less".to_owned(), |room| format!("has {}", bytes(room)));
        let what = if self.trains() { "training" } else { "predicting" };
        let (total, advice) = (bytes(plan.total()), self.advice(plan, room));
        anyhow!("{name}: {what} needs {total} of memory, the device {there} ({plan}); use {advice}")
    }

    fn advice(&self, refused: &Plan, room: Option<u64>) -> String {
        // The size of a streamed run with batches of that many rows, if it may fit.
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
        // With adaptation a batch has as many target rows as labelled ones.
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

    /// The largest batch below `limit` that fits; 0 if none does.
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
            // A setting for the training device does not bind other devices.
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

    /// Bytes available for the plan.
    fn room(&self, plan: &Plan) -> Option<u64> {
        self.engine.available_memory().map(|room| match room {
            AvailableMemory::Device(bytes) => bytes,
            // The host's copy is freed encoder by encoder as features become resident.
            AvailableMemory::Host(bytes) if !plan.streamed => bytes + 4 * (self.clips * self.dims.columns()) as u64,
            AvailableMemory::Host(bytes) => bytes,
        })
    }
}
