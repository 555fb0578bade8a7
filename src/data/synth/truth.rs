//! `truth.json`: the model behind a synthetic pool, for comparison with a trained model's choices.

use super::Preset;
use super::clips::{CLASSES, Clip, Table};
use super::encoders::{Kind, Planned};
use super::views::{ACTOR_SHIFT, CORRUPTION, Family, Sight, Views};
use serde::Serialize;

/// The whole of `truth.json`.
#[derive(Serialize)]
pub struct Truth {
    preset: Preset,
    seed: u64,
    /// From the mean style of training actors to that of test actors, in standard deviations between actors.
    actor_shift: f32,
    /// Probability that a family is corrupted in a clip.
    corruption: f64,
    classes: [&'static str; 6],
    families: Vec<FamilyTruth>,
    encoders: Vec<EncoderTruth>,
    clips: Vec<ClipTruth>,
}

#[derive(Serialize)]
struct FamilyTruth {
    name: Family,
    sees: Sight,
}

#[derive(Serialize)]
struct EncoderTruth {
    name: &'static str,
    width: usize,
    /// `signal`, `duplicate` or `noise`
    kind: &'static str,
    duplicate_of: Option<&'static str>,
    family: Option<Family>,
    /// Share of the family's view in the variance of the encoder's input; 0 for noise.
    reliability: f32,
}

#[derive(Serialize)]
struct ClipTruth {
    filename: String,
    /// Families that are corrupted in this clip.
    corrupted: Vec<Family>,
}

impl Truth {
    pub fn new(preset: Preset, seed: u64, table: &Table, views: &Views, encoders: &[Planned]) -> Self {
        Truth {
            preset,
            seed,
            actor_shift: ACTOR_SHIFT,
            corruption: CORRUPTION,
            classes: CLASSES,
            families: Family::ALL.map(|name| FamilyTruth { name, sees: name.sight() }).into(),
            encoders: encoders.iter().map(|encoder| EncoderTruth::new(encoder, encoders)).collect(),
            clips: table.clips.iter().zip(&views.corrupted).map(|(clip, &flags)| ClipTruth::new(clip, flags)).collect(),
        }
    }
}

impl EncoderTruth {
    fn new(encoder: &Planned, encoders: &[Planned]) -> Self {
        let (kind, duplicate_of) = match encoder.kind {
            Kind::Signal { .. } => ("signal", None),
            Kind::Duplicate { .. } => ("duplicate", Some(encoders[encoder.origin].name)),
            Kind::Noise => ("noise", None),
        };
        EncoderTruth {
            name: encoder.name,
            width: encoder.width,
            kind,
            duplicate_of,
            family: encoder.sees.map(|(family, _)| family),
            reliability: encoder.sees.map_or(0.0, |(_, reliability)| reliability),
        }
    }
}

impl ClipTruth {
    fn new(clip: &Clip, corrupted: [bool; 6]) -> Self {
        let corrupted = Family::ALL.into_iter().filter(|&family| corrupted[family as usize]).collect();
        ClipTruth { filename: clip.name.clone(), corrupted }
    }
}
