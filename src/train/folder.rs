//! The run folder: configuration, weights, log, summary, validation scores. Every file is whole or not there.

use super::gate::GateState;
use super::schedule::LrSchedule;
use super::state::{Best, State, Stopped};
use super::validation::{Judged, Validation};
use super::{Selection, Trainer};
use crate::config::{Blends, Config};
use crate::cv::{self, Judgement};
use crate::data::npz::NpzWriter;
use crate::decode::Thresholds;
use crate::engine::DeviceInfo;
use crate::files::{check_new_folder, write_atomically, write_json};
use crate::metrics::{Measures, Score};
use crate::model::checkpoint::{self, Checkpoint, Header, Snapshot};
use crate::ui;
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// `last.safetensors` is written this often: a large model's is three times its weights.
const SAVE_EVERY: Duration = Duration::from_secs(20);

/// The release that Cargo.toml names; wgpu does not tell its own.
const WGPU_VERSION: &str = "30";

/// A folder that one run writes.
pub struct RunFolder {
    pub path: PathBuf,
    /// When the state was last saved by this process
    saved: Option<Instant>,
}

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EpochLog {
    /// From 1
    pub epoch: u32,
    /// Steps done in all
    pub steps: u64,
    pub loss: f64,
    pub presence_loss: f64,
    pub salience_loss: f64,
    pub domain_loss: Option<f64>,
    pub validation_loss: Option<f64>,
    /// ACC_presence and ACC_salience on the validation rows, thresholds searched on them
    pub presence: Option<f64>,
    /// `None` where no training label has exactly two positive classes
    pub salience: Option<f64>,
    /// Of the largest class
    #[serde(default)]
    pub accuracy: Option<f64>,
    #[serde(default)]
    pub uar: Option<f64>,
    pub lr: f64,
    pub temperature: f32,
    /// On the validation rows; `None` without a gate or validation, and in logs of versions that did not record it
    #[serde(flatten)]
    pub gate: Option<GateState>,
    pub best: bool,
    pub seconds: f64,
    pub rows_per_second: f64,
}

/// `summary.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// What to type to repeat it
    pub command: String,
    pub versions: Versions,
    pub device: DeviceInfo,
    /// "all", {"fold": F}, or {"nested": {"fold": F, "choice": V}}: F is scored, V chose the epoch and the thresholds
    pub selection: Selection,
    /// n, resolved
    pub top_n: usize,
    pub seed: u64,
    pub epochs: u32,
    pub steps: u64,
    /// Why training ended; `None` in summaries of versions that did not record it
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// What set the learning rate of each epoch; `None` in summaries of versions that did not record it
    #[serde(default)]
    pub lr_schedule: Option<LrSchedule>,
    /// `train.lr_factors`
    #[serde(default)]
    pub lr_factors: Vec<f64>,
    /// The epoch whose weights are kept
    pub best_epoch: Option<u32>,
    pub validation_loss: Option<f64>,
    /// Whether a clip may be given two classes: `decode.blends`, resolved
    #[serde(default = "yes")]
    pub blends: bool,
    pub thresholds: Option<Thresholds>,
    /// On the validation rows under the official rule: thresholds searched on those very rows
    pub presence: Option<f64>,
    /// This and the mean are `None` where no training label has exactly two positive classes
    pub salience: Option<f64>,
    pub mean: Option<f64>,
    /// On the validation rows: metrics of the largest class, which depend on no threshold
    #[serde(default)]
    pub accuracy: Option<f64>,
    #[serde(default)]
    pub uar: Option<f64>,
    #[serde(default)]
    pub macro_f1: Option<f64>,
    #[serde(default)]
    pub log_loss: Option<f64>,
    #[serde(default)]
    pub ece: Option<f64>,
    /// Of the weights that are kept, on the validation rows or, with `--all`, on the training rows; `None` without a gate, and
    /// in summaries of versions that did not record it
    #[serde(flatten)]
    pub gate: Option<GateState>,
    /// On the scored fold of a nested selection; everything else above is then of the fold that chose
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored: Option<ScoredFold>,
    /// Wall time; of a resumed run, since it went on
    pub seconds: f64,
}

/// The fold that neither trained nor chose, scored when training was over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ScoredFold {
    /// By the thresholds that were chosen on the other held-out fold
    pub measures: Measures,
    /// With thresholds searched on these very clips, for comparison with an ordinary run's
    pub official: Judgement,
}

