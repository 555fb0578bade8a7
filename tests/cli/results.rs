//! Folders of results made by hand: scores, weights and curves that look like those of training, from a seed.

use blendfuse::analysis::{Analysis, Weights};
use blendfuse::config::{Config, SalienceRule, Threshold, TopN};
use blendfuse::data::FoldChoice;
use blendfuse::data::npz::NpzWriter;
use blendfuse::data::{DataInfo, FoldInfo};
use blendfuse::data::{EncoderInfo, Modality, encoders};
use blendfuse::engine::DeviceInfo;
use blendfuse::model::checkpoint::{self, Header};
use blendfuse::runs::{CvRun, CvSummary};
use blendfuse::runs::{EpochLog, LrSchedule, RunSummary, Stopped, Versions};
use blendfuse::scoring::decode::{self, Thresholds};
use blendfuse::scoring::judge::Judgement;
use blendfuse::scoring::metrics::{self, Score, Truth};
use blendfuse::scoring::scores::{Row, Scores};
use ndarray::{Array2, Axis, concatenate};
use std::fs;
use std::path::Path;

pub const CLASSES: [&str; 6] = ["ang", "disg", "fea", "hap", "sad", "neu"];
const NEUTRAL: usize = 5;

/// What a hand-made cross-validation is like.
pub struct Plan {
    pub encoders: Vec<EncoderInfo>,
    /// Clips of each fold
    pub folds: Vec<usize>,
    pub seeds: Vec<u64>,
    pub config: Config,
    /// 0: the scores are the labels
    pub noise: f64,
    pub name: String,
}

/// One run's clips.
struct Clips {
    names: Vec<String>,
    scores: Array2<f32>,
    w: Array2<f32>,
    targets: Array2<f32>,
    truths: Vec<Truth>,
}

impl Plan {
    /// Four encoders, three folds.
    pub fn small() -> Self {
        let names = ["imagebind", "openface_2.0", "wavlm_large", "hicmae"];
        Self::new(names.map(|name| (name, encoders::modality(name))).into(), vec![40, 30, 20])
    }

    /// The paper's 36 encoders over the challenge's five folds of 2 456 clips.
    pub fn paper() -> Self {
        let encoders = encoders::PAPER.map(|(name, modality, _)| (name, modality));
        Self::new(encoders.into(), vec![522, 486, 468, 472, 508])
    }

    fn new(encoders: Vec<(&str, Modality)>, folds: Vec<usize>) -> Self {
        let encoder = |(name, modality): (&str, Modality)| EncoderInfo { name: name.into(), width: 7, modality };
        let encoders = encoders.into_iter().map(encoder).collect();
        Self { encoders, folds, seeds: vec![0], config: Config::default(), noise: 1.2, name: "cv".into() }
    }

    pub fn n(&self) -> usize {
        self.config.model.top_n.resolve(self.encoders.len()).unwrap()
    }

    pub fn with_top_n(mut self, n: usize) -> Self {
        self.config.model.top_n = TopN::Count(n);
        self.name = format!("top_n={n}");
        self
    }

