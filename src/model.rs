//! The network on one engine. Each line of `forward`, `loss`, `backward` and `update` is one kernel; backward mirrors
//! forward in reverse. They record calls once; a training step replays the list.

pub mod checkpoint;
mod dims;
pub mod features;
pub mod layout;
pub mod weights;
mod windows;

pub use dims::Dims;
pub use features::{Features, Standard};
pub use windows::{Window, Windows};

use crate::buffer::Buffer;
use crate::config::{Config, Optimizer, PresenceLoss, TemperatureMode};
use crate::engine::Engine;
use crate::kernel::Call;
use crate::kernels::*;
use anyhow::Result;
use layout::{Layout, Place};
use std::sync::Arc;
use weights::{Trained, initial};

/// Length of the parts into which long inner sums are split.
const PART: usize = 512;

/// Dropout masks: one layer number each.
const LAYER_PROJECT: u32 = 0;
const LAYER_FUSE: u32 = 1;

/// Losses that the device keeps until they are read: steps of an epoch at most.
pub const LOSS_SLOTS: usize = 65_536;

/// Weights and activations of one network.
pub struct Model {
    pub engine: Arc<Engine>,
    pub config: Config,
    pub dims: Dims,
    pub windows: Windows,
    pub layout: Layout,
    pub weights: Trained,
    /// (2, M): batch norm's running mean and variance
    pub running: Buffer<f32>,
    pub activations: Activations,
    pub training: Option<Training>,
}

/// What a forward pass leaves behind, for at most `capacity` rows.
pub struct Activations {
    pub project_partial: Buffer<f32>, // (S, B, P)
    pub h: Buffer<f32>,               // (B, M)
    pub gate_partial: Buffer<f32>,    // (S, B, A)
    pub g: Buffer<f32>,               // (B, A)
    pub u: Buffer<f32>,               // (B, K)
    pub w: Buffer<f32>,               // (B, K)
    pub fuse_partial: Buffer<f32>,    // (S, B, F)
    pub z: Buffer<f32>,               // (B, F)
    pub head_partial: Buffer<f32>,    // (S, B, G·H)
    pub t: Buffer<f32>,               // (B, G·H)
    pub logits: Buffer<f32>,          // (B, O)
}

/// What only training needs.
pub struct Training {
    pub normed: Buffer<f32>,  // x̂ (B, M)
    pub rstd: Buffer<f32>,    // (M)
    pub losses: Buffer<f32>,  // (LOSS_SLOTS, 4): total, presence, salience, domain
    pub dlogits: Buffer<f32>, // (B, O)
    pub dt: Buffer<f32>,      // (B, G·H)
    pub dfuse: Buffer<f32>,   // (B, F)
    pub dq: Buffer<f32>,      // (B, M)
    pub du: Buffer<f32>,      // (B, K)
    pub dg: Buffer<f32>,      // (B, A)
    pub dnorm: Buffer<f32>,   // (B, M)
    pub dy: Buffer<f32>,      // (B, M)
    pub grads: Trained,
    pub m: Trained,
    pub v: Trained,
}

impl Model {
    /// A network with initial weights for batches of at most `capacity` rows.
    ///
    /// # Errors
    /// As [`Engine::buffer`].
    pub fn new(
        engine: Arc<Engine>,
        config: &Config,
        dims: Dims,
        windows: Windows,
        capacity: usize,
        training: bool,
    ) -> Result<Self> {
        let layout = Layout::new(&dims, &windows, config.model.temperature.mode == TemperatureMode::Learned);
        let weights = Trained::new(&engine, "weights", &dims, &windows, &layout)?;
        let running = engine.buffer("running", 2 * dims.channels())?;
        let activations = Activations::new(&engine, &dims, &windows, capacity)?;
        let training = if training { Some(Training::new(&engine, &dims, &windows, &layout, capacity)?) } else { None };
        Ok(Self { engine, config: config.clone(), dims, windows, layout, weights, running, activations, training })
    }

