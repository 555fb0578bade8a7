//! Numbers of clips of a synthetic pool, per fold and label.

use super::Preset;

/// Pairs of emotions that blend: all but neutral.
pub const PAIRS: [(usize, usize); 10] =
    [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)];
/// Percent of a pair's first emotion.
pub const SALIENCES: [u32; 3] = [30, 50, 70];

/// The actors of a fold or of the test split, and their clips.
pub struct ActorGroup {
    pub actors: usize,
    /// Actors without blends.
    pub without_blends: usize,
    pub clips: usize,
}

/// Clips of each label, all intensities of a single emotion together.
pub struct LabelCounts {
    /// In the order of `CLASSES`.
    pub singles: [usize; 6],
    /// In the order of `PAIRS` and `SALIENCES`.
    pub blends: [[usize; 3]; 10],
}

/// Numbers of actors and clips, and of clips per label.
pub struct Plan {
    pub folds: Vec<ActorGroup>,
    pub test: ActorGroup,
    /// `None`: as the repertoires give.
    pub train_labels: Option<LabelCounts>,
    pub test_labels: Option<LabelCounts>,
    /// Each actor records only every second clip of the repertoire.
    pub halved: bool,
}

/// BlEmoRE's counts for `small` and `paper`, the same proportions for `tiny`.
pub fn plan(preset: Preset) -> Plan {
    let group = |actors, without_blends, clips| ActorGroup { actors, without_blends, clips };
    match preset {
        Preset::Tiny => Plan {
            folds: [4, 4, 4, 3, 3].map(|actors| group(actors, 0, 27 * actors)).into(),
            test: group(5, 0, 135),
            train_labels: None,
            test_labels: None,
            halved: true,
        },
        Preset::Small | Preset::Paper => Plan {
            folds: vec![group(10, 1, 522), group(9, 0, 486), group(9, 1, 468), group(9, 1, 472), group(10, 1, 508)],
            test: group(11, 0, 594),
            train_labels: Some(LabelCounts {
                singles: [182, 187, 192, 192, 189, 188],
                blends: [
                    [45, 45, 45],
                    [47, 47, 46],
                    [47, 46, 47],
                    [45, 46, 45],
                    [46, 44, 46],
                    [42, 42, 42],
                    [43, 43, 43],
                    [42, 43, 43],
                    [42, 42, 42],
                    [44, 43, 43],
                ],
            }),
            // 260 singles and 334 blends; how the remainders are distributed over labels is arbitrary.
            test_labels: Some(LabelCounts {
                singles: [43, 43, 44, 44, 43, 43],
                blends: [
                    [11, 11, 11],
                    [11, 12, 11],
                    [12, 11, 11],
                    [11, 11, 11],
                    [11, 11, 12],
                    [11, 11, 11],
                    [11, 11, 11],
                    [11, 11, 11],
                    [11, 11, 11],
                    [11, 12, 11],
                ],
            }),
            halved: false,
        },
    }
}
