//! Expands a spec into the settings of each trial.

use super::axis::{Axis, MOST_TRIALS};
use super::settings::{Settings, flatten};
use super::spec::{Method, Spec};
use anyhow::{Context as _, Result, bail, ensure};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use toml::Value;

/// A trial whose settings are not checked yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// `None`: named after its settings
    pub name: Option<String>,
    /// Settings that the trial does not share with the others
    pub set: Settings,
}

/// Returns the named trials, then those of the search; `encoders` are the pool's.
///
/// A grid iterates its keys in alphabetical order, the last one fastest. A random search draws each trial from its own random
/// stream, so that adding trials does not change earlier ones.
///
/// # Errors
/// An invalid value in `[search]`, or more than 10 000 trials.
pub fn expand(spec: &Spec, encoders: &[String]) -> Result<Vec<Draft>> {
    let named = spec.named.iter().map(|named| Draft { name: Some(named.name.clone()), set: flatten(&named.set) });
    let axis = |(key, value): (String, Value)| Axis::read(&key, &value, encoders).map(|axis| (key, axis));
    let axes: Vec<(String, Axis)> = flatten(&spec.search).into_iter().map(axis).collect::<Result<_>>()?;
    let searched = match spec.method {
        _ if axes.is_empty() => Vec::new(),
        Method::Grid => grid(&axes)?,
        Method::Random => random(&axes, spec.trials.context("a random search has a number of trials")?, spec.seed)?,
    };
    Ok(named.chain(searched.into_iter().map(|set| Draft { name: None, set })).collect())
}

fn grid(axes: &[(String, Axis)]) -> Result<Vec<Settings>> {
    let mut product = vec![Settings::new()];
    for (key, axis) in axes {
        let Axis::List(values) = axis else {
            bail!(
                "`search.{key}`: found a range with method = \"grid\", expected a list of values; list values, or set method = \"random\""
            );
        };
        check_count(product.len().saturating_mul(values.len()))?;
        let with = |set: &Settings, value: &Value| {
            let mut set = set.clone();
            set.insert(key.clone(), value.clone());
            set
        };
        product = product.iter().flat_map(|set| values.iter().map(move |value| with(set, value))).collect();
    }
    Ok(product)
}

fn random(axes: &[(String, Axis)], trials: usize, seed: u32) -> Result<Vec<Settings>> {
    check_count(trials)?;
    let trial = |stream| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed.into());
        rng.set_stream(stream);
        axes.iter().map(|(key, axis)| (key.clone(), axis.draw(&mut rng))).collect()
    };
    Ok((0..trials as u64).map(trial).collect())
}

fn check_count(trials: usize) -> Result<()> {
    ensure!(trials <= MOST_TRIALS, "found {trials} trials, expected at most {MOST_TRIALS}; search fewer values");
    Ok(())
}
