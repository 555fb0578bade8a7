//! The encoders of a pool, their order and their modalities.
//!
//! Without `encoders.toml` every feature file is used, ordered by name, and [`modality`] knows the paper's encoders.
//! With it, only the listed ones are used, in the listed order:
//!
//! ```toml
//! [[encoder]]
//! name = "imagebind"      # the stem of features/imagebind.npz
//! modality = "video"      # any word; optional for the paper's encoders
//!
//! [[encoder]]
//! name = "wavlm_large"
//! ```

use super::Modality;
use crate::host::input::read_text;
use anyhow::{Result, anyhow, ensure};
use std::collections::HashSet;
use std::path::Path;

/// `encoders.toml` in a pool's folder.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderList {
    /// The encoders to use, in their order.
    pub encoder: Vec<EncoderEntry>,
}

/// One encoder of the list.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncoderEntry {
    /// Stem of the feature file, with or without a trailing `_static_features`.
    pub name: String,
    /// `None`: that of the paper's encoder of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modality: Option<Modality>,
}

impl EncoderList {
    /// Reads `dir/encoders.toml`; `None` if it does not exist.
    ///
    /// # Errors
    /// If the file is not such a list, is empty or names an encoder twice.
    pub fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join("encoders.toml");
        if !path.exists() {
            return Ok(None);
        }
        let path_name = path.display();
        let text = read_text(&path)?;
        let list: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            anyhow!(
                "{path_name}: found {} on line {line}, expected [[encoder]] tables with `name` and optionally \
                 `modality`; correct it",
                error.message()
            )
        })?;
        ensure!(
            !list.encoder.is_empty(),
            "{path_name}: found no encoder, expected at least one [[encoder]] table; add one or remove the file"
        );
        let mut seen = HashSet::new();
        for entry in &list.encoder {
            ensure!(
                seen.insert(name(&entry.name)),
                "{path_name}: found `{}` twice, expected every encoder once; remove one",
                entry.name
            );
        }
        Ok(Some(list))
    }
}

/// Suffix of feature files in the challenge.
pub const SUFFIX: &str = "_static_features";

/// Returns the encoder's name for the stem of its file.
pub fn name(stem: &str) -> &str {
    stem.strip_suffix(SUFFIX).filter(|name| !name.is_empty()).unwrap_or(stem)
}

/// Returns the modality of a known encoder: one of the paper's, in any case and spelling of `-`, `_`, `.` and spaces, or a
/// name that starts with `hicmae`.
pub fn modality(name: &str) -> Modality {
    let name = key(name);
    if name.starts_with("hicmae") {
        return Modality::Multimodal;
    }
    PAPER.iter().find(|(known, ..)| key(known) == name).map_or(Modality::Unknown, |(_, modality, _)| *modality)
}

/// Letters and digits of a name; spells out `+`, since `emotion2vec+ Base` is not `emotion2vec Base`.
fn key(name: &str) -> String {
    name.to_lowercase().replace('+', "plus").replace(['-', '_', '.', ' '], "")
}

use Modality::{Audio, Multimodal, Video};

/// The paper's 36 encoders: file stem, modality, frame width (features are 7 × as wide). Names: arXiv 2605.21417, table III.
pub const PAPER: [(&str, Modality, usize); 36] = [
    ("clap", Video, 512),
    ("clip", Video, 768),
    ("dinov2", Video, 1024),
    ("dinov3", Video, 1024),
    ("eva_giant_clip_336", Video, 1024),
    ("eva_giant_clip", Video, 1024),
    ("eva_large_clip", Video, 768),
    ("eva02_base", Video, 768),
    ("eva02_large", Video, 1024),
    ("imagebind", Video, 1024),
    ("openface_2.0", Video, 709),
    ("openface_3.0", Video, 18),
    ("siglip2_base_16_384", Video, 768),
    ("siglip2_giant_opt_16_384", Video, 1536),
    ("siglip2_large_16_384", Video, 1024),
    ("siglip2_so400m_16_384", Video, 1152),
    ("videomae_v2", Video, 1408),
    ("video_swin_transformer", Video, 1024),
    ("internvl3.5_8b", Video, 1024),
    ("internvl3.5_14b", Video, 1024),
    ("internvl3.5_38b", Video, 3200),
    ("internvl3.5_78b", Video, 3200),
    ("wavlm_large", Audio, 1024),
    ("emotion2vec_base", Audio, 768),
    ("emotion2vec_plus_base", Audio, 768),
    ("emotion2vec_plus_large", Audio, 1024),
    ("emotion2vec_plus_seed", Audio, 768),
    ("wav2vec2_base", Audio, 768),
    ("wav2vec2_large_960h", Audio, 1024),
    ("wav2vec2_large_robust_emotion", Audio, 1024),
    ("wav2vec2_large_robust", Audio, 1024),
    ("wav2vec2_large", Audio, 1024),
    ("wav2vec2_large_xlsr", Audio, 1024),
    ("hubert_large", Audio, 1024),
    ("whisper_v3", Audio, 1280),
    ("hicmae", Multimodal, 1024),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_sized_pool_has_270_305_columns_in_36_known_encoders() {
        assert_eq!(PAPER.iter().map(|(_, _, frame)| 7 * frame).sum::<usize>(), 270_305);
        let count = |modality| PAPER.iter().filter(|(_, known, _)| *known == modality).count();
        assert_eq!((count(Video), count(Audio), count(Multimodal)), (22, 13, 1));
        let keys: HashSet<_> = PAPER.iter().map(|(name, ..)| key(name)).collect();
        assert_eq!(keys.len(), 36);
    }

    #[test]
    fn names_match_in_any_spelling() {
        assert_eq!(modality("OpenFace 2.0"), Video);
        assert_eq!(modality("InternVL3_5-8B"), Video);
        assert_eq!(modality("emotion2vec+ Large"), Audio);
        assert_eq!(modality("hicmae_ce_100_best"), Multimodal);
        assert_eq!(modality("my_encoder"), Modality::Unknown);
    }
}
