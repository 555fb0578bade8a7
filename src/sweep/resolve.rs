//! From settings to the configuration of a trial, or to all that is wrong with them.

use super::expand::Draft;
use super::settings::{Share, TOP_N, describe, short_keys};
use super::survey::Survey;
use crate::config::{Config, Layer, TopN};
use crate::data::labels::exclusive;
use anyhow::{Error, Result, anyhow, ensure};
use toml::Value;

/// One key, its value and where that came from.
#[derive(Clone, Debug)]
pub struct Setting {
    pub key: String,
    pub value: Value,
    pub source: String,
}

impl Setting {
    /// The share of the encoders that this sets n to.
    fn share(&self) -> Result<Option<Share>> {
        if self.key != TOP_N {
            return Ok(None);
        }
        Share::read(&self.value).map_err(|error| anyhow!("{}: {error}", self.source))
    }

    fn layer(&self) -> Layer {
        Layer::setting(&self.key, self.value.clone(), &self.source)
    }
}

/// The configuration of a trial: what all share, and over it what is its own.
///
/// # Errors
/// Every setting that is unknown, out of range or does not fit the pool.
pub fn resolve(common: &[Setting], draft: &Draft, source: &str, survey: &Survey) -> Result<Config, Vec<Error>> {
    let own =
        |(key, value): (&String, &Value)| Setting { key: key.clone(), value: value.clone(), source: source.into() };
    let own: Vec<Setting> = draft.set.iter().map(own).collect();
    let all: Vec<&Setting> = common.iter().chain(&own).collect();
    match configure(&all, survey) {
        Ok(config) => {
            let name = || draft.name.clone().unwrap_or_else(|| describe(&draft.set, &short_keys([&draft.set])));
            check_fit(&config, survey).map_err(|error| vec![anyhow!("{source}, trial `{}`: {error:#}", name())])?;
            Ok(config)
        }
        Err(first) => {
            // It tells of one key; there may be more.
            let mut errors: Vec<Error> = own.iter().filter_map(|setting| configure(&[setting], survey).err()).collect();
            if !errors.iter().any(|error| error.to_string() == first.to_string()) {
                errors.push(first);
            }
            Err(errors)
        }
    }
}

/// Later settings win. A share of the encoders becomes their number.
fn configure(settings: &[&Setting], survey: &Survey) -> Result<Config> {
    let (mut layers, mut share) = (Vec::new(), None);
    for setting in settings {
        match setting.share()? {
            Some(found) => share = Some(found),
            None => {
                share = share.filter(|_| setting.key != TOP_N);
                layers.push(setting.layer());
            }
        }
    }
    let mut config = Config::of(layers)?;
    if let Some(share) = share {
        config.model.top_n = TopN::Count(share.resolve(encoders(&config, survey)?));
    }
    Ok(config)
}

/// # Errors
/// Encoders or an exclusive class that the pool does not have, n above their number, or nothing to adapt to.
fn check_fit(config: &Config, survey: &Survey) -> Result<()> {
    config.model.top_n.resolve(encoders(config, survey)?)?;
    exclusive(&survey.data.classes, &config.data.exclusive)?;
    ensure!(
        !config.adaptation.enabled || survey.has_targets,
        "adaptation.enabled = true, but the pool has no test clips to adapt to; add their features or leave it out"
    );
    Ok(())
}

/// K
fn encoders(config: &Config, survey: &Survey) -> Result<usize> {
    let chosen = survey.sources.clone().select(&survey.dir, &config.data.encoders)?.used.len();
    Ok(if config.data.concatenate { 1 } else { chosen })
}
