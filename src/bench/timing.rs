//! Timing of steps: whole steps as training runs them, and single kernels.

use super::workload::Loaded;
use crate::engine::Call;
use crate::engine::Engine;
use crate::engine::call::Run;
use crate::kernel::step::Step;
use anyhow::Result;
use serde::Serialize;
use std::time::Instant;

/// Minimum number of samples of a measurement.
pub const LEAST_SAMPLES: usize = 5;

/// Minimum number of steps timed kernel by kernel.
const LEAST_TIMED: usize = 3;

/// Maximum number of steps in flight while timing.
const IN_FLIGHT: usize = 32;

/// Duration of a sample in seconds: short steps are timed several at a time.
const SAMPLE: f64 = 0.02;

/// Quartiles of samples, in their unit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quartiles {
    /// Second quartile
    pub median: f64,
    /// First quartile
    pub q1: f64,
    /// Third quartile
    pub q3: f64,
}

impl Quartiles {
    /// Returns the quartiles, linearly interpolated between samples.
    ///
    /// # Panics
    /// No samples.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |part: f64| {
            let place = part * (samples.len() - 1) as f64;
            let (below, above) = (samples[place.floor() as usize], samples[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Self { median: at(0.5), q1: at(0.25), q3: at(0.75) }
    }
}

/// Times in seconds.
pub struct Steps {
    pub step: Quartiles,
    /// Host time per step while other steps are in flight; `None` on the CPU engine
    pub host: Option<f64>,
}

/// Times whole steps, submitted without waiting for each, for about `seconds`.
///
/// # Errors
/// A lost device.
pub fn steps(loaded: &mut Loaded, seconds: f64) -> Result<Steps> {
    let begun = Instant::now();
    let mut alone = f64::INFINITY;
    while alone.is_infinite() || begun.elapsed().as_secs_f64() < seconds / 10.0 {
        alone = alone.min(group(loaded, 1, &mut Vec::new())?);
    }
    let together = ((SAMPLE / alone) as usize).clamp(1, IN_FLIGHT);
    let (mut samples, mut host) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    while samples.len() < LEAST_SAMPLES || begun.elapsed().as_secs_f64() < seconds {
        samples.push(group(loaded, together, &mut host)?);
    }
    let is_gpu = matches!(*loaded.model.engine, Engine::Gpu(_));
    if is_gpu && host.is_empty() {
        group(loaded, 2, &mut host)?;
    }
    Ok(Steps { step: Quartiles::of(samples), host: is_gpu.then(|| Quartiles::of(host).median) })
}

/// Returns the time per step of `count` steps in seconds; appends the host times of all but the first to `host`.
fn group(loaded: &mut Loaded, count: usize, host: &mut Vec<f64>) -> Result<f64> {
    let begun = Instant::now();
    for index in 0..count {
        let step = loaded.next_step();
        let submitting = Instant::now();
        loaded.model.engine.run(&loaded.calls, &step);
        if index > 0 {
            host.push(submitting.elapsed().as_secs_f64());
        }
    }
    loaded.model.engine.wait()?;
    Ok(begun.elapsed().as_secs_f64() / count as f64)
}

/// Returns the median time of each call in seconds; `None` if the device has no timestamps.
///
/// # Errors
/// A lost device.
pub fn kernels(loaded: &mut Loaded, seconds: f64) -> Result<Option<Vec<f64>>> {
    let mut samples = vec![Vec::new(); loaded.calls.len()];
    let begun = Instant::now();
    while samples[0].len() < LEAST_TIMED || begun.elapsed().as_secs_f64() < seconds {
        let step = loaded.next_step();
        let Some(times) = per_call(&loaded.model.engine, &loaded.calls, &step)? else { return Ok(None) };
        samples.iter_mut().zip(times).for_each(|(samples, time)| samples.push(time));
    }
    Ok(Some(samples.into_iter().map(|samples| Quartiles::of(samples).median).collect()))
}

/// Runs the calls and returns the time of each in seconds, by the device's timestamps; `None` if it has none.
///
/// # Errors
/// A lost device.
pub fn per_call(engine: &Engine, calls: &[Call], step: &Step) -> Result<Option<Vec<f64>>> {
    if let Engine::Gpu(gpu) = engine {
        let dispatches = calls.iter().map(|call| match &call.run {
            Run::Gpu(dispatch) => dispatch,
            Run::Cpu(_) => panic!("{}: recorded on another engine", call.kernel.name),
        });
        return gpu.timed(&dispatches.collect::<Vec<_>>(), step);
    }
    let times = calls.iter().map(|call| {
        let begun = Instant::now();
        engine.run(std::slice::from_ref(call), step);
        begun.elapsed().as_secs_f64()
    });
    Ok(Some(times.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_samples() {
        let found = Quartiles::of(vec![4.0, 1.0, 3.0, 2.0, 10.0]);
        assert_eq!((found.q1, found.median, found.q3), (2.0, 3.0, 4.0));
        let found = Quartiles::of(vec![1.0, 2.0]);
        assert_eq!((found.q1, found.median, found.q3), (1.25, 1.5, 1.75));
    }
}