/// Versions that do not tell decoded blends.
fn yes() -> bool {
    true
}

/// Of the program and the library that talks to the GPU.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Versions {
    pub blendfuse: String,
    pub wgpu: String,
}

impl Versions {
    /// Of this program.
    pub fn here() -> Self {
        Self { blendfuse: env!("CARGO_PKG_VERSION").into(), wgpu: WGPU_VERSION.into() }
    }
}

impl RunFolder {
    /// A new folder with its `config.toml`.
    ///
    /// # Errors
    /// It exists and is not empty, or cannot be made.
    pub fn create(path: &Path, config: &Config) -> Result<Self> {
        Self::check_new(path)?;
        Self::begin(path, config)
    }

    /// Checks, before work begins, that a run can be started in `path`.
    ///
    /// # Errors
    /// It holds a run, finished or not, or anything else.
    pub fn check_new(path: &Path) -> Result<()> {
        let has = |name: &str| path.join(name).exists();
        // A cross-validation has a config.toml too, and claims its folder while it runs.
        let run = has("config.toml") && !has(".running") && cv::run_folders(path).is_empty();
        if run && !has("summary.json") {
            bail!("{}: holds an unfinished run; add --resume to continue it, or choose another --out", path.display());
        }
        if run && has("model.safetensors") {
            bail!("{}: holds a finished run; choose another --out", path.display());
        }
        check_new_folder(path)
    }

    /// Likewise, in a folder that may hold what an attempt left that never came to its `config.toml`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn begin(path: &Path, config: &Config) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("{}: cannot be made", path.display()))?;
        write_atomically(&path.join("config.toml"), |file| Ok(file.write_all(config.to_toml().as_bytes())?))?;
        Ok(Self { path: path.to_owned(), saved: None })
    }

    /// A folder whose run goes on.
    ///
    /// # Errors
    /// It is no run folder.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join("config.toml").exists() {
            bail!("{}: found no config.toml, expected a run to resume; start it without --resume", path.display());
        }
        Ok(Self { path: path.to_owned(), saved: None })
    }

    /// The state to resume from, if one was saved.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn last(&self) -> Result<Option<Checkpoint>> {
        read_if_there(&self.path.join("last.safetensors"))
    }

    /// The best weights so far, if any were saved.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn model(&self) -> Result<Option<Checkpoint>> {
        read_if_there(&self.path.join("model.safetensors"))
    }

    /// Drops the log's lines after `epoch`: the resumed run writes them again.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn truncate_log(&self, epoch: u32) -> Result<()> {
        let path = self.path.join("metrics.jsonl");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("{}: cannot be read", path.display())),
        };
        write_atomically(&path, |file| {
            for line in text.lines().take(epoch as usize) {
                writeln!(file, "{line}")?;
            }
            Ok(())
        })
    }

    pub(super) fn log(&self, log: &EpochLog) -> Result<()> {
        let path = self.path.join("metrics.jsonl");
        let write = || -> Result<()> {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            Ok(file.write_all(format!("{}\n", serde_json::to_string(log)?).as_bytes())?)
        };
        write().with_context(|| format!("{}: cannot be written", path.display()))
    }

    pub(super) fn is_due(&self) -> bool {
        self.saved.is_none_or(|saved| saved.elapsed() >= SAVE_EVERY)
    }

    pub(super) fn write_model(&self, header: &Header, tensors: &Snapshot) -> Result<()> {
        checkpoint::write(&self.path.join("model.safetensors"), header, tensors)
    }

    pub(super) fn write_last(&mut self, header: &Header, tensors: &Snapshot) -> Result<()> {
        checkpoint::write(&self.path.join("last.safetensors"), header, tensors)?;
        self.saved = Some(Instant::now());
        Ok(())
    }

    /// What a run that broke leaves: its last good weights, and the best ones if there were any.
    pub(super) fn write_good(
        &mut self,
        header: &Header,
        state: &State,
        best: Option<&Snapshot>,
        good: Snapshot,
        moments: Snapshot,
    ) -> Result<()> {
        self.write_model(header, best.unwrap_or(&good))?;
        let header = Header { resume: Some(serde_json::to_string(state)?), ..header.clone() };
        self.write_last(&header, &good.into_iter().chain(moments).collect())
    }

    /// Scores, weights and targets of held-out clips.
    pub(super) fn write_validation(
        &self,
        file: &str,
        header: &Header,
        validation: &Validation,
        judged: &Judged,
    ) -> Result<()> {
        let mut npz = NpzWriter::create(&self.path.join(file))?;
        npz.strings("filenames", &validation.names)?;
        if let Some(groups) = &validation.groups {
            npz.strings("groups", groups)?;
        }
        npz.matrix("scores", judged.scores.view())?;
        npz.matrix("w", judged.output.w.view())?;
        npz.matrix("a", judged.output.a.view())?;
        npz.matrix("targets", validation.targets.view())?;
        npz.strings("classes", &header.classes)?;
        let encoders: Vec<&str> = header.encoders.iter().map(|encoder| encoder.name.as_str()).collect();
        npz.strings("encoders", &encoders)?;
        npz.finish()
    }

    pub(super) fn write_summary(&self, summary: &Summary) -> Result<()> {
        write_json(&self.path.join("summary.json"), summary)
    }
}

