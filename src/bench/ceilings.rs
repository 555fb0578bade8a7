//! What the device can do at most: bytes copied and multiply-adds done in a second.

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

/// Medians; `None` where the device had no room to measure it.
#[derive(Clone, Debug, Serialize)]
pub struct Ceilings {
    /// Bytes read plus bytes written
    pub copy_gb_s: Option<f64>,
    /// Two operations per multiply-add, f32
    pub fma_gflop_s: Option<f64>,
}

/// Elements that are copied at most: 256 MiB, much more than a cache holds.
const COPIED: usize = 64 << 20;

/// Lanes of the multiply-adds: several times what a large GPU keeps in flight.
const LANES: usize = 1 << 20;

/// Side of the matrices whose product gives the CPU's rate: they stay in cache.
const SIDE: usize = 768;

/// A longer launch that is not faster by this much ends the search.
const ENOUGH_GAIN: f64 = 1.03;

impl Ceilings {
    /// Measures both, each for about `seconds`.
    ///
    /// # Errors
    /// Where the device is lost.
    pub fn measure(engine: &Engine, seconds: f64) -> Result<Self> {
        let fma = match engine {
            Engine::Gpu(_) => multiply_adds(engine, seconds)?,
            Engine::Cpu | Engine::CpuF64 | Engine::DryRun(_) => Some(product(seconds)),
        };
        Ok(Self { copy_gb_s: copied(engine, seconds)?, fma_gflop_s: fma })
    }

    /// Seconds that so much work takes at least.
    pub fn floor(&self, cost: Cost) -> Option<f64> {
        let (copy, fma) = (self.copy_gb_s? * 1e9, self.fma_gflop_s? * 1e9);
        Some((cost.bytes as f64 / copy).max(cost.flops as f64 / fma))
    }
}

fn copied(engine: &Engine, seconds: f64) -> Result<Option<f64>> {
    let length = COPIED.min(engine.max_elements()) / 4 * 4;
    let room = || -> Result<_> { Ok((engine.buffer("source", length)?, engine.buffer("copied", length)?)) };
    let Ok((source, copied)) = room() else { return Ok(None) };
    // Pages that nobody wrote are all the same one on a CPU.
    engine.write(&source, 0, &vec![1.0; length]);
    let call =
        copy::call(engine, copy::Params { length: length as u32 }, copy::Args { source: &source, copied: &copied });
    Ok(Some(call.cost.bytes as f64 / median(engine, &[call], seconds)? / 1e9))
}

fn multiply_adds(engine: &Engine, seconds: f64) -> Result<Option<f64>> {
    let room = || -> Result<_> { Ok((engine.upload("line", &[0.999f32, 0.001])?, engine.buffer("sums", LANES)?)) };
    let Ok((line, sums)) = room() else { return Ok(None) };
    let mut best = 0.0f64;
    // Twice as long until that no longer drowns the costs of launching any further.
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

/// A square product by the crate that also makes the twins' products: it takes the widest unit that it knows.
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

/// Seconds of a launch: by the device's own clock where it has one.
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
