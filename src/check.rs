//! Comparison of every kernel on a device with its CPU twin, call by call through training and inference steps.
//! Knows models, kernels and engines; knows nothing of pools, runs and studies.
//!
//! Both engines record the same step. Before each call, the device receives the twin's inputs, so that errors do not
//! accumulate, and both engines receive poisoned outputs, which reveal unwritten elements. Bound: ‖out − ref‖/‖ref‖ ≤ 1e-5.

mod cases;

pub use cases::{Case, cases};

use crate::engine::Call;
use crate::engine::Engine;
use crate::kernel::buffer::AnyBuffer;
use crate::kernel::step::Step;
use crate::kernel::{Role, Slot};
use anyhow::Result;
use half::f16;
use std::sync::Arc;

/// Maximum relative error of an output, norm-wise.
pub const BOUND: f64 = 1e-5;

/// Maximum relative error of an f16 output, of which about 0.1 % of the values may round the other way.
pub const HALF_BOUND: f64 = 1e-4;

/// A NaN that no kernel computes, as f32 or, in its high half, f16.
const POISON: u32 = 0x7fc0_dead;

/// Comparison of one output of one call.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// Name of the kernel
    pub kernel: &'static str,
    /// Name of the output buffer
    pub output: &'static str,
    /// Name of the case
    pub case: &'static str,
    /// Tiles of a matrix product
    pub tiles: Option<&'static str>,
    /// Whether the output is bit-identical to that of the device's first tiles
    pub same_bits: bool,
    /// Number of elements written
    pub elements: usize,
    /// ‖out − ref‖/‖ref‖; infinite if only one engine wrote an element, or an element is not finite
    pub error: f64,
    /// Maximum error, [`BOUND`] or [`HALF_BOUND`]
    pub bound: f64,
}

impl Comparison {
    /// Returns true if the error is within its bound and the output does not depend on the tiles.
    pub fn passes(&self) -> bool {
        self.error <= self.bound && self.same_bits
    }
}

/// Runs the training step of a case, in each of its modes, and its inference on both engines in lockstep.
///
/// # Errors
/// Insufficient device memory, or a lost device.
pub fn compare(device: &Arc<Engine>, case: &Case) -> Result<Vec<Comparison>> {
    let cpu = Arc::new(Engine::Cpu);
    let step = case.step();
    let mut comparisons: Vec<Comparison> = Vec::new();
    for &mode in case.modes() {
        let (reference, from) = case.build(&cpu, mode)?;
        let (tested, to) = case.build(device, mode)?;
        let mut ours = reference.training_step(&from, case.sources, case.target_rows);
        let mut theirs = tested.training_step(&to, case.sources, case.target_rows);
        ours.extend(reference.inference(&from, case.infer_rows()));
        theirs.extend(tested.inference(&to, case.infer_rows()));
        // The modes share most kernels; only `adam` updates different tensors.
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

/// Runs one call on both engines with the same inputs; on the device once per tile variant.
fn lockstep(cpu: &Engine, device: &Engine, ours: &[Call], theirs: &[Call], step: &Step) -> Result<Vec<Comparison>> {
    let (reference, tested) = (&ours[0], &theirs[0]);
    let mut outputs = Vec::new();
    for (slot, (from, to)) in reference.kernel.slots.iter().zip(reference.buffers.iter().zip(&tested.buffers)) {
        let before = cpu.read_bits(from)?;
        if slot.role == Role::Read {
            device.write_bits(to, 0, &before);
            continue;
        }
        let start = if slot.role == Role::Write { vec![POISON; before.len()] } else { before.clone() };
        cpu.write_bits(from, 0, &start);
        outputs.push(Output { slot, from, to, before, start, first: Vec::new() });
    }
    cpu.run(ours, step);
    let mut comparisons = Vec::new();
    for (tiles, calls) in device.variants(tested) {
        for output in &outputs {
            device.write_bits(output.to, 0, &output.start);
        }
        device.run(calls.as_ref().map_or(theirs, std::slice::from_ref), step);
        for output in &mut outputs {
            let found = device.read_bits(output.to)?;
            let (elements, error) = difference(output.slot, &cpu.read_bits(output.from)?, &found);
            if output.first.is_empty() {
                output.first.clone_from(&found);
            }
            comparisons.push(Comparison {
                kernel: reference.kernel.name,
                output: output.slot.name,
                case: "",
                tiles,
                same_bits: found == output.first,
                elements,
                error,
                bound: if output.slot.element == "u32" { HALF_BOUND } else { BOUND },
            });
        }
    }
    for Output { from, before, .. } in outputs {
        restore(cpu, from, cpu.read_bits(from)?, &before);
    }
    Ok(comparisons)
}

/// A buffer that a call writes.
struct Output<'a> {
    slot: &'a Slot,
    from: &'a AnyBuffer,
    to: &'a AnyBuffer,
    before: Vec<u32>,
    /// Bits before the call, on both engines
    start: Vec<u32>,
    /// Bits after the call with the device's first tiles
    first: Vec<u32>,
}

/// Restores the elements that the call did not write.
fn restore(cpu: &Engine, buffer: &AnyBuffer, mut bits: Vec<u32>, before: &[u32]) {
    for (bits, &before) in bits.iter_mut().zip(before) {
        if *bits == POISON {
            *bits = before;
        }
    }
    cpu.write_bits(buffer, 0, &bits);
}

/// Returns the number of elements written, and ‖found − expected‖/‖expected‖ over them.
fn difference(slot: &Slot, expected: &[u32], found: &[u32]) -> (usize, f64) {
    let (mut elements, mut square_error, mut square_norm) = (0, 0.0, 0.0);
    for (&expected, &found) in expected.iter().zip(found) {
        if [expected, found] == [POISON; 2] {
            continue;
        }
        elements += 1;
        for (expected, found) in values(slot, expected).into_iter().zip(values(slot, found)) {
            if !expected.is_finite() || !found.is_finite() {
                return (elements, f64::INFINITY);
            }
            square_error += (found - expected).powi(2);
            square_norm += expected.powi(2);
        }
    }
    let error = if square_error == 0.0 { 0.0 } else { (square_error / square_norm).sqrt() };
    (elements, error)
}

/// Returns the values in an element: one f32 (and 0), or two f16.
fn values(slot: &Slot, bits: u32) -> [f64; 2] {
    match slot.element {
        "f32" => [f32::from_bits(bits).into(), 0.0],
        _ => [bits as u16, (bits >> 16) as u16].map(|half| f16::from_bits(half).to_f64()),
    }
}