    /// Writes a finished cross-validation and returns its summary.
    pub fn write(&self, dir: &Path) -> CvSummary {
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("config.toml"), self.config.to_toml()).unwrap();
        let mut runs = Vec::new();
        let mut pooled = Vec::new();
        for &seed in &self.seeds {
            let folds: Vec<Clips> = (0..self.folds.len()).map(|fold| self.clips(seed, fold)).collect();
            for fold in 0..folds.len() {
                runs.push(self.write_run(dir, seed, fold, &folds));
            }
            pooled.extend(folds);
        }
        let all: Vec<Truth> = pooled.iter().flat_map(|clips| clips.truths.clone()).collect();
        let (thresholds, _) = search(&pooled.iter().collect::<Vec<_>>());
        let trivial = metrics::trivial_baselines(&all, CLASSES.len());
        let trivial = trivial.map(|(name, score)| Row {
            name,
            runs: 1,
            official: Scores::of(&[score], true),
            honest: None,
            estimate: None,
            labels: None,
        });
        let scores = |of: fn(&CvRun) -> Score| Scores::of(&runs.iter().map(of).collect::<Vec<_>>(), true);
        let summary = CvSummary {
            nested: None,
            kind: "cv".into(),
            command: format!("blendfuse cv --data 'my pool' --out {}", self.name),
            versions: Versions::here(),
            device: device(),
            data: self.data(),
            folds: (0..self.folds.len() as u32).collect(),
            seeds: self.seeds.clone(),
            leading: None,
            labels: None,
            official: scores(|run| run.official.score()),
            honest: Some(scores(|run| run.honest.unwrap().score())),
            estimate: None,
            ensemble: None,
            thresholds,
            best_epoch: 9.0,
            trivial: trivial.into(),
            seconds: 61.0,
            runs,
        };
        write_json(&dir.join("summary.json"), &summary);
        summary
    }

    /// `analysis/analysis.json` with a CKA that is high within a modality.
    pub fn write_analysis(&self, dir: &Path) -> Analysis {
        let weights = Weights::read(dir).unwrap();
        let alike = |(a, b): (usize, usize)| match a == b {
            true => 1.0,
            false => {
                let same = self.encoders[a].modality == self.encoders[b].modality;
                (if same { 0.5 } else { 0.1 }) + 0.3 * uniform(&mut ((a.min(b) * 1000 + a.max(b)) as u64))
            }
        };
        let k = self.encoders.len();
        let analysis = Analysis::new(&weights, &[0], Some(&Array2::from_shape_fn((k, k), alike)));
        fs::create_dir_all(dir.join("analysis")).unwrap();
        write_json(&dir.join("analysis/analysis.json"), &analysis);
        analysis
    }

    fn data(&self) -> DataInfo {
        let blends =
            |fold: usize| self.clips(self.seeds[0], fold).truths.iter().filter(|truth| truth.len() == 2).count();
        let info =
            |fold: usize| FoldInfo { fold: fold as u32, clips: self.folds[fold], blends: blends(fold), larger: 0 };
        DataInfo {
            name: "my pool".into(),
            classes: CLASSES.map(str::to_owned).into(),
            neutral: Some(NEUTRAL),
            encoders: self.encoders.clone(),
            folds: (0..self.folds.len()).map(info).collect(),
            labels: None,
        }
    }

    /// Labels depend on the fold, scores and weights on the seed too.
    fn clips(&self, seed: u64, fold: usize) -> Clips {
        let (n, k, kept) = (self.folds[fold], self.encoders.len(), self.n());
        let mut labels = 1 + fold as u64;
        let mut random = 1000 * (seed + 1) + fold as u64;
        let (mut targets, mut scores) = (Array2::zeros((n, CLASSES.len())), Array2::zeros((n, CLASSES.len())));
        let mut w = Array2::zeros((n, k));
        for row in 0..n {
            for (class, share) in label(row, &mut labels) {
                targets[[row, class]] = share;
            }
            let target = targets.row(row);
            let noisy: Vec<f64> =
                target.iter().map(|share| (3.0 * f64::from(*share) + self.noise * normal(&mut random)).exp()).collect();
            let sum: f64 = noisy.iter().sum();
            scores.row_mut(row).iter_mut().zip(noisy).for_each(|(score, value)| *score = (value / sum) as f32);
            let mut ranked: Vec<(usize, f64)> =
                (0..k).map(|k| (k, (0.5 * normal(&mut random) - 2.0 * (k as f64 * 0.37).sin()).exp())).collect();
            ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
            let sum: f64 = ranked[..kept].iter().map(|(_, weight)| weight).sum();
            ranked[..kept].iter().for_each(|(k, weight)| w[[row, *k]] = (weight / sum) as f32);
        }
        let truths = targets.rows().into_iter().map(|row| metrics::truth(&row.to_vec())).collect();
        let names = (0..n).map(|row| format!("clip_{fold}_{row}")).collect();
        Clips { names, scores, w, targets, truths }
    }

    fn write_run(&self, dir: &Path, seed: u64, fold: usize, folds: &[Clips]) -> CvRun {
        let folder = format!("seed-{seed}/fold-{fold}");
        let path = dir.join(&folder);
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("config.toml"), self.config.to_toml()).unwrap();
        let clips = &folds[fold];
        let mut npz = NpzWriter::create(&path.join("validation.npz")).unwrap();
        npz.strings("filenames", &clips.names).unwrap();
        npz.matrix("scores", clips.scores.view()).unwrap();
        npz.matrix("w", clips.w.view()).unwrap();
        npz.matrix("targets", clips.targets.view()).unwrap();
        npz.finish().unwrap();
        let (thresholds, score) = search(&[clips]);
        let others: Vec<&Clips> = (0..folds.len()).filter(|other| *other != fold).map(|other| &folds[other]).collect();
        let honest = search(&others).0;
        let honest_score = score_by(clips, honest);
        let header = Header {
            encoders: self.encoders.clone(),
            classes: CLASSES.map(str::to_owned).into(),
            neutral: Some(NEUTRAL),
            config: self.config.clone(),
            thresholds: Some(thresholds),
            resume: None,
        };
        checkpoint::write(&path.join("model.safetensors"), &header, &Vec::new()).unwrap();
        let log = log(12 + fold as u32, seed * 100 + fold as u64);
        let lines: Vec<String> = log.iter().map(|epoch| serde_json::to_string(epoch).unwrap()).collect();
        fs::write(path.join("metrics.jsonl"), lines.join("\n") + "\n").unwrap();
        let epochs = log.len() as u32;
        let loss = log[log.len() - 4].validation_loss;
        let summary = RunSummary {
            command: format!("blendfuse cv --data 'my pool' --out {}", self.name),
            versions: Versions::here(),
            device: device(),
            selection: FoldChoice::Fold(fold as u32),
            top_n: self.n(),
            seed,
            epochs,
            steps: 400,
            stopped: Some(Stopped::Patience),
            lr_schedule: Some(LrSchedule::Plateau),
            lr_factors: Vec::new(),
            best_epoch: Some(epochs - 3),
            validation_loss: loss,
            blends: true,
            thresholds: Some(thresholds),
            presence: Some(score.presence),
            salience: Some(score.salience),
            mean: Some(score.mean()),
            gate: None,
            accuracy: None,
            uar: None,
            macro_f1: None,
            log_loss: None,
            ece: None,
            scored: None,
            seconds: 12.0,
        };
        write_json(&path.join("summary.json"), &summary);
        let judgement = |thresholds, score: Score| Judgement::of(thresholds, score, true);
        CvRun {
            nested: None,
            seed,
            fold: fold as u32,
            folder,
            epochs,
            best_epoch: epochs - 3,
            validation_loss: loss.unwrap(),
            official: judgement(thresholds, score),
            honest: Some(judgement(honest, honest_score)),
            metrics: None,
            seconds: 12.0,
        }
    }
}

