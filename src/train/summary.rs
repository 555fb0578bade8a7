//! The summary of a finished run.

use super::Trainer;
use super::state::Best;
use super::validation::Judged;
use crate::config::Blends;
use crate::host::ui;
use crate::runs::{LrSchedule, RunSummary, Versions};
use crate::scoring::metrics::Score;

impl RunSummary {
    /// `judged`: the best weights on the validation rows, or on the training rows if no clips were held out.
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
