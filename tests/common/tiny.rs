//! A tiny pool, small models, and runs of them.

use blendfuse::config::Config;
use blendfuse::data::{FoldChoice, LoadOptions, Pool, synth};
use blendfuse::engine::Engine;
use blendfuse::host::stop::Stop;
use blendfuse::host::ui::Ui;
use blendfuse::runs::{RunFolder, RunSummary};
use blendfuse::train::Trainer;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

/// Made once.
pub fn pool() -> Pool {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let ui = Ui::default().silent();
    let folder = FOLDER.get_or_init(|| {
        let folder = TempDir::new().expect("a temporary folder");
        synth::write(&folder.path().join("pool"), synth::Preset::Tiny, 3, &Stop::never(), ui)
            .expect("it can be written");
        folder
    });
    Pool::load(&folder.path().join("pool"), &LoadOptions::default(), ui).expect("it was just written")
}

pub fn config(settings: &[&str]) -> Config {
    let sizes = ["model.projection=24", "model.gate_hidden=12", "model.fused=32", "model.head_hidden=16"];
    let settings: Vec<String> = sizes.iter().chain(settings).map(|setting| (*setting).to_owned()).collect();
    Config::load(None, &settings).expect("known keys")
}

/// A run in a folder of its own, and how it ended.
pub struct Run {
    folder: TempDir,
    pub result: anyhow::Result<RunSummary>,
}

impl Run {
    pub fn new(engine: &Arc<Engine>, pool: Pool, settings: &[&str], selection: FoldChoice) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let config = config(settings);
        let ui = Ui::default().silent();
        let mut trainer = Trainer::new(engine, pool, &config, selection, None, ui).expect("it fits");
        let mut run = RunFolder::create(&folder.path().join("run"), &config).expect("it is new");
        let result = trainer.run(&mut run);
        Self { folder, result }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("run").join(name)
    }
}
