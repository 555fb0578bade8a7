//! `--device`, the same for every command that computes.

use crate::engine::Engine;
use crate::gpu::Note;
use crate::host::ui::Ui;
use anyhow::{Result, bail};
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub struct DeviceArgs {
    /// auto, cpu, gpu, software, gpu:NAME or gpu:INDEX (see `blendfuse devices`)
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
    /// Take the default tiles of matrix products, instead of those that were measured or are measured now
    #[arg(long)]
    no_tune: bool,
}

impl DeviceArgs {
    /// What to type to choose the same.
    pub fn arguments(&self) -> Vec<String> {
        let no_tune = self.no_tune.then(|| "--no-tune".to_owned());
        ["--device".to_owned(), self.device.clone()].into_iter().chain(no_tune).collect()
    }

    /// Opens the device and says what was chosen.
    pub fn open(&self, ui: Ui) -> Result<Arc<Engine>> {
        let engine = self.open_untuned(ui)?;
        if !self.no_tune {
            engine.tune(move |note| tell(note, ui));
        }
        Ok(engine)
    }

    /// As `open`, with the default tiles.
    pub fn open_untuned(&self, ui: Ui) -> Result<Arc<Engine>> {
        let engine = Engine::open(&self.device, |warning| ui.warn(warning))?;
        ui.say(format!("device: {}", engine.describe()));
        Ok(Arc::new(engine))
    }

    /// As `open_untuned`, but a GPU: where `auto` finds no hardware it takes a software adapter.
    pub fn open_gpu(&self, ui: Ui) -> Result<Arc<Engine>> {
        let engine = self.open_untuned(ui)?;
        if matches!(*engine, Engine::Gpu(_)) {
            return Ok(engine);
        }
        if self.device != "auto" {
            bail!(
                "--device {}: the CPU engine is the kernels' twins, there is nothing to compare; use gpu or software",
                self.device
            );
        }
        Self { device: "software".into(), no_tune: true }.open_untuned(ui)
    }
}

/// What tuning says, for people.
pub fn tell(note: Note, ui: Ui) {
    match note {
        Note::Warning(text) => ui.warn(text),
        Note::Detail(text) => ui.detail(text),
    }
}
