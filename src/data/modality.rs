//! What an encoder looks at: one of the paper's kinds, or any word of a pool's own.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Ordered as reports list them: the paper's kinds, other words by name, unknown last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Modality {
    Video,
    Audio,
    Multimodal,
    /// A word from `encoders.toml`
    Other(&'static str),
    /// Neither `encoders.toml` nor the table of known names says
    Unknown,
}

impl Modality {
    /// The modality that a word stands for, whatever its case where it is one of the paper's kinds; `None` of an empty one or
    /// one with line breaks.
    pub fn of(word: &str) -> Option<Self> {
        let word = word.trim();
        if word.is_empty() || word.chars().any(char::is_control) {
            return None;
        }
        let known = [Self::Video, Self::Audio, Self::Multimodal, Self::Unknown];
        let known = known.into_iter().find(|known| known.word().eq_ignore_ascii_case(word));
        Some(known.unwrap_or_else(|| Self::Other(kept(word))))
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Multimodal => "multimodal",
            Self::Other(word) => word,
            Self::Unknown => "unknown",
        }
    }

    /// Position among the words that are not the paper's; `None` of the others.
    pub fn other(self) -> Option<usize> {
        let Self::Other(word) = self else { return None };
        WORDS.lock().unwrap_or_else(PoisonError::into_inner).iter().position(|known| *known == word)
    }

    /// Each of them once, in their order.
    pub fn distinct(all: impl Iterator<Item = Self>) -> Vec<Self> {
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Words of pools' own, in the order they were met; kept as long as the program runs, for modalities are copied everywhere.
static WORDS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

fn kept(word: &str) -> &'static str {
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
