//! `--device` and `--no-tune`, shared by all commands that run kernels.

use crate::engine::Engine;
use crate::gpu::Note;
use crate::host::ui::Ui;
use anyhow::{Result, bail};
use std::sync::Arc;

/// The device options.
#[derive(Debug, clap::Args)]
pub struct DeviceArgs {
    /// Device: auto, cpu, gpu, software, gpu:NAME or gpu:INDEX (see `blendfuse devices`)
    #[arg(long, value_name = "D", default_value = "auto")]
    device: String,
    /// Use the default tiles of matrix products instead of tuned ones
    #[arg(long)]
    no_tune: bool,
}

impl DeviceArgs {
    /// Returns the command-line arguments that select the same device.
    pub fn arguments(&self) -> Vec<String> {
        let no_tune = self.no_tune.then(|| "--no-tune".to_owned());
        ["--device".to_owned(), self.device.clone()].into_iter().chain(no_tune).collect()
    }

    /// Opens the device, prints its name, and uses tuned tiles unless --no-tune is given.
    ///
    /// # Errors
    /// No such device, or one that cannot be opened.
    pub fn open(&self, ui: Ui) -> Result<Arc<Engine>> {
        let engine = self.open_untuned(ui)?;
        if !self.no_tune {
            engine.tune(move |note| tell(note, ui));
        }
        Ok(engine)
    }

    /// Opens the device with the default tiles and prints its name.
    ///
    /// # Errors
    /// No such device, or one that cannot be opened.
    pub fn open_untuned(&self, ui: Ui) -> Result<Arc<Engine>> {
        let engine = Engine::open(&self.device, |warning| ui.warn(warning))?;
        ui.say(format!("device: {}", engine.describe()));
        Ok(Arc::new(engine))
    }

    /// Opens a GPU with the default tiles; `auto` falls back to a software adapter.
    ///
    /// # Errors
    /// No GPU of that name, one that cannot be opened, or `--device cpu`.
    pub fn open_gpu(&self, ui: Ui) -> Result<Arc<Engine>> {
        let engine = self.open_untuned(ui)?;
        if matches!(*engine, Engine::Gpu(_)) {
            return Ok(engine);
        }
        if self.device != "auto" {
            bail!(
                "--device {}: found the CPU engine, expected a GPU, since this command measures GPU kernels; use gpu or software",
                self.device
            );
        }
        Self { device: "software".into(), no_tune: true }.open_untuned(ui)
    }
}

/// Prints a message of the tuner.
pub fn tell(note: Note, ui: Ui) {
    match note {
        Note::Warning(text) => ui.warn(text),
        Note::Detail(text) => ui.detail(text),
    }
}
