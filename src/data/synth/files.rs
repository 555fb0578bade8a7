//! Writes the files of a synthetic pool: metadata, `encoders.toml`, features.

use super::clips::{Actor, CLASSES, Clip, Label, NEUTRAL, Table};
use super::encoders::Planned;
use super::features::Projector;
use super::views::Views;
use crate::data::encoders::{EncoderEntry, EncoderList};
use crate::data::npz::NpzWriter;
use crate::host::stop::Stop;
use anyhow::{Context as _, Result};
use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;
use std::fs;
use std::path::Path;

/// Writes `train_metadata.csv` and `test_metadata.csv`, both with labels.
pub fn metadata(folder: &Path, table: &Table) -> Result<()> {
    let (train, test) = table.clips.split_at(table.train_clips);
    for (name, clips) in [("train_metadata.csv", train), ("test_metadata.csv", test)] {
        let path = folder.join(name);
        let mut csv =
            csv::Writer::from_path(&path).with_context(|| format!("{}: cannot be created", path.display()))?;
        for clip in clips {
            csv.serialize(Row::new(clip, &table.actors[clip.actor]))?;
        }
        csv.flush().with_context(|| format!("{}: cannot be written", path.display()))?;
    }
    Ok(())
}

/// One line of the metadata; `None` is an empty cell.
#[derive(Default, Serialize)]
struct Row<'a> {
    filename: &'a str,
    video_id: &'a str,
    gender: &'a str,
    mix: u8,
    emotion_1: &'a str,
    emotion_2: Option<&'a str>,
    emotion_1_salience: Option<u32>,
    emotion_2_salience: Option<u32>,
    intensity_level: Option<u32>,
    situation: Option<u32>,
    version: u32,
    fold: Option<u32>,
}

impl<'a> Row<'a> {
    fn new(clip: &'a Clip, actor: &'a Actor) -> Self {
        let common = Row {
            filename: &clip.name,
            video_id: &actor.name,
            gender: actor.gender,
            version: clip.version,
            fold: clip.fold,
            ..Row::default()
        };
        match clip.label {
            Label::Single { emotion: NEUTRAL, level } => {
                Row { emotion_1: CLASSES[NEUTRAL], situation: Some(level), ..common }
            }
            Label::Single { emotion, level } => {
                Row { emotion_1: CLASSES[emotion], intensity_level: Some(level), ..common }
            }
            Label::Blend { first, second, salience } => Row {
                mix: 1,
                emotion_1: CLASSES[first],
                emotion_2: Some(CLASSES[second]),
                emotion_1_salience: Some(salience),
                emotion_2_salience: Some(100 - salience),
                ..common
            },
        }
    }
}

/// Writes `encoders.toml`: the order of the encoders and their modalities.
pub fn encoders_toml(folder: &Path, encoders: &[Planned]) -> Result<()> {
    let entry = |encoder: &Planned| EncoderEntry { name: encoder.name.to_owned(), modality: Some(encoder.modality) };
    let list = EncoderList { encoder: encoders.iter().map(entry).collect() };
    write_text(&folder.join("encoders.toml"), &toml::to_string(&list)?)
}

/// Writes `features/train/<encoder>.npz` and `features/test/<encoder>.npz`; generates one file at a time, rows in parallel.
pub fn features(
    folder: &Path,
    table: &Table,
    views: &Views,
    encoders: &[Planned],
    seed: u64,
    bar: &indicatif::ProgressBar,
    stop: &Stop,
) -> Result<()> {
    let names: Vec<&str> = table.clips.iter().map(|clip| clip.name.as_str()).collect();
    for (split, clips) in [("train", 0..table.train_clips), ("test", table.train_clips..table.clips.len())] {
        let folder = folder.join("features").join(split);
        fs::create_dir_all(&folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
        for (position, encoder) in encoders.iter().enumerate() {
            stop.check(|| "nothing was written".into())?;
            let projector = Projector::new(encoder, position, seed);
            let mut features = vec![0.0; clips.len() * encoder.width];
            let rows = features.par_chunks_exact_mut(encoder.width);
            rows.zip(clips.clone()).for_each(|(row, clip)| projector.row(views, clip, row));
            let features = Array2::from_shape_vec((clips.len(), encoder.width), features)?;
            let mut npz = NpzWriter::create(&folder.join(format!("{}.npz", encoder.name)))?;
            npz.matrix("X", features.view())?;
            npz.strings("filenames", &names[clips.clone()])?;
            npz.finish()?;
            bar.inc((clips.len() * encoder.width) as u64);
        }
    }
    Ok(())
}

pub fn write_text(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("{}: cannot be written", path.display()))
}
