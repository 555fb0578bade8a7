//! How long steps take: whole ones as training runs them, and kernel by kernel.

use super::workload::Loaded;
use crate::engine::Call;
use crate::engine::Engine;
use crate::engine::call::Run;
use crate::kernel::step::Step;
use anyhow::Result;
use serde::Serialize;
use std::time::Instant;

/// Repeats of every measurement, however long they take.
pub const LEAST_SAMPLES: usize = 5;

/// The same of steps that are timed kernel by kernel.
const LEAST_TIMED: usize = 3;

/// Steps under way at most while they are timed.
const IN_FLIGHT: usize = 32;

/// Seconds of a sample: short steps are timed several at a time.
const SAMPLE: f64 = 0.02;

/// Of some samples, in their unit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quartiles {
    pub median: f64,
    pub q1: f64,
    pub q3: f64,
}

impl Quartiles {
    /// Panics without samples.
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
    /// What the host spends on a step while others are under way; `None` on the CPU engine, which is the host
    pub host: Option<f64>,
}

/// Whole steps, submitted one after the other without waiting for each, for about `seconds`.
///
/// # Errors
/// Where the device is lost.
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

/// Seconds per step of `count` steps; adds the host's on all but the first.
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

/// Median seconds of every call over steps that are timed call by call; `None` where the device cannot.
///
/// # Errors
/// Where the device is lost.
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

/// Runs the calls and waits: seconds of each, by the device's own clock; `None` where it has none.
///
/// # Errors
/// Where the device is lost.
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
