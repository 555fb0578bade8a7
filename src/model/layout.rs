//! The place of each checkpoint tensor on the device; names and shapes as in `model.safetensors`, torch layout.

use crate::model::{Dims, Windows};

/// A named tensor and its place.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Name in the checkpoint
    pub name: String,
    /// Shape, in torch layout
    pub shape: Vec<usize>,
    /// Where it is on the device
    pub place: Place,
}

/// A buffer and the tensor's first element in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The projection weights of a window: its index, first element
    Project(usize, usize),
    /// U, all of its buffer
    Fuse,
    /// All other trained tensors, in one buffer, of which the first `trained` elements are updated
    Packed(usize),
    /// Running mean and variance of the projections' batch norm (2, M)
    Running(usize),
    /// The same for the fusion's batch norm (2, F)
    FuseRunning(usize),
    /// `standardize.{k}`: on the host
    Scaler,
}

/// Offsets into `packed_params` for the kernels' parameters.
#[derive(Clone, Debug, Default)]
pub struct Offsets {
    /// γ (M)
    pub gamma: u32,
    /// β (M)
    pub beta: u32,
    /// V₁ (A, M)
    pub gate0: u32,
    /// c₁ (A)
    pub gate0_bias: u32,
    /// V₂ (K, A)
    pub gate1: u32,
    /// c₂ (K)
    pub gate1_bias: u32,
    /// τ
    pub temperature: u32,
    /// e (F), if the fusion has no norm
    pub fuse_bias: u32,
    /// γ (F), if the fusion has a norm
    pub fuse_gamma: u32,
    /// β (F), likewise
    pub fuse_beta: u32,
    /// Q₁ of all heads, side by side (G·H, F)
    pub head0: u32,
    /// q₁ (G·H)
    pub head0_bias: u32,
    /// Q₂ of all heads, one after another (O, H)
    pub head1: u32,
    /// q₂ (O)
    pub head1_bias: u32,
}

/// All tensors of a network with their places.
#[derive(Clone, Debug)]
pub struct Layout {
    /// In the order of the data flow
    pub tensors: Vec<Tensor>,
    /// Offsets of the packed tensors
    pub at: Offsets,
    /// Elements of `packed_params`
    pub packed_params: usize,
    /// Elements of `packed_params` that training updates; unused tensors follow them
    pub trained: usize,
}

impl Tensor {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns true for a tensor without elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Layout {
    /// Places the tensors of a network; `learned_temperature`: τ is a trained parameter.
    pub fn new(dims: &Dims, windows: &Windows, learned_temperature: bool) -> Self {
        let mut layout = Self { tensors: Vec::new(), at: Offsets::default(), packed_params: 0, trained: 0 };
        let packed_params = packed_tensors(dims, learned_temperature);
        // Tensors in use come first, so that one launch over the start of the buffer updates all of them.
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

/// Name, shape, and whether the tensor is used. Tensors that kernels access as one matrix are adjacent.
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
