//! Which encoders a pool has, in which order, and what each one looks at.

/// What an encoder looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    Video,
    Audio,
    Multimodal,
    /// Neither `encoders.toml` nor the table of known names says
    Unknown,
}
