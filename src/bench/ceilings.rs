//! Ceilings of a device: maximum rates of copies and multiply-adds.

use super::{copy, multiply_add, timing};
use crate::engine::Call;
use crate::engine::Engine;
use crate::kernel::Cost;
use crate::kernel::step::Step;
use crate::kernels::shared::matmul::matmul;
use anyhow::Result;
use ndarray::Array2;
use serde::Serialize;
use std::time::Instant;

/// Median rates; `None` if device memory did not suffice for the measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Ceilings {
    /// Bytes read plus bytes written, in GB/s
    pub copy_gb_s: Option<f64>,
    /// f32 multiply-adds, two operations each, in GFLOP/s
    pub fma_gflop_s: Option<f64>,
}

/// Maximum number of elements copied: 256 MiB, well above cache sizes.
const COPIED: usize = 64 << 20;

/// Lanes of the multiply-adds: several times the number that a large GPU keeps in flight.
const LANES: usize = 1 << 20;

/// Side of the matrices multiplied on the CPU: they fit in cache.
const SIDE: usize = 768;

/// The search ends when doubling the launch gains less than this factor.
const ENOUGH_GAIN: f64 = 1.03;

impl Ceilings {
    /// Measures both rates, each for about `seconds`.
    ///
    /// # Errors
    /// A lost device.
    pub fn measure(engine: &Engine, seconds: f64) -> Result<Self> {
        let fma = match engine {
            Engine::Gpu(_) => multiply_adds(engine, seconds)?,
            Engine::Cpu | Engine::CpuF64 | Engine::DryRun(_) => Some(product(seconds)),
        };
        Ok(Self { copy_gb_s: copied(engine, seconds)?, fma_gflop_s: fma })
    }

    /// Returns the lower bound of the time of `cost`, in seconds.
    pub fn floor(&self, cost: Cost) -> Option<f64> {
        let (copy, fma) = (self.copy_gb_s? * 1e9, self.fma_gflop_s? * 1e9);
        Some((cost.bytes as f64 / copy).max(cost.flops as f64 / fma))
    }
}

fn copied(engine: &Engine, seconds: f64) -> Result<Option<f64>> {
    let length = COPIED.min(engine.max_elements()) / 4 * 4;
    let buffers = || -> Result<_> { Ok((engine.buffer("source", length)?, engine.buffer("copied", length)?)) };
    let Ok((source, copied)) = buffers() else { return Ok(None) };
    // On a CPU, all untouched pages map to one zero page.
    engine.write(&source, 0, &vec![1.0; length]);
    let call =
        copy::call(engine, copy::Params { length: length as u32 }, copy::Args { source: &source, copied: &copied });
    Ok(Some(call.cost.bytes as f64 / median(engine, &[call], seconds)? / 1e9))
}

fn multiply_adds(engine: &Engine, seconds: f64) -> Result<Option<f64>> {
    let buffers = || -> Result<_> { Ok((engine.upload("line", &[0.999f32, 0.001])?, engine.buffer("sums", LANES)?)) };
    let Ok((line, sums)) = buffers() else { return Ok(None) };
    let mut best = 0.0f64;
    // Doubles the launch until its fixed costs are negligible.
    for rounds in (4..20).map(|power| 1 << power) {
        let params = multiply_add::Params { lanes: LANES as u32, rounds };
        let calls = [multiply_add::call(engine, params, multiply_add::Args { line: &line, sums: &sums })];
        let taken = median(engine, &calls, seconds / 4.0)?;
        let rate = calls[0].cost.flops as f64 / taken / 1e9;
        if rate < ENOUGH_GAIN * best || taken > seconds.max(0.1) {
            return Ok(Some(best.max(rate)));
        }
        best = best.max(rate);
    }
    Ok(Some(best))
}

/// Times a square product with the library that the CPU twins use, in GFLOP/s.
fn product(seconds: f64) -> f64 {
    let a = Array2::from_elem((SIDE, SIDE), 1.0f32);
    let mut c = a.clone();
    let mut samples = Vec::new();
    let begun = Instant::now();
    while samples.len() < timing::LEAST_SAMPLES || begun.elapsed().as_secs_f64() < seconds {
        let started = Instant::now();
        matmul(a.view(), a.view(), c.view_mut());
        samples.push(started.elapsed().as_secs_f64());
    }
    2.0 * (SIDE as f64).powi(3) / timing::Quartiles::of(samples).median / 1e9
}

/// Returns the median time of a launch in seconds, by the device's timestamps if available.
fn median(engine: &Engine, calls: &[Call], seconds: f64) -> Result<f64> {
    let step = Step::default();
    let mut samples = Vec::new();
    // The first launch compiles.
    engine.run(calls, &step);
    engine.wait()?;
    let begun = Instant::now();
    while samples.len() < timing::LEAST_SAMPLES || begun.elapsed().as_secs_f64() < seconds {
        let started = Instant::now();
        samples.push(match timing::per_call(engine, calls, &step)? {
            Some(times) => times.iter().sum(),
            None => {
                engine.run(calls, &step);
                engine.wait()?;
                started.elapsed().as_secs_f64()
            }
        });
    }
    Ok(timing::Quartiles::of(samples).median)
}
