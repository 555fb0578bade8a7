//! Published results of the paper (arXiv 2605.21417) and of the challenge (arXiv 2601.13225).

/// A row of table I, on the challenge's test clips.
pub struct Published {
    pub method: &'static str,
    pub encoders: &'static str,
    pub adapts: Option<bool>,
    pub selects: Option<bool>,
    /// `None`: not in the paper's text
    pub presence: Option<f64>,
    pub salience: Option<f64>,
    pub mean: Option<f64>,
}

const fn baseline(method: &'static str, encoders: &'static str, presence: f64, salience: f64, mean: f64) -> Published {
    let (presence, salience, mean) = (Some(presence), Some(salience), Some(mean));
    Published { method, encoders, adapts: None, selects: None, presence, salience, mean }
}

const fn paper(adapts: bool, selects: bool, figures: [Option<f64>; 3]) -> Published {
    let [presence, salience, mean] = figures;
    let encoders = "22 video, 13 audio, 1 multimodal";
    Published { method: "paper", encoders, adapts: Some(adapts), selects: Some(selects), presence, salience, mean }
}

/// Table I.
pub const MAIN: [Published; 10] = [
    baseline("challenge baseline", "ImageBind", 0.261, 0.087, 0.174),
    baseline("challenge baseline", "WavLM", 0.311, 0.084, 0.1975),
    baseline("challenge baseline", "VideoMAE v2 + HuBERT", 0.332, 0.114, 0.223),
    baseline("challenge baseline", "ImageBind + WavLM", 0.327, 0.114, 0.221),
    baseline("challenge baseline", "HiCMAE", 0.268, 0.180, 0.224),
    baseline("trivial, single emotion", "–", 0.074, 0.000, 0.037),
    baseline("trivial, blend", "–", 0.056, 0.033, 0.044),
    paper(false, false, [Some(0.428), Some(0.168), Some(0.298)]),
    paper(true, false, [None, Some(0.165), Some(0.307)]),
    paper(true, true, [Some(0.423), None, None]),
];

/// Table II: mean score in cross-validation.
pub const ABLATION: [(&str, f64); 3] =
    [("full model", 0.323), ("uniform weights instead of the gate", 0.224), ("uniform weights and one head", 0.209)];

/// Figure 2 and table V: n of 36 encoders kept, mean score in cross-validation.
pub const BY_N: [(usize, f64); 8] =
    [(2, 0.237), (10, 0.259), (16, 0.310), (20, 0.308), (22, 0.323), (28, 0.314), (30, 0.326), (36, 0.314)];

/// K of the paper's pool.
pub const ENCODERS: usize = 36;