    /// Sets every weight to its initial value.
    pub fn initialise(&self, seed: u64) {
        let temperature = match self.config.model.temperature.mode {
            TemperatureMode::Anneal => self.config.model.temperature.max,
            TemperatureMode::Fixed | TemperatureMode::Learned => self.config.model.temperature.initial,
        };
        for tensor in &self.layout.tensors {
            if let Some((buffer, offset)) = self.place(tensor.place) {
                self.engine.write(buffer, offset, &initial(tensor, &self.dims, seed, temperature));
            }
        }
    }

    /// Buffer and offset of a tensor that the device holds.
    pub fn place(&self, place: Place) -> Option<(&Buffer<f32>, usize)> {
        match place {
            Place::Running(offset) => Some((&self.running, offset)),
            _ => self.weights.place(place),
        }
    }

    /// One training step on `sources` labelled rows and, after them, `targets` unlabelled ones.
    pub fn training_step(&self, features: &Features, sources: usize, targets: usize) -> Vec<Call> {
        let mut calls = self.gradients(features, sources, targets);
        self.update(&mut calls);
        calls
    }

    /// A training step without its update.
    pub fn gradients(&self, features: &Features, sources: usize, targets: usize) -> Vec<Call> {
        let rows = sources + targets;
        let mut calls = Vec::new();
        self.forward(&mut calls, features, rows, self.training.as_ref());
        self.loss(&mut calls, features, sources, targets);
        self.backward(&mut calls, features, rows);
        calls
    }

    /// Logits and fusion weights of `rows` rows with the running statistics.
    pub fn inference(&self, features: &Features, rows: usize) -> Vec<Call> {
        let mut calls = Vec::new();
        self.forward(&mut calls, features, rows, None);
        calls
    }

    fn forward(&self, calls: &mut Vec<Call>, features: &Features, rows: usize, training: Option<&Training>) {
        let (e, d, at) = (&*self.engine, self.sizes(rows), &self.layout.at);
        let (a, small) = (&self.activations, &self.weights.small);
        for (i, window) in self.windows.list.iter().enumerate() {
            let (columns, chunks) = (window.columns as u32, window.chunks.len() as u32);
            let from = &features.windows[i];
            let params = project_forward::Params {
                rows: d.b,
                width: d.p,
                chunks,
                columns,
                parts: d.parts,
                features: from.x.len as u32,
            };
            calls.push(project_forward::call(
                e,
                params,
                project_forward::Args {
                    x: &from.x,
                    rows: &features.rows,
                    standard: &from.standard,
                    w: &self.weights.project[i],
                    chunks: &from.chunks,
                    partial: &a.project_partial,
                },
            ));
        }
        if let Some(t) = training {
            let params = batchnorm_forward::Params {
                rows: d.b,
                encoders: d.k,
                width: d.p,
                parts: d.parts,
                gamma: at.gamma,
                beta: at.beta,
                layer: LAYER_PROJECT,
            };
            calls.push(batchnorm_forward::call(
                e,
                params,
                batchnorm_forward::Args {
                    partial: &a.project_partial,
                    spans: &features.spans,
                    small,
                    running: &self.running,
                    normed: &t.normed,
                    h: &a.h,
                    rstd: &t.rstd,
                },
            ));
        } else {
            let params = batchnorm_infer::Params {
                rows: d.b,
                encoders: d.k,
                width: d.p,
                parts: d.parts,
                gamma: at.gamma,
                beta: at.beta,
            };
            calls.push(batchnorm_infer::call(
                e,
                params,
                batchnorm_infer::Args {
                    partial: &a.project_partial,
                    spans: &features.spans,
                    small,
                    running: &self.running,
                    h: &a.h,
                },
            ));
        }
        if self.dims.gate {
            calls.push(linear_forward::call(
                e,
                linear_forward::Params { rows: d.b, inner: d.m, outer: d.a, part: PART as u32, weight: at.gate0 },
                linear_forward::Args { x: &a.h, small, partial: &a.gate_partial },
            ));
            let params = gate_forward::Params {
                rows: d.b,
                encoders: d.k,
                hidden: d.a,
                parts: d.m.div_ceil(PART as u32),
                top_n: self.dims.top_n as u32,
                bias0: at.gate0_bias,
                weight1: at.gate1,
                bias1: at.gate1_bias,
                temperature: at.temperature,
                tau_min: d.tau_min,
                tau_max: d.tau_max,
            };
            calls.push(gate_forward::call(
                e,
                params,
                gate_forward::Args { partial: &a.gate_partial, small, g: &a.g, u: &a.u, w: &a.w },
            ));
        }
        calls.push(fuse_forward::call(
            e,
            fuse_forward::Params { rows: d.b, encoders: d.k, width: d.p, fused: d.f, part: PART as u32 },
            fuse_forward::Args { h: &a.h, w: &a.w, weight: &self.weights.fuse, partial: &a.fuse_partial },
        ));
        calls.push(fuse_activate::call(
            e,
            fuse_activate::Params {
                rows: d.b,
                fused: d.f,
                parts: d.m.div_ceil(PART as u32),
                bias: at.fuse_bias,
                layer: LAYER_FUSE,
            },
            fuse_activate::Args { partial: &a.fuse_partial, small, z: &a.z },
        ));
        calls.push(linear_forward::call(
            e,
            linear_forward::Params { rows: d.b, inner: d.f, outer: d.g * d.h, part: PART as u32, weight: at.head0 },
            linear_forward::Args { x: &a.z, small, partial: &a.head_partial },
        ));
        let params = head_forward::Params {
            rows: d.b,
            hidden: d.h,
            heads: d.g,
            classes: d.c,
            outputs: d.o,
            parts: d.f.div_ceil(PART as u32),
            bias0: at.head0_bias,
            weight1: at.head1,
            bias1: at.head1_bias,
        };
        calls.push(head_forward::call(
            e,
            params,
            head_forward::Args { partial: &a.head_partial, small, t: &a.t, logits: &a.logits },
        ));
    }