/// Shares of one or two classes.
fn label(row: usize, random: &mut u64) -> Vec<(usize, f32)> {
    if row.is_multiple_of(2) {
        return vec![((6.0 * uniform(random)) as usize, 1.0)];
    }
    let first = (5.0 * uniform(random)) as usize;
    let second = (first + 1 + (4.0 * uniform(random)) as usize) % 5;
    let share = [0.3, 0.5, 0.7][(3.0 * uniform(random)) as usize];
    vec![(first, share), (second, 1.0 - share)]
}

/// Epochs of a run whose validation loss is least three before the end.
fn log(epochs: u32, seed: u64) -> Vec<EpochLog> {
    let mut random = 77 + seed;
    let epoch = |epoch: u32| {
        let progress = 1.0 - (-f64::from(epoch) / 5.0).exp();
        let past_best = f64::from(epoch.saturating_sub(epochs - 3));
        EpochLog {
            epoch,
            steps: u64::from(epoch) * 31,
            loss: 1.8 - 0.9 * progress + 0.02 * normal(&mut random),
            presence_loss: 1.7,
            salience_loss: 1.9,
            domain_loss: None,
            validation_loss: Some(1.75 - 0.5 * progress + 0.05 * past_best),
            presence: Some(0.1 + 0.25 * progress + 0.02 * normal(&mut random)),
            salience: Some(0.05 + 0.1 * progress + 0.01 * normal(&mut random)),
            accuracy: None,
            uar: None,
            lr: if past_best > 0.0 { 1.5e-4 } else { 3e-4 },
            temperature: 0.7 + 0.02 * progress as f32,
            gate: None,
            best: past_best == 0.0,
            seconds: 1.0,
            rows_per_second: 2000.0,
        }
    };
    (1..=epochs).map(epoch).collect()
}

fn search(all: &[&Clips]) -> (Thresholds, Score) {
    let views: Vec<_> = all.iter().map(|clips| clips.scores.view()).collect();
    let scores = concatenate(Axis(0), &views).unwrap();
    let truths: Vec<Truth> = all.iter().flat_map(|clips| clips.truths.clone()).collect();
    let search = Threshold::Search;
    decode::search(scores.view(), &truths, search, search, SalienceRule::Official, Some(NEUTRAL))
}

fn score_by(clips: &Clips, thresholds: Thresholds) -> Score {
    let fixed = |value| Threshold::Fixed(value);
    let (alpha, beta) = (fixed(thresholds.alpha), fixed(thresholds.beta));
    decode::search(clips.scores.view(), &clips.truths, alpha, beta, SalienceRule::Official, Some(NEUTRAL)).1
}

pub fn device() -> DeviceInfo {
    DeviceInfo { name: "Test device".into(), backend: "cpu".into(), driver: "none".into(), kind: "Cpu".into() }
}

pub fn write_json(path: &Path, value: &impl serde::Serialize) {
    fs::write(path, serde_json::to_string_pretty(value).unwrap()).unwrap();
}

/// In [0, 1): splitmix64.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Box and Muller's.
fn normal(state: &mut u64) -> f64 {
    let (a, b) = (1.0 - uniform(state), uniform(state));
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}
