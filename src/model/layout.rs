//! Where each tensor of a checkpoint lives on the device: names and shapes as in `model.safetensors`, torch layout.

use crate::model::{Dims, Windows};

/// A named tensor and its place.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub place: Place,
}

/// A buffer, and the first element in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Window's projection weights
    Project(usize, usize),
    Fuse,
    /// All other trained tensors, in one buffer; the first `trained` elements of it are updated
    Packed(usize),
    /// Running mean and variance of the projections' batch norm (2, M)
    Running(usize),
    /// Likewise of the fusion's (2, F)
    FuseRunning(usize),
    /// `standardize.{k}`: kept by the host
    Scaler,
}

/// Offsets into `packed_params` that kernels want.
#[derive(Clone, Debug, Default)]
pub struct Offsets {
    pub gamma: u32,
    pub beta: u32,
    pub gate0: u32,
    pub gate0_bias: u32,
    pub gate1: u32,
    pub gate1_bias: u32,
    pub temperature: u32,
    /// Where the fusion has no norm
    pub fuse_bias: u32,
    /// Where it has one
    pub fuse_gamma: u32,
    pub fuse_beta: u32,
    /// First layers of all heads, side by side (G·H, F)
    pub head0: u32,
    pub head0_bias: u32,
    /// Second layers of all heads, one after the other (O, H)
    pub head1: u32,
    pub head1_bias: u32,
}

#[derive(Clone, Debug)]
pub struct Layout {
    /// In the order of the data flow
    pub tensors: Vec<Tensor>,
    pub at: Offsets,
    /// Elements of `packed_params`
    pub packed_params: usize,
    /// The first elements of `packed_params`, which training updates; what a switch turned off lies behind them
    pub trained: usize,
}

impl Tensor {
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Layout {
    /// `learned_temperature`: τ is a parameter, not a setting.
    pub fn new(dims: &Dims, windows: &Windows, learned_temperature: bool) -> Self {
        let mut layout = Self { tensors: Vec::new(), at: Offsets::default(), packed_params: 0, trained: 0 };
        let packed_params = packed_tensors(dims, learned_temperature);
        // Tensors in use first, so that one launch over the front of the buffer updates them all.
        for in_use in [true, false] {
            for (name, shape, used) in &packed_params {
                if *used == in_use {
                    let tensor =
                        Tensor { name: name.clone(), shape: shape.clone(), place: Place::Packed(layout.packed_params) };
                    layout.packed_params += tensor.len();
                    layout.tensors.push(tensor);
                }
            }
            if in_use {
                layout.trained = layout.packed_params;
            }
        }
        layout.at = layout.offsets(dims);
        layout.add_large(dims, windows);
        layout
    }

    /// The tensor of that name.
    pub fn find(&self, name: &str) -> Option<&Tensor> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    fn offsets(&self, dims: &Dims) -> Offsets {
        let at = |name: &str| match self.find(name).map(|tensor| tensor.place) {
            Some(Place::Packed(offset)) => offset as u32,
            other => panic!("{name} is at {other:?}"),
        };
        Offsets {
            gamma: at("norm.0.weight"),
            beta: at("norm.0.bias"),
            gate0: at("gate.0.weight"),
            gate0_bias: at("gate.0.bias"),
            gate1: at("gate.1.weight"),
            gate1_bias: at("gate.1.bias"),
            temperature: at("gate.temperature"),
            fuse_bias: if dims.fuse_norm { 0 } else { at("fuse.bias") },
            fuse_gamma: if dims.fuse_norm { at("fuse_norm.weight") } else { 0 },
            fuse_beta: if dims.fuse_norm { at("fuse_norm.bias") } else { 0 },
            head0: at("presence.0.weight"),
            head0_bias: at("presence.0.bias"),
            head1: at("presence.1.weight"),
            head1_bias: at("presence.1.bias"),
        }
    }

    fn add_large(&mut self, dims: &Dims, windows: &Windows) {
        let p = dims.projection;
        for (index, window) in windows.list.iter().enumerate() {
            let mut column = 0;
            for k in window.encoders.clone() {
                let width = dims.widths[k];
                let mut add = |name: String, shape: Vec<usize>, place| self.tensors.push(Tensor { name, shape, place });
                add(format!("project.{k}.weight"), vec![p, width], Place::Project(index, p * column));
                add(format!("norm.{k}.running_mean"), vec![p], Place::Running(k * p));
                add(format!("norm.{k}.running_var"), vec![p], Place::Running(dims.channels() + k * p));
                add(format!("standardize.{k}.mean"), vec![width], Place::Scaler);
                add(format!("standardize.{k}.std"), vec![width], Place::Scaler);
                column += width;
            }
        }
        let mut add =
            |name: &str, shape: Vec<usize>, place| self.tensors.push(Tensor { name: name.into(), shape, place });
        add("fuse.weight", vec![dims.fused, dims.fuse_inner()], Place::Fuse);
        if dims.fuse_norm {
            add("fuse_norm.running_mean", vec![dims.fused], Place::FuseRunning(0));
            add("fuse_norm.running_var", vec![dims.fused], Place::FuseRunning(dims.fused));
        }
    }
}

/// Name, shape, and whether training uses it. Tensors that kernels see as one matrix follow each other.
fn packed_tensors(dims: &Dims, learned_temperature: bool) -> Vec<(String, Vec<usize>, bool)> {
    let (k, p, a, f, h) = (dims.encoders(), dims.projection, dims.gate_hidden, dims.fused, dims.head_hidden);
    let mut list = Vec::new();
    list.extend((0..k).map(|k| (format!("norm.{k}.weight"), vec![p], true)));
    list.extend((0..k).map(|k| (format!("norm.{k}.bias"), vec![p], true)));
    let mut add = |name: &str, shape: &[usize], used: bool| list.push((name.to_owned(), shape.to_vec(), used));
    add("gate.0.weight", &[a, k * p], dims.gate);
    add("gate.0.bias", &[a], dims.gate);
    add("gate.1.weight", &[k, a], dims.gate);
    add("gate.1.bias", &[k], dims.gate);
    add("gate.temperature", &[1], dims.gate && learned_temperature);
    let fuse_tensors: &[&str] = if dims.fuse_norm { &["fuse_norm.weight", "fuse_norm.bias"] } else { &["fuse.bias"] };
    fuse_tensors.iter().for_each(|name| add(name, &[f], true));
    let heads = [("presence", dims.classes, true), ("salience", dims.classes, dims.dual), ("domain", 2, dims.domain)];
    for (head, _, used) in heads {
        add(&format!("{head}.0.weight"), &[h, f], used);
    }
    for (head, _, used) in heads {
        add(&format!("{head}.0.bias"), &[h], used);
    }
    for (head, outputs, used) in heads {
        add(&format!("{head}.1.weight"), &[outputs, h], used);
    }
    for (head, outputs, used) in heads {
        add(&format!("{head}.1.bias"), &[outputs], used);
    }
    list
}
