//! The encoders of a synthetic pool: name, modality, width, family and reliability.

use super::Preset;
use super::views::Family;
use crate::data::Modality;
use crate::data::encoders::PAPER;

/// Content of an encoder's features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A family's view; `reliability` is its share of the variance, the rest is the encoder's own noise.
    Signal { family: Family, reliability: f32 },
    /// The features of the encoder `back` positions earlier, plus a little noise.
    Duplicate { back: usize },
    /// Noise only.
    Noise,
}

/// One encoder to be written.
#[derive(Clone, Debug)]
pub struct Planned {
    pub name: &'static str,
    pub modality: Modality,
    /// D_k
    pub width: usize,
    pub kind: Kind,
    /// Position of this encoder, or of the one that it duplicates.
    pub origin: usize,
    /// The origin's family and reliability; `None` for noise.
    pub sees: Option<(Family, f32)>,
}

/// Name, modality, width, content.
type Row = (&'static str, Modality, usize, Kind);

const fn sees(family: Family, reliability: f32) -> Kind {
    Kind::Signal { family, reliability }
}
const fn duplicate(back: usize) -> Kind {
    Kind::Duplicate { back }
}
use Family::{Audiovisual, Body, Face, Prosody, Scene, Voice};
use Kind::Noise;
use Modality::{Audio, Multimodal, Video};

/// Eight encoders that train in seconds.
const TINY: [Row; 8] = [
    ("clip", Video, 48, sees(Scene, 0.55)),
    ("openface_2.0", Video, 18, sees(Face, 0.85)),
    ("videomae_v2", Video, 60, sees(Body, 0.75)),
    ("clap", Video, 24, Noise),
    ("wavlm_large", Audio, 52, sees(Voice, 0.75)),
    ("hubert_large", Audio, 40, duplicate(1)),
    ("emotion2vec_base", Audio, 31, sees(Prosody, 0.8)),
    ("hicmae", Multimodal, 6, sees(Audiovisual, 0.8)),
];

/// Contents of the encoders of the paper's table, in its order.
const PAPER_KINDS: [Kind; PAPER.len()] = [
    Noise,                   // clap
    sees(Scene, 0.45),       // clip
    sees(Scene, 0.4),        // dinov2
    duplicate(1),            // dinov3
    sees(Body, 0.55),        // eva giant clip 336
    duplicate(1),            // eva giant clip
    sees(Scene, 0.35),       // eva large clip
    Noise,                   // eva02 base
    sees(Body, 0.4),         // eva02 large
    sees(Audiovisual, 0.55), // imagebind
    sees(Face, 0.8),         // openface 2
    sees(Face, 0.75),        // openface 3
    sees(Face, 0.35),        // siglip2 base
    sees(Scene, 0.5),        // siglip2 giant
    sees(Face, 0.45),        // siglip2 large
    duplicate(1),            // siglip2 so400m
    sees(Body, 0.7),         // videomae 2
    sees(Body, 0.3),         // video swin
    Noise,                   // internvl 8b
    sees(Scene, 0.4),        // internvl 14b
    sees(Face, 0.6),         // internvl 38b
    duplicate(1),            // internvl 78b
    sees(Voice, 0.7),        // wavlm large
    sees(Prosody, 0.7),      // emotion2vec base
    duplicate(1),            // emotion2vec+ base
    sees(Prosody, 0.75),     // emotion2vec+ large
    sees(Prosody, 0.6),      // emotion2vec+ seed
    sees(Voice, 0.35),       // wav2vec2 base
    sees(Voice, 0.4),        // wav2vec2 large 960h
    sees(Voice, 0.65),       // wav2vec2 large robust, emotion
    duplicate(1),            // wav2vec2 large robust
    Noise,                   // wav2vec2 large
    sees(Voice, 0.3),        // wav2vec2 large xlsr
    sees(Voice, 0.6),        // hubert large
    sees(Prosody, 0.45),     // whisper 3
    sees(Audiovisual, 0.75), // hicmae
];

/// Statistics per frame column in the paper's features: mean, std and five percentiles.
const STATISTICS: usize = 7;

/// The K encoders of a preset, in the order of `encoders.toml`.
pub fn planned(preset: Preset) -> Vec<Planned> {
    let paper = |width: fn(usize) -> usize| -> Vec<Row> {
        let rows = PAPER.iter().zip(PAPER_KINDS);
        rows.map(|(&(name, modality, frame), kind)| (name, modality, width(frame), kind)).collect()
    };
    let rows = match preset {
        Preset::Tiny => TINY.to_vec(),
        Preset::Small => paper(|frame| (frame / 9).clamp(32, 256)),
        Preset::Paper => paper(|frame| STATISTICS * frame),
    };
    let plan = |(index, &(name, modality, width, kind)): (usize, &Row)| {
        let origin = if let Kind::Duplicate { back } = kind { index - back } else { index };
        let sees = match rows[origin].3 {
            Kind::Signal { family, reliability } => Some((family, reliability)),
            Kind::Noise => None,
            Kind::Duplicate { .. } => unreachable!("the original of a duplicate is no duplicate"),
        };
        Planned { name, modality, width, kind, origin, sees }
    };
    rows.iter().enumerate().map(plan).collect()
}
