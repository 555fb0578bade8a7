//! Losses by permutation and masking of a network whose weights are set by hand, so that every loss is known.

use super::close;
use blendfuse::analysis::{Judge, Level, Perturbation, losses, permutation};
use blendfuse::config::{Config, TopN};
use blendfuse::data::{Clip, Encoder, Modality, Pool, Split};
use blendfuse::engine::Engine;
use blendfuse::model::infer::{Inputs, Network};
use blendfuse::model::{Dims, Mode, Scaler};
use blendfuse::scoring::decode::Thresholds;
use indicatif::ProgressBar;
use ndarray::Array2;
use std::sync::Arc;

/// Clips: more than a batch, so that permuted embeddings cross batches
const N: usize = 24;
const SEED: u64 = 5;

/// Two classes in turn; both encoders show the class in two columns.
fn pool() -> Pool {
    let clip = |i: usize| Clip {
        name: format!("clip {i}"),
        split: Split::Train,
        fold: Some(0),
        group: None,
        target: Some(if i.is_multiple_of(2) { vec![1.0, 0.0] } else { vec![0.0, 1.0] }),
    };
    let features = Array2::from_shape_fn((N, 2), |(i, j)| f32::from(i % 2 == j));
    let encoder = |name: &str| Encoder { name: name.into(), modality: Modality::Unknown, features: features.clone() };
    Pool {
        classes: vec!["a".into(), "b".into()],
        neutral: None,
        clips: (0..N).map(clip).collect(),
        encoders: vec![encoder("first"), encoder("second")],
        present: Some(Array2::from_elem((N, 2), true)),
    }
}

/// h_k = x_k, a = w = (½, ½), and logits that are 20 Σ_k used_k w_k h_k in both heads.
fn network(used: [f32; 2]) -> (Network, Config) {
    let mut config = Config::default();
    (config.model.projection, config.model.gate_hidden) = (2, 1);
    (config.model.fused, config.model.head_hidden) = (2, 2);
    config.model.top_n = TopN::Count(2);
    let dims = Dims::new(&config, &[2, 2], 2).unwrap();
    let scaler = Scaler { mean: vec![vec![0.0; 2]; 2], std: vec![vec![1.0; 2]; 2] };
    let engine = Arc::new(Engine::Cpu);
    let mut pool = pool();
    let network = Network::new(&engine, &config, dims, Inputs::of(&mut pool), &scaler, 10, Mode::Inference).unwrap();
    network.model.initialise(0);
    for tensor in &network.model.layout.tensors {
        let diagonal = |scale: f32| vec![scale, 0.0, 0.0, scale];
        let values = match &tensor.name[..] {
            "project.0.weight" | "project.1.weight" => diagonal(1.0),
            // (F, K·P)
            "fuse.weight" => vec![used[0], 0.0, used[1], 0.0, 0.0, used[0], 0.0, used[1]],
            "presence.0.weight" | "salience.0.weight" => diagonal(1.0),
            "presence.1.weight" | "salience.1.weight" => diagonal(20.0),
            name if name.starts_with("gate.") && name != "gate.temperature" => vec![0.0; tensor.shape.iter().product()],
            name if name.ends_with(".bias") => vec![0.0; tensor.shape.iter().product()],
            _ => continue,
        };
        network.model.set(tensor, &values);
    }
    (network, config)
}

fn measured(used: [f32; 2], groups: &[Vec<usize>], repeats: usize) -> blendfuse::analysis::RunLosses {
    let (mut network, config) = network(used);
    let rows: Vec<usize> = (0..N).collect();
    let judge = Judge::new(&pool(), &rows, &config, Some(Thresholds { alpha: 0.3, beta: 0.2 }));
    let perturbation = Perturbation { repeats, seed: SEED };
    losses(&mut network, &rows, &judge, groups, perturbation, &ProgressBar::hidden()).unwrap()
}

/// Clips that get the features of a clip of the other class; as there are as many of each class, as many in both.
fn changed(repeat: usize) -> f64 {
    let order = permutation(N, SEED, repeat);
    assert_ne!(order, (0..N).collect::<Vec<_>>());
    let count = order.iter().enumerate().filter(|(row, from)| row % 2 != *from % 2).count();
    count as f64 / N as f64
}