    fn loss(&self, calls: &mut Vec<Call>, features: &Features, sources: usize, targets: usize) {
        let (e, d, t) = (&*self.engine, self.sizes(sources + targets), self.training());
        let loss = &self.config.loss;
        let params = loss::Params {
            rows: d.b,
            sources: sources as u32,
            classes: d.c,
            outputs: d.o,
            single: u32::from(!self.dims.dual),
            bce: u32::from(loss.presence_loss == PresenceLoss::Bce),
            targets_len: features.targets.len as u32,
            slots: LOSS_SLOTS as u32,
            presence: loss.presence,
            salience: loss.salience,
            domain: if self.dims.domain { self.config.adaptation.weight } else { 0.0 },
        };
        calls.push(loss::call(
            e,
            params,
            loss::Args {
                logits: &self.activations.logits,
                targets: &features.targets,
                rows: &features.rows,
                dlogits: &t.dlogits,
                losses: &t.losses,
            },
        ));
    }

    fn backward(&self, calls: &mut Vec<Call>, features: &Features, rows: usize) {
        let (e, d, at) = (&*self.engine, self.sizes(rows), &self.layout.at);
        let (a, t, small) = (&self.activations, self.training(), &self.weights.small);
        let grads = &t.grads.small;
        calls.push(head_backward::call(
            e,
            head_backward::Params { rows: d.b, hidden: d.h, heads: d.g, classes: d.c, outputs: d.o, weight1: at.head1 },
            head_backward::Args { dlogits: &t.dlogits, t: &a.t, small, dt: &t.dt },
        ));
        calls.push(head_weight_grad::call(
            e,
            head_weight_grad::Params {
                rows: d.b,
                hidden: d.h,
                heads: d.g,
                classes: d.c,
                outputs: d.o,
                weight1: at.head1,
                bias1: at.head1_bias,
            },
            head_weight_grad::Args { dlogits: &t.dlogits, t: &a.t, grads },
        ));
        calls.push(linear_weight_grad::call(
            e,
            linear_weight_grad::Params {
                rows: d.b,
                inner: d.f,
                outer: d.g * d.h,
                weight: at.head0,
                bias: at.head0_bias,
            },
            linear_weight_grad::Args { dy: &t.dt, x: &a.z, grads },
        ));
        let domain = if self.dims.domain { (d.g - 1) * d.h } else { d.g * d.h };
        calls.push(head_input_grad::call(
            e,
            head_input_grad::Params { rows: d.b, hidden: d.g * d.h, domain, fused: d.f, weight0: at.head0 },
            head_input_grad::Args { dt: &t.dt, small, z: &a.z, dfuse: &t.dfuse },
        ));
        calls.push(fuse_weight_grad::call(
            e,
            fuse_weight_grad::Params { rows: d.b, encoders: d.k, width: d.p, fused: d.f, bias: at.fuse_bias },
            fuse_weight_grad::Args { dfuse: &t.dfuse, h: &a.h, w: &a.w, dweight: &t.grads.fuse, grads },
        ));
        calls.push(fuse_input_grad::call(
            e,
            fuse_input_grad::Params { rows: d.b, inner: d.m, fused: d.f },
            fuse_input_grad::Args { dfuse: &t.dfuse, weight: &self.weights.fuse, dq: &t.dq },
        ));
        if self.dims.gate {
            calls.push(gate_backward::call(
                e,
                gate_backward::Params {
                    rows: d.b,
                    encoders: d.k,
                    width: d.p,
                    hidden: d.a,
                    weight1: at.gate1,
                    temperature: at.temperature,
                    tau_min: d.tau_min,
                    tau_max: d.tau_max,
                },
                gate_backward::Args { dq: &t.dq, h: &a.h, w: &a.w, g: &a.g, small, du: &t.du, dg: &t.dg },
            ));
            calls.push(gate_weight_grad::call(
                e,
                gate_weight_grad::Params {
                    rows: d.b,
                    encoders: d.k,
                    hidden: d.a,
                    weight1: at.gate1,
                    bias1: at.gate1_bias,
                    temperature: at.temperature,
                    tau_min: d.tau_min,
                    tau_max: d.tau_max,
                },
                gate_weight_grad::Args { du: &t.du, u: &a.u, g: &a.g, small, grads },
            ));
            calls.push(linear_weight_grad::call(
                e,
                linear_weight_grad::Params { rows: d.b, inner: d.m, outer: d.a, weight: at.gate0, bias: at.gate0_bias },
                linear_weight_grad::Args { dy: &t.dg, x: &a.h, grads },
            ));
        }
        let hidden = if self.dims.gate { d.a } else { 0 };
        calls.push(gate_input_grad::call(
            e,
            gate_input_grad::Params { rows: d.b, encoders: d.k, width: d.p, hidden, weight0: at.gate0 },
            gate_input_grad::Args { dq: &t.dq, h: &a.h, w: &a.w, dg: &t.dg, small, dnorm: &t.dnorm },
        ));
        calls.push(batchnorm_backward::call(
            e,
            batchnorm_backward::Params { rows: d.b, channels: d.m, gamma: at.gamma, beta: at.beta },
            batchnorm_backward::Args { dnorm: &t.dnorm, normed: &t.normed, rstd: &t.rstd, small, dy: &t.dy, grads },
        ));
        for (i, window) in self.windows.list.iter().enumerate() {
            let from = &features.windows[i];
            let params = project_weight_grad::Params {
                rows: d.b,
                width: d.p,
                encoders: d.k,
                chunks: window.chunks.len() as u32,
                columns: window.columns as u32,
                features: from.x.len as u32,
                longest: window.longest() as u32,
            };
            calls.push(project_weight_grad::call(
                e,
                params,
                project_weight_grad::Args {
                    dy: &t.dy,
                    x: &from.x,
                    rows: &features.rows,
                    standard: &from.standard,
                    chunks: &from.chunks,
                    dw: &t.grads.project[i],
                },
            ));
        }
    }

