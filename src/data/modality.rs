//! Modality of an encoder: one of the paper's, or any word in `encoders.toml`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What an encoder's features describe, in the order of reports: the paper's modalities, other words by name, unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Modality {
    /// Images or video
    Video,
    /// Sound
    Audio,
    /// Both
    Multimodal,
    /// A word from `encoders.toml`
    Other(&'static str),
    /// Neither in `encoders.toml` nor in the table of known names
    Unknown,
}

impl Modality {
    /// Parses a word; case does not matter for the paper's modalities. `None` for empty words and words with line breaks.
    pub fn of(word: &str) -> Option<Self> {
        let word = word.trim();
        if word.is_empty() || word.chars().any(char::is_control) {
            return None;
        }
        let known = [Self::Video, Self::Audio, Self::Multimodal, Self::Unknown];
        let known = known.into_iter().find(|known| known.word().eq_ignore_ascii_case(word));
        Some(known.unwrap_or_else(|| Self::Other(interned(word))))
    }

    /// Its word in files and tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Multimodal => "multimodal",
            Self::Other(word) => word,
            Self::Unknown => "unknown",
        }
    }

    /// Index among the words that are not the paper's; `None` for the paper's and unknown ones.
    pub fn other(self) -> Option<usize> {
        let Self::Other(word) = self else { return None };
        WORDS.lock().unwrap_or_else(PoisonError::into_inner).iter().position(|known| *known == word)
    }

    /// Returns the distinct modalities in order.
    pub fn distinct(all: impl Iterator<Item = Self>) -> Vec<Self> {
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Words of `encoders.toml` files in the order of their first use; never freed, so that modalities are `Copy`.
static WORDS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// The static copy of a word.
fn interned(word: &str) -> &'static str {
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = words.iter().find(|known| **known == word) {
        return known;
    }
    let word: &'static str = Box::leak(word.to_owned().into_boxed_str());
    words.push(word);
    word
}

impl std::fmt::Display for Modality {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.pad(self.word())
    }
}

impl Serialize for Modality {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Modality {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::of(&word).ok_or_else(|| serde::de::Error::custom(format!("modality {word:?}, expected a word")))
    }
}
