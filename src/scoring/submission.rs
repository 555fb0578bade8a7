//! Submission files of the challenge: `{"predictions": {"test_0001.mov": [{"emotion": "sad", "salience": 100.0}], …}}`.

use crate::host::files::write_atomically;
use crate::host::input::read_text;
use crate::scoring::decision::Decision;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

/// Suffix of clip names in the challenge.
pub const DEFAULT_SUFFIX: &str = ".mov";

/// Suffixes that are not part of a clip's name.
const MEDIA: [&str; 14] =
    ["mov", "mp4", "m4v", "avi", "mkv", "webm", "mpg", "mpeg", "wmv", "wav", "mp3", "m4a", "flac", "ogg"];

/// Tolerance in percent of a sum of saliences, for values written in single precision.
const SUM_TOLERANCE: f64 = 1e-3;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    predictions: Clips,
}

/// Every clip in file order, including repeated ones, of which a map would silently keep the last.
struct Clips(Vec<(String, Vec<Emotion>)>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Emotion {
    emotion: String,
    /// Percent
    salience: f64,
}

/// Writes a submission file atomically, clips sorted by name. With a `suffix`, it replaces a media suffix of the clip names.
///
/// # Errors
/// If two clips have the same name, or the file cannot be written.
pub fn write(path: &Path, predictions: &[(String, Decision)], classes: &[String], suffix: Option<&str>) -> Result<()> {
    let mut clips = BTreeMap::new();
    for (name, decision) in predictions {
        let emotion = |&(class, percent): &(usize, u32)| Emotion {
            emotion: classes[class].clone(),
            salience: f64::from(percent),
        };
        let name = suffix.map_or(name.clone(), |suffix| format!("{}{suffix}", stem(name)));
        let emotions: Vec<Emotion> = decision.iter().map(emotion).collect();
        if clips.insert(name.clone(), emotions).is_some() {
            bail!("{}: found clip {name:?} twice, expected every clip once; give each its own name", path.display());
        }
    }
    let mut json = serde_json::to_vec_pretty(&BTreeMap::from([("predictions", clips)]))?;
    json.push(b'\n');
    write_atomically(path, |file| Ok(file.write_all(&json)?))
}

/// Returns the path of a submission's zip: the same stem, beside it.
///
/// # Errors
/// If the submission itself has the suffix `.zip`.
pub fn zip_path(path: &Path) -> Result<PathBuf> {
    let target = path.with_extension("zip");
    ensure!(
        target != path && path.file_name().is_some_and(|name| name.to_str().is_some()),
        "{}: found a name unsuitable for --zip, expected one such as predictions.json; choose another name",
        path.display()
    );
    Ok(target)
}

/// Packs a submission file into [`zip_path`], and returns that path.
///
/// # Errors
/// As [`zip_path`], and if a file cannot be read or written.
pub fn zip(path: &Path) -> Result<PathBuf> {
    let target = zip_path(path)?;
    let name = path.file_name().and_then(|name| name.to_str()).expect("checked by zip_path");
    let json = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut archive = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    // Without a time stamp, so that the same predictions give the same bytes.
    let options = ::zip::write::SimpleFileOptions::default().last_modified_time(::zip::DateTime::default());
    archive.start_file(name, options)?;
    archive.write_all(&json)?;
    let archive = archive.finish()?;
    write_atomically(&target, |file| Ok(file.write_all(archive.get_ref())?))?;
    Ok(target)
}

/// Reads a submission file: decisions by clip name without media suffix.
///
/// # Errors
/// If the file is not such JSON, has an unknown class, a clip with none or more than two emotions, an emotion twice,
/// saliences that do not sum to 100, or a clip twice. The message names the file and the clip.
pub fn read(path: &Path, classes: &[String]) -> Result<BTreeMap<String, Decision>> {
    let file = path.display();
    let text = read_text(path)
        .with_context(|| format!("{file}: cannot be read as text, expected a submission file; check the path"))?;
    let parsed: File = serde_json::from_str(&text).map_err(|error| {
        anyhow!(
            "{file}: found {error}; expected {{\"predictions\": {{\"clip.mov\": [{{\"emotion\": \"{}\", \
             \"salience\": 100.0}}]}}}}; correct it, or write the file with `blendfuse predict`",
            classes.first().map_or("name", String::as_str)
        )
    })?;
    let mut decisions = BTreeMap::new();
    for (clip, emotions) in parsed.predictions.0 {
        let decision = decision(&emotions, classes).map_err(|error| anyhow!("{file}: clip {clip:?}: {error}"))?;
        if decisions.insert(stem(&clip).to_owned(), decision).is_some() {
            bail!("{file}: clip {clip:?}: found twice, expected every clip once; remove all but one");
        }
    }
    Ok(decisions)
}

/// Returns a clip's name without a media suffix, in upper or lower case.
pub fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && MEDIA.iter().any(|known| known.eq_ignore_ascii_case(ending)) => {
            stem
        }
        _ => name,
    }
}

/// Checks and converts the emotions of a clip.
fn decision(emotions: &[Emotion], classes: &[String]) -> Result<Decision> {
    let share = |emotion: &Emotion| -> Result<(usize, f64)> {
        let Emotion { emotion: name, salience } = emotion;
        let class = classes.iter().position(|class| class == name).ok_or_else(|| {
            anyhow!("found emotion {name:?}, expected one of {}; correct its name", classes.join(", "))
        })?;
        ensure!(
            *salience > 0.0 && *salience <= 100.0,
            "found {name} at salience {salience}, expected more than 0 and at most 100; leave absent emotions out"
        );
        Ok((class, *salience))
    };
    let shares = emotions.iter().map(share).collect::<Result<Vec<_>>>()?;
    ensure!(
        matches!(shares.len(), 1 | 2),
        "found {} emotions, expected one or two; keep the most salient",
        shares.len()
    );
    ensure!(
        shares.len() == 1 || shares[0].0 != shares[1].0,
        "found {:?} twice, expected two different emotions; give it once, at 100",
        emotions[0].emotion
    );
    let sum: f64 = shares.iter().map(|share| share.1).sum();
    ensure!(
        (sum - 100.0).abs() <= SUM_TOLERANCE,
        "found saliences that sum to {sum}, expected 100; scale them to percents of the whole"
    );
    Ok(match shares[..] {
        [(a, percent), (b, _)] => {
            let percent = percent.round_ties_even() as u32;
            Decision::blend((a, percent), (b, 100 - percent))
        }
        _ => Decision::single(shares[0].0),
    })
}

impl<'de> Deserialize<'de> for Clips {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Clips;

            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("clips by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Clips, A::Error> {
                let mut clips = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let emotions =
                        map.next_value().map_err(|error| A::Error::custom(format!("clip {name:?}: {error}")))?;
                    clips.push((name, emotions));
                }
                Ok(Clips(clips))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