    fn update(&self, calls: &mut Vec<Call>) {
        let t = self.training();
        for i in 0..self.windows.list.len() {
            calls.push(self.adam(
                &t.grads.project[i],
                &self.weights.project[i],
                &t.m.project[i],
                &t.v.project[i],
                None,
            ));
        }
        calls.push(self.adam(&t.grads.fuse, &self.weights.fuse, &t.m.fuse, &t.v.fuse, None));
        calls.push(self.adam(&t.grads.small, &self.weights.small, &t.m.small, &t.v.small, Some(self.layout.trained)));
    }

    /// `trained`: how many of the first elements to update, where τ is among them.
    fn adam(
        &self,
        grad: &Buffer<f32>,
        weight: &Buffer<f32>,
        m: &Buffer<f32>,
        v: &Buffer<f32>,
        trained: Option<usize>,
    ) -> Call {
        let params = adam::Params {
            length: trained.unwrap_or(weight.len) as u32,
            temperature: if trained.is_some() { self.layout.at.temperature } else { adam::NO_TEMPERATURE },
            decoupled: u32::from(self.config.train.optimizer == Optimizer::AdamW),
            weight_decay: self.config.train.weight_decay,
            tau_min: self.config.model.temperature.min,
            tau_max: self.config.model.temperature.max,
        };
        adam::call(&self.engine, params, adam::Args { grad, weight, m, v })
    }

