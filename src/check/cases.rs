//! Shapes and settings of the comparisons: sizes 1, odd, and not a multiple of any tile; K = 1, n = 1, n = K; ties in the
//! gate; fusion with and without norm; ragged widths up to 5 000; several windows; adaptation; every loss and optimiser.

mod build;

use crate::config::{Attention, FusionNorm, Heads, Optimizer, Precision, PresenceLoss, TopN};

/// A network and a batch under which kernels are compared.
#[derive(Clone, Debug)]
pub struct Case {
    /// Unique name
    pub name: &'static str,
    /// D_k
    pub widths: Vec<usize>,
    /// P, A, F, H
    pub sizes: [usize; 4],
    /// C
    pub classes: usize,
    /// n
    pub top_n: TopN,
    /// Labelled rows of the batch
    pub sources: usize,
    /// Unlabelled rows of the batch, for adaptation
    pub target_rows: usize,
    /// Probability of dropping an activation
    pub dropout: f32,
    /// Whether encoders are missing: some in every row, one row has only the last encoder and the others lack it
    pub missing: bool,
    /// Probability of dropping an encoder
    pub encoder_dropout: f32,
    /// Whether all encoders have the same gate logit
    pub ties: bool,
    /// Fixed τ; `None`: learned, from the default
    pub temperature: Option<f32>,
    /// How encoders are weighted
    pub attention: Attention,
    /// Norm behind the fusion
    pub fusion_norm: FusionNorm,
    /// Heads of the network
    pub heads: Heads,
    /// Loss of the presence head
    pub presence_loss: PresenceLoss,
    /// Update rule
    pub optimizer: Optimizer,
    /// Precision of weights and features
    pub precision: Precision,
    /// Maximum elements of a buffer; a small one forces several windows
    pub max_elements: usize,
}

/// Slot of the losses of a case's step.
const SLOT: u32 = 3;

/// Returns all cases; together they take a few seconds on a software driver.
pub fn cases() -> Vec<Case> {
    let mut cases = f32_cases();
    let named = |name| cases.iter().find(|case| case.name == name).cloned().expect("an f32 case");
    let mixed = [
        ("base", "mixed"),
        ("all ones", "all ones, mixed"),
        ("one encoder", "one encoder, mixed"),
        ("ragged", "ragged, mixed"),
        ("300 rows", "300 rows, mixed"),
        ("256 encoders", "256 encoders, mixed"),
        ("windows", "windows, mixed"),
        ("adaptation", "adaptation, mixed"),
        ("no fusion norm", "no fusion norm, mixed"),
        ("one head, BCE, AdamW", "AdamW, mixed"),
        ("missing encoders", "missing encoders, mixed"),
    ];
    let mixed: Vec<Case> =
        mixed.into_iter().map(|(base, name)| Case { name, precision: Precision::Mixed, ..named(base) }).collect();
    cases.extend(mixed);
    cases
}

fn f32_cases() -> Vec<Case> {
    let base = Case {
        name: "base",
        widths: vec![6, 33, 17, 70, 5],
        sizes: [24, 20, 36, 28],
        classes: 6,
        top_n: TopN::Count(3),
        sources: 13,
        target_rows: 0,
        dropout: 0.33,
        missing: false,
        encoder_dropout: 0.0,
        ties: false,
        temperature: None,
        attention: Attention::Gate,
        fusion_norm: FusionNorm::Batch,
        heads: Heads::Dual,
        presence_loss: PresenceLoss::SoftCe,
        optimizer: Optimizer::Adam,
        precision: Precision::F32,
        max_elements: usize::MAX,
    };
    vec![
        base.clone(),
        Case {
            name: "all ones",
            widths: vec![1],
            sizes: [1; 4],
            classes: 2,
            top_n: TopN::Count(1),
            sources: 3,
            // With a norm behind a layer of one weight, its gradient would be mere rounding error.
            fusion_norm: FusionNorm::None,
            ..base.clone()
        },
        Case { name: "one encoder", widths: vec![40], top_n: TopN::Count(1), ..base.clone() },
        Case { name: "n = 1", top_n: TopN::Count(1), ..base.clone() },
        Case { name: "n = K", top_n: TopN::Count(5), dropout: 0.0, ..base.clone() },
        Case { name: "ties", ties: true, ..base.clone() },
        Case {
            name: "ragged",
            widths: vec![1, 5000, 2, 129, 1023, 1025, 64],
            sizes: [65, 67, 129, 66],
            sources: 65,
            ..base.clone()
        },
        Case { name: "wide batch", sources: 131, sizes: [64, 128, 64, 32], ..base.clone() },
        Case { name: "300 rows", sources: 300, sizes: [8, 9, 600, 10], ..base.clone() },
        Case { name: "fixed τ", temperature: Some(0.2), ..base.clone() },
        Case {
            name: "256 encoders",
            widths: (0..256).map(|k| 1 + k % 4).collect(),
            sizes: [3, 7, 9, 5],
            top_n: TopN::Auto,
            sources: 5,
            ..base.clone()
        },
        Case { name: "windows", max_elements: 3000, ..base.clone() },
        Case { name: "adaptation", sources: 9, target_rows: 7, ..base.clone() },
        Case { name: "no fusion norm", fusion_norm: FusionNorm::None, ..base.clone() },
        Case {
            name: "no fusion norm, adaptation",
            fusion_norm: FusionNorm::None,
            sources: 9,
            target_rows: 7,
            ..base.clone()
        },
        Case { name: "uniform", attention: Attention::Uniform, ..base.clone() },
        Case { name: "mean", attention: Attention::Mean, ..base.clone() },
        Case {
            name: "mean, no fusion norm",
            attention: Attention::Mean,
            fusion_norm: FusionNorm::None,
            ..base.clone()
        },
        Case {
            name: "one head, BCE, AdamW",
            heads: Heads::Single,
            presence_loss: PresenceLoss::Bce,
            optimizer: Optimizer::AdamW,
            ..base.clone()
        },
        Case { name: "missing encoders", missing: true, encoder_dropout: 0.3, ..base.clone() },
        Case { name: "missing, uniform", missing: true, attention: Attention::Uniform, ..base.clone() },
        Case { name: "missing, mean", missing: true, attention: Attention::Mean, ..base.clone() },
        Case { name: "missing, adaptation", missing: true, sources: 9, target_rows: 7, ..base.clone() },
        Case { name: "encoder dropout", encoder_dropout: 0.5, ..base.clone() },
        Case { name: "one head, adaptation", heads: Heads::Single, sources: 6, target_rows: 5, ..base },
    ]
}
