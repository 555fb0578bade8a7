//! Sizes and variants of a network: the letters of `lib.rs` with their values.

use crate::config::{Attention, Config, FusionNorm, Heads, MAX_ENCODERS, Precision};
use crate::kernels::shared::half;
use anyhow::{Result, bail};

/// Largest number of elements of a tensor.
const MAX_ELEMENTS: usize = 1 << 30;

/// Sizes and variants of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dims {
    /// D_k of every encoder
    pub widths: Vec<usize>,
    /// P
    pub projection: usize,
    /// A
    pub gate_hidden: usize,
    /// F
    pub fused: usize,
    /// H
    pub head_hidden: usize,
    /// C
    pub classes: usize,
    /// n
    pub top_n: usize,
    /// A gate ranks the encoders; otherwise w = 1/K
    pub gate: bool,
    /// The mean of the encoders is fused instead of their concatenation
    pub mean: bool,
    /// The fusion block has a batch norm instead of a bias
    pub fuse_norm: bool,
    /// Presence and salience have separate heads
    pub dual: bool,
    /// A domain classifier on the fused features
    pub domain: bool,
    /// Features and projection weights are multiplied in f16
    pub half: bool,
    /// Rows of the pool may lack encoders
    pub masked: bool,
    /// Encoder dropout is on
    pub drops_encoders: bool,
}

impl Dims {
    /// The network of `config` for encoders of these widths and C classes, on rows without missing encoders.
    ///
    /// # Errors
    /// If K is 0 or above 256, an encoder has no columns, n exceeds K, or a tensor is too large.
    pub fn new(config: &Config, widths: &[usize], classes: usize) -> Result<Self> {
        let encoders = widths.len();
        if !(1..=MAX_ENCODERS).contains(&encoders) {
            bail!(
                "found {encoders} encoders in the pool, expected 1 to {MAX_ENCODERS}; list the ones to use in encoders.toml"
            );
        }
        if let Some(k) = widths.iter().position(|&width| width == 0) {
            bail!("encoder {k}: found no columns, expected at least 1; remove it or list the others in encoders.toml");
        }
        let channels = encoders * config.model.projection;
        let mean = config.model.attention == Attention::Mean;
        let fuse_inner = if mean { config.model.projection } else { channels };
        let sizes = [
            ("fuse.weight", "model.projection or model.fused", fuse_inner * config.model.fused),
            ("gate.0.weight", "model.projection or model.gate_hidden", channels * config.model.gate_hidden),
            ("h of a batch", "model.projection or train.batch", 2 * channels * config.train.batch),
            ("heads.0.weight", "model.fused or model.head_hidden", 3 * config.model.fused * config.model.head_hidden),
        ];
        // Kernels count elements in 32 bits, and all but fuse and the projections share one buffer.
        for (what, setting, elements) in sizes {
            if elements > MAX_ELEMENTS {
                bail!("{what}: found {elements} elements, expected at most {MAX_ELEMENTS}; lower {setting}");
            }
        }
        let gate = config.model.attention == Attention::Gate;
        let top_n = config.model.top_n.resolve(encoders)?;
        Ok(Self {
            widths: widths.to_vec(),
            projection: config.model.projection,
            gate_hidden: config.model.gate_hidden,
            fused: config.model.fused,
            head_hidden: config.model.head_hidden,
            classes,
            top_n: if gate { top_n } else { encoders },
            gate,
            mean,
            fuse_norm: config.model.fusion_norm == FusionNorm::Batch,
            dual: config.model.heads == Heads::Dual,
            domain: config.adaptation.enabled,
            half: config.engine.precision == Precision::Mixed,
            masked: false,
            drops_encoders: config.model.encoder_dropout > 0.0,
        })
    }

    /// K
    pub fn encoders(&self) -> usize {
        self.widths.len()
    }

    /// D
    pub fn columns(&self) -> usize {
        self.widths.iter().sum()
    }

    /// Elements of a row of encoder k's features on the device: D_k, or words of two f16 columns
    pub fn row(&self, k: usize) -> usize {
        if self.half { half::words(self.widths[k]) } else { self.widths[k] }
    }

    /// M = K·P
    pub fn channels(&self) -> usize {
        self.encoders() * self.projection
    }

    /// Width of q, the fusion's input: M, or P if it is the mean of the encoders
    pub fn fuse_inner(&self) -> usize {
        if self.mean { self.projection } else { self.channels() }
    }

    /// Returns true if a step begins with `encoder_mask`.
    pub fn masking(&self) -> bool {
        self.masked || self.drops_encoders
    }

    /// G, number of heads: presence, salience if separate, domain with adaptation
    pub fn heads(&self) -> usize {
        1 + usize::from(self.dual) + usize::from(self.domain)
    }

    /// G·H
    pub fn hidden(&self) -> usize {
        self.heads() * self.head_hidden
    }

    /// O, logits of a row: C per emotion head, 2 of the domain head
    pub fn outputs(&self) -> usize {
        self.classes * (1 + usize::from(self.dual)) + 2 * usize::from(self.domain)
    }
}
