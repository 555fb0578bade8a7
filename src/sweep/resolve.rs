//! Resolves the settings of a trial to its configuration, or to a list of all errors in them.

use super::expand::Draft;
use super::settings::{Share, TOP_N, describe, short_keys};
use super::survey::SweepSurvey;
use crate::config::{Config, Layer, TopN};
use crate::data::labels::exclusive;
use anyhow::{Error, Result, anyhow, ensure};
use toml::Value;

/// One key, its value and its source.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Such as `model.top_n`
    pub key: String,
    /// Not checked yet
    pub value: Value,
    /// File, spec or flag, for messages
    pub source: String,
}

impl Setting {
    /// Returns the share of encoders if the setting sets n to one.
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

/// Returns the configuration of a trial: the shared settings, overridden by its own.
///
/// # Errors
/// Every setting that is unknown, out of range or does not fit the pool.
pub fn resolve(common: &[Setting], draft: &Draft, source: &str, survey: &SweepSurvey) -> Result<Config, Vec<Error>> {
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
            // The first error concerns one key; others may be wrong, too.
            let mut errors: Vec<Error> = own.iter().filter_map(|setting| configure(&[setting], survey).err()).collect();
            if !errors.iter().any(|error| error.to_string() == first.to_string()) {
                errors.push(first);
            }
            Err(errors)
        }
    }
}

/// Builds a configuration; later settings override earlier ones, and a share of encoders becomes a number.
fn configure(settings: &[&Setting], survey: &SweepSurvey) -> Result<Config> {
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

/// Checks a configuration against the pool.
///
/// # Errors
/// Encoders or an exclusive class that the pool lacks, n above the number of encoders, or adaptation without test clips.
fn check_fit(config: &Config, survey: &SweepSurvey) -> Result<()> {
    config.model.top_n.resolve(encoders(config, survey)?)?;
    exclusive(&survey.data.classes, &config.data.exclusive)?;
    ensure!(
        !config.adaptation.enabled || survey.has_target_rows,
        "adaptation.enabled = true: found no test clips, expected some to adapt to; add their features, or disable adaptation"
    );
    Ok(())
}

/// Returns K.
fn encoders(config: &Config, survey: &SweepSurvey) -> Result<usize> {
    let chosen = survey.sources.clone().select(&survey.dir, &config.data.encoders)?.used.len();
    Ok(if config.data.concatenate { 1 } else { chosen })
}