#[test]
fn a_decisive_encoder_loses_what_its_clips_lose_and_a_useless_one_exactly_nothing() {
    let found = measured([1.0, 0.0], &[vec![0], vec![1]], 3);
    assert_eq!(found.base.score, 1.0, "every clip is told");
    for repeat in 0..3 {
        assert_eq!(found.permuted[1][repeat], found.base, "the second encoder is not used: not a bit changes");
        let share = changed(repeat);
        assert!(share > 0.0);
        let Level { score, loss } = found.base.lost(found.permuted[0][repeat]);
        close(score, share);
        // Logits are 10 apart, but for the norms' ε of 1e-5: a changed clip costs 10 more.
        assert!((loss - 10.0 * share).abs() < 1e-3, "{loss} for a share of {share}");
    }
    assert_ne!(found.permuted[0][0], found.permuted[0][1], "another permutation each time");
    assert_eq!(measured([1.0, 0.0], &[vec![0]], 3).permuted[0], found.permuted[0], "the same seed, the same levels");
}

#[test]
fn a_masked_encoder_leaves_its_weight_to_the_others() {
    let found = measured([1.0, 0.0], &[vec![0], vec![1], vec![0, 1]], 1);
    let [first, second, both] = [0, 1, 2].map(|group: usize| found.masked[group]);
    // The first one's signal is gone: both logits are 0, which costs ln 2, and class a is decided.
    close(first.unwrap().score, 0.5);
    assert!((first.unwrap().loss - 2f64.ln()).abs() < 1e-6, "{first:?}");
    // The first one has the whole weight: logits are 20 apart in place of 10.
    close(second.unwrap().score, 1.0);
    assert!(second.unwrap().loss < found.base.loss, "{second:?}");
    assert_eq!(both, None, "nothing would be left");
}

#[test]
fn a_family_is_permuted_together() {
    let found = measured([1.0, 1.0], &[vec![0], vec![0, 1]], 1);
    let share = changed(0);
    let Level { score, loss } = found.base.lost(found.permuted[1][0]);
    close(score, share);
    assert!((loss - 20.0 * share).abs() < 2e-3, "{loss} for a share of {share}");
    // One alone: where the copies disagree the logits are equal, which costs ln 2, and class a is decided.
    let Level { score, loss } = found.base.lost(found.permuted[0][0]);
    assert!((loss - 2f64.ln() * share).abs() < 1e-3, "{loss} for a share of {share}");
    close(score, share / 2.0);
}

/// Masking from embeddings is inference on a pool that lacks the encoder, to the bit.
#[test]
fn masking_is_inference_with_a_mask() {
    let (mut network, config) = network([1.0, 0.5]);
    let rows: Vec<usize> = (0..N).collect();
    let judge = Judge::new(&pool(), &rows, &config, Some(Thresholds { alpha: 0.3, beta: 0.2 }));
    let perturbation = Perturbation { repeats: 1, seed: SEED };
    let bar = ProgressBar::hidden();
    let found = losses(&mut network, &rows, &judge, &[vec![0], vec![1]], perturbation, &bar).unwrap();
    assert_eq!(found.base, judge.level(&network.infer(&rows).unwrap()));
    for masked in 0..2 {
        network.set_present(&Array2::from_shape_fn((N, 2), |(_, k)| k != masked));
        let output = network.infer(&rows).unwrap();
        assert!(output.w.column(masked).iter().all(|w| *w == 0.0));
        assert_eq!(found.masked[masked], Some(judge.level(&output)));
    }
}

/// A clip that lacks an encoder keeps what it has, and the others are exchanged among themselves.
#[test]
fn clips_that_lack_the_encoder_are_not_permuted() {
    let (mut network, config) = network([1.0, 1.0]);
    let rows: Vec<usize> = (0..N).collect();
    let judge = Judge::new(&pool(), &rows, &config, Some(Thresholds { alpha: 0.3, beta: 0.2 }));
    // Only clips of class a have the first encoder, and two of them no other: exchanging it among them changes nothing.
    let present =
        Array2::from_shape_fn((N, 2), |(row, k)| if k == 0 { row.is_multiple_of(2) } else { ![0, 2].contains(&row) });
    network.set_present(&present);
    let perturbation = Perturbation { repeats: 2, seed: SEED };
    let bar = ProgressBar::hidden();
    let found = losses(&mut network, &rows, &judge, &[vec![0], vec![1]], perturbation, &bar).unwrap();
    assert_eq!(found.permuted[0], [found.base; 2]);
    assert!(found.permuted[1].iter().all(|level| level.loss > found.base.loss + 0.1), "{found:?}");
    assert_eq!(found.masked, [None, None], "some clip has no other encoder");
}