fn read_if_there(path: &Path) -> Result<Option<Checkpoint>> {
    if path.exists() { Checkpoint::read(path).map(Some) } else { Ok(None) }
}

impl EpochLog {
    /// The epoch for people.
    pub fn line(&self) -> String {
        let mut line = format!("epoch {:3}  loss {:.4}", self.epoch, self.loss);
        if let Some(loss) = self.validation_loss {
            line += &format!("  validation {loss:.4}");
        }
        line += &figures(self.presence, self.salience, self.accuracy, self.uar)
            .map_or(String::new(), |text| format!("  {text}"));
        line += &format!("  lr {:.1e}  τ {:.3}  {:.0} rows/s", self.lr, self.temperature, self.rows_per_second);
        if self.best && self.validation_loss.is_some() { line + "  best" } else { line }
    }
}

/// What fits the labels: presence and salience where there are pairs, else accuracy and UAR.
pub(super) fn figures(
    presence: Option<f64>,
    salience: Option<f64>,
    accuracy: Option<f64>,
    uar: Option<f64>,
) -> Option<String> {
    let two = |a: &str, x: Option<f64>, b: &str, y: Option<f64>| Some(format!("{a} {:.3}  {b} {:.3}", x?, y?));
    two("presence", presence, "salience", salience).or_else(|| two("accuracy", accuracy, "UAR", uar))
}

impl Summary {
    /// The scores of its scored fold in a line, else its validation scores; `None` of a run that held no clips out.
    pub fn figures(&self) -> Option<String> {
        if let Some(ScoredFold { measures, .. }) = &self.scored {
            let salience = self.salience.map(|_| measures.salience);
            return figures(Some(measures.presence), salience, Some(measures.accuracy), Some(measures.uar));
        }
        figures(self.presence, self.salience, self.accuracy, self.uar)
    }

    /// `judged`: the weights that are kept on the validation rows, or on the training rows where no clips were held out.
    pub(super) fn new(trainer: &Trainer, judged: &Judged, seconds: f64) -> Self {
        let gate = judged.gate;
        let judged = trainer.validation.held_out.then_some(judged);
        let score: Option<Score> = judged.map(|judged| judged.score);
        let best: Option<Best> = trainer.state.best;
        Self {
            command: ui::command(),
            versions: Versions::here(),
            device: trainer.network.model.engine.info(),
            selection: trainer.state.selection,
            top_n: trainer.network.model.dims.top_n,
            seed: trainer.config.train.seed,
            epochs: trainer.state.epoch,
            steps: trainer.state.step,
            stopped: trainer.state.stopped(&trainer.config.train),
            lr_schedule: Some(LrSchedule::of(&trainer.config.train, trainer.state.selection)),
            lr_factors: trainer.config.train.lr_factors.clone(),
            best_epoch: best.map(|best| best.epoch),
            validation_loss: judged.map(|judged| judged.loss),
            blends: trainer.config.decode.blends != Blends::Never,
            thresholds: trainer.header.thresholds,
            presence: score.map(|score| score.presence),
            salience: score.filter(|_| trainer.validation.pairs).map(|score| score.salience),
            mean: score.filter(|_| trainer.validation.pairs).map(|score| score.mean()),
            accuracy: judged.map(|judged| judged.measures.accuracy),
            uar: judged.map(|judged| judged.measures.uar),
            macro_f1: judged.map(|judged| judged.measures.macro_f1),
            log_loss: judged.and_then(|judged| judged.measures.log_loss),
            ece: judged.and_then(|judged| judged.measures.ece),
            gate,
            scored: None,
            seconds,
        }
    }
}
