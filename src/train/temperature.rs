//! The gate temperature τ: set for each epoch if it is annealed, read for the log.

use super::Trainer;
use crate::config::TemperatureMode;
use anyhow::Result;

impl Trainer {
    pub(super) fn set_temperature(&self, epoch: u32) {
        let temperature = &self.config.model.temperature;
        if temperature.mode == TemperatureMode::Anneal {
            let last = self.config.train.max_epochs.saturating_sub(1).max(1);
            let share = (epoch as f32 / last as f32).min(1.0);
            let tau = temperature.max + share * (temperature.min - temperature.max);
            let model = &self.network.model;
            model.engine.write(&model.weights.packed_params, model.layout.at.temperature as usize, &[tau]);
        }
    }

    pub(super) fn temperature(&self) -> Result<f32> {
        let model = &self.network.model;
        Ok(model.engine.read(&model.weights.packed_params, model.layout.at.temperature as usize, 1)?[0])
    }
}