    fn training(&self) -> &Training {
        self.training.as_ref().expect("the model was made for training")
    }

    fn sizes(&self, rows: usize) -> Sizes {
        let d = &self.dims;
        Sizes {
            b: rows as u32,
            k: d.encoders() as u32,
            p: d.projection as u32,
            m: d.channels() as u32,
            a: d.gate_hidden as u32,
            f: d.fused as u32,
            h: d.head_hidden as u32,
            g: d.heads() as u32,
            c: d.classes as u32,
            o: d.outputs() as u32,
            parts: self.windows.parts as u32,
            tau_min: self.config.model.temperature.min,
            tau_max: self.config.model.temperature.max,
        }
    }
}

/// The letters as the kernels take them.
struct Sizes {
    b: u32,
    k: u32,
    p: u32,
    m: u32,
    a: u32,
    f: u32,
    h: u32,
    g: u32,
    c: u32,
    o: u32,
    parts: u32,
    tau_min: f32,
    tau_max: f32,
}

impl Activations {
    fn new(engine: &Engine, dims: &Dims, windows: &Windows, b: usize) -> Result<Self> {
        let (k, m, f, gh) = (dims.encoders(), dims.channels(), dims.fused, dims.hidden());
        let a = dims.gate_hidden;
        let w = engine.buffer("w", b * k)?;
        if !dims.gate {
            engine.write(&w, 0, &vec![1.0 / k as f32; b * k]);
        }
        Ok(Self {
            project_partial: engine.buffer("project_partial", windows.parts * b * dims.projection)?,
            h: engine.buffer("h", b * m)?,
            gate_partial: engine.buffer("gate_partial", m.div_ceil(PART) * b * a)?,
            g: engine.buffer("g", b * a)?,
            u: engine.buffer("u", b * k)?,
            w,
            fuse_partial: engine.buffer("fuse_partial", m.div_ceil(PART) * b * f)?,
            z: engine.buffer("z", b * f)?,
            head_partial: engine.buffer("head_partial", f.div_ceil(PART) * b * gh)?,
            t: engine.buffer("t", b * gh)?,
            logits: engine.buffer("logits", b * dims.outputs())?,
        })
    }
}

impl Training {
    fn new(engine: &Engine, dims: &Dims, windows: &Windows, layout: &Layout, b: usize) -> Result<Self> {
        let (k, m, f, gh) = (dims.encoders(), dims.channels(), dims.fused, dims.hidden());
        Ok(Self {
            normed: engine.buffer("normed", b * m)?,
            rstd: engine.buffer("rstd", m)?,
            losses: engine.buffer("losses", 4 * LOSS_SLOTS)?,
            dlogits: engine.buffer("dlogits", b * dims.outputs())?,
            dt: engine.buffer("dt", b * gh)?,
            dfuse: engine.buffer("dfuse", b * f)?,
            dq: engine.buffer("dq", b * m)?,
            du: engine.buffer("du", b * k)?,
            dg: engine.buffer("dg", b * dims.gate_hidden)?,
            dnorm: engine.buffer("dnorm", b * m)?,
            dy: engine.buffer("dy", b * m)?,
            grads: Trained::new(engine, "grads", dims, windows, layout)?,
            m: Trained::new(engine, "m", dims, windows, layout)?,
            v: Trained::new(engine, "v", dims, windows, layout)?,
        })
    }
}
