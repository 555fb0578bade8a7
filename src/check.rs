//! Every kernel on a device against its CPU twin, call by call through whole training and inference steps.
//!
//! Both engines record the same step. Before each call the device gets the twin's inputs, so errors do not add up, and
//! both get poisoned outputs, so that what a kernel leaves unwritten shows. Bound: `spec`'s ‖out − ref‖/‖ref‖ ≤ 1e-5.

mod cases;

pub use cases::{Case, cases};

use crate::buffer::{AnyBuffer, Buffer};
use crate::engine::Engine;
use crate::kernel::{Call, Role};
use crate::model::Mode;
use crate::step::Step;
use anyhow::Result;
use std::sync::Arc;

/// Relative error that a device may have, norm-wise over an output.
pub const BOUND: f64 = 1e-5;

/// A NaN that no kernel computes.
const POISON: u32 = 0x7fc0_dead;

/// One output of one call, compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub kernel: &'static str,
    pub output: &'static str,
    pub case: &'static str,
    /// Those of a matrix product
    pub tiles: Option<&'static str>,
    /// The same to the bit as with the device's first tiles
    pub same_bits: bool,
    /// Elements that the twin wrote
    pub elements: usize,
    /// ‖out − ref‖/‖ref‖; infinite where one engine wrote an element and the other did not, or one is not finite
    pub error: f64,
}

impl Comparison {
    pub fn passes(&self) -> bool {
        self.error <= BOUND
    }
}

/// Runs a case's training steps, with and without gradients of their own, and its inference on both engines in lockstep.
///
/// # Errors
/// Where the device has no room or is lost.
pub fn compare(device: &Arc<Engine>, case: &Case) -> Result<Vec<Comparison>> {
    let cpu = Arc::new(Engine::Cpu);
    let step = case.step();
    let mut comparisons: Vec<Comparison> = Vec::new();
    for mode in [Mode::Training, Mode::Gradients] {
        let (reference, from) = case.build(&cpu, mode)?;
        let (tested, to) = case.build(device, mode)?;
        let mut ours = reference.training_step(&from, case.sources, case.targets);
        let mut theirs = tested.training_step(&to, case.sources, case.targets);
        ours.extend(reference.inference(&from, case.infer_rows()));
        theirs.extend(tested.inference(&to, case.infer_rows()));
        // Both modes share most of their kernels, and the one that keeps its gradients updates larger tensors by `adam`.
        let done: Vec<_> = comparisons.iter().map(|done| done.kernel).filter(|&done| done != "adam").collect();
        for (i, (reference, tested)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(reference.kernel.name, tested.kernel.name, "both engines record the same step");
            if done.contains(&reference.kernel.name) {
                cpu.run(&ours[i..=i], &step);
                continue;
            }
            let mut compared = lockstep(&cpu, device, &ours[i..=i], &theirs[i..=i], &step)?;
            compared.iter_mut().for_each(|comparison| comparison.case = case.name);
            comparisons.extend(compared);
        }
    }
    Ok(comparisons)
}

/// One call on both engines, on the same inputs; on the device with all tiles that it can run.
fn lockstep(cpu: &Engine, device: &Engine, ours: &[Call], theirs: &[Call], step: &Step) -> Result<Vec<Comparison>> {
    let (reference, tested) = (&ours[0], &theirs[0]);
    let mut outputs = Vec::new();
    for (slot, (from, to)) in reference.kernel.slots.iter().zip(reference.buffers.iter().zip(&tested.buffers)) {
        match (from, to) {
            (AnyBuffer::F32(from), AnyBuffer::F32(to)) => {
                let before = cpu.read(from, 0, from.len)?;
                let poison = if slot.role == Role::Write { Some(vec![f32::from_bits(POISON); from.len]) } else { None };
                if let Some(poison) = &poison {
                    cpu.write(from, 0, poison);
                }
                if slot.role == Role::Read {
                    device.write(to, 0, &before);
                } else {
                    outputs.push(Output { name: slot.name, from, to, before, poison, first: Vec::new() });
                }
            }
            (AnyBuffer::U32(from), AnyBuffer::U32(to)) => device.write(to, 0, &cpu.read(from, 0, from.len)?),
            _ => panic!("{}: {} has two types", reference.kernel.name, slot.name),
        }
    }
    cpu.run(ours, step);
    let mut comparisons = Vec::new();
    for (tiles, calls) in device.variants(tested) {
        for output in &outputs {
            device.write(output.to, 0, output.poison.as_ref().unwrap_or(&output.before));
        }
        device.run(calls.as_ref().map_or(theirs, std::slice::from_ref), step);
        for output in &mut outputs {
            let expected = cpu.read(output.from, 0, output.from.len)?;
            let found = device.read(output.to, 0, output.to.len)?;
            let (elements, error) = difference(&expected, &found);
            if output.first.is_empty() {
                output.first.clone_from(&found);
            }
            let same_bits = found.iter().zip(&output.first).all(|(a, b)| a.to_bits() == b.to_bits());
            let (kernel, output) = (reference.kernel.name, output.name);
            comparisons.push(Comparison { kernel, output, case: "", tiles, same_bits, elements, error });
        }
    }
    for Output { from, before, .. } in outputs {
        restore(cpu, from, cpu.read(from, 0, from.len)?, &before);
    }
    Ok(comparisons)
}

/// A buffer that a call writes.
struct Output<'a> {
    name: &'static str,
    from: &'a Buffer<f32>,
    to: &'a Buffer<f32>,
    before: Vec<f32>,
    /// What it starts from, where that does not matter
    poison: Option<Vec<f32>>,
    /// With the device's first tiles
    first: Vec<f32>,
}

/// What the call did not write gets its old value back.
fn restore(cpu: &Engine, buffer: &Buffer<f32>, mut values: Vec<f32>, before: &[f32]) {
    for (value, &before) in values.iter_mut().zip(before) {
        if value.to_bits() == POISON {
            *value = before;
        }
    }
    cpu.write(buffer, 0, &values);
}

/// Number of elements written, and ‖found − expected‖/‖expected‖ over them.
fn difference(expected: &[f32], found: &[f32]) -> (usize, f64) {
    let (mut elements, mut square_error, mut square_norm) = (0, 0.0, 0.0);
    for (&expected, &found) in expected.iter().zip(found) {
        let untouched = [expected, found].map(|value| value.to_bits() == POISON);
        if untouched == [true, true] {
            continue;
        }
        elements += 1;
        if !expected.is_finite() || !found.is_finite() {
            return (elements, f64::INFINITY);
        }
        square_error += (f64::from(found) - f64::from(expected)).powi(2);
        square_norm += f64::from(expected).powi(2);
    }
    let error = if square_error == 0.0 { 0.0 } else { (square_error / square_norm).sqrt() };
    (elements, error)
}
