//! `--device`, the same for every command that computes.

use crate::engine::Engine;
use crate::ui::Ui;
use anyhow::Result;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub struct DeviceArgs {
    /// auto, cpu, gpu, software, gpu:NAME or gpu:INDEX (see `blendfuse devices`)
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
}

impl DeviceArgs {
    pub fn named(device: &str) -> Self {
        Self { device: device.to_owned() }
    }

    /// Opens the device and says what was chosen.
    pub fn open(&self, ui: Ui) -> Result<Arc<Engine>> {
        let engine = Engine::open(&self.device)?;
        ui.say(format!("device: {}", engine.describe()));
        Ok(Arc::new(engine))
    }
}
