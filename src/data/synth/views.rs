//! The content of clips, and each encoder family's view of it.

use super::Stream;
use super::clips::{CLASSES, Table};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Length of a family's view of a clip.
pub const VIEW: usize = 16;
/// Length of an actor's style, and of a clip's nuisance (light, camera, microphone, room).
const STYLE: usize = 6;
/// Distance of the mean style of test actors from that of training actors, in standard deviations between actors.
pub const ACTOR_SHIFT: f32 = 1.5;
/// Probability that a family is corrupted in a clip (face outside the picture, noise over the voice).
pub const CORRUPTION: f64 = 0.25;
/// Standard deviation, around 1, of an actor's expressiveness for each emotion.
const EXPRESSIVENESS: f32 = 0.2;
/// Standard deviation, around 1, of the strength of an emotion between clips.
const VARIATION: f32 = 0.12;
/// Strength of an emotion at intensities 1 to 4; blends and neutral have 1.
const INTENSITY: [f32; 4] = [0.7, 0.9, 1.1, 1.3];

/// A group of encoders with the same view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Face,
    Body,
    Scene,
    Voice,
    Prosody,
    Audiovisual,
}

impl Family {
    pub const ALL: [Family; 6] =
        [Family::Face, Family::Body, Family::Scene, Family::Voice, Family::Prosody, Family::Audiovisual];

    /// The visibility of each class, and the weights of emotion, actor, nuisance and noise in the view.
    pub fn sight(self) -> Sight {
        let sight =
            |classes, [emotion, actor, nuisance, noise]: [f32; 4]| Sight { classes, emotion, actor, nuisance, noise };
        match self {
            //                     ang  disg fea  hap  sad  neu    emotion actor nuisance noise
            Family::Face => sight([0.5, 1.0, 0.4, 1.0, 0.3, 0.6], [1.5, 0.5, 0.3, 0.3]),
            Family::Body => sight([1.0, 0.3, 1.0, 0.3, 0.4, 0.3], [1.25, 0.5, 0.5, 0.4]),
            Family::Scene => sight([0.4, 0.4, 0.4, 0.5, 0.4, 0.4], [0.8, 0.9, 0.9, 0.4]),
            Family::Voice => sight([0.9, 0.3, 0.8, 0.3, 0.4, 0.6], [1.25, 0.8, 0.4, 0.3]),
            Family::Prosody => sight([0.3, 0.6, 0.3, 0.5, 1.0, 0.8], [1.4, 0.3, 0.5, 0.3]),
            Family::Audiovisual => sight([0.5, 0.5, 0.9, 0.9, 0.4, 0.4], [1.25, 0.4, 0.4, 0.4]),
        }
    }
}

/// Weights of a family's view: see [`Family::sight`].
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Sight {
    /// In the order of the classes.
    pub classes: [f32; 6],
    pub emotion: f32,
    pub actor: f32,
    pub nuisance: f32,
    /// Called so in `truth.json`
    #[serde(rename = "haze")]
    pub noise: f32,
}

/// Every family's view of every clip.
pub struct Views {
    /// `[clip][family][VIEW]`, about unit variance
    pub views: Vec<[[f32; VIEW]; 6]>,
    /// `[clip][family]`
    pub corrupted: Vec<[bool; 6]>,
}

/// Draws the traits of actors and the content of clips, and computes each family's view of them.
pub fn views(table: &Table, seed: u64) -> Views {
    let actors = actors(table, seed);
    let families = Family::ALL.map(|family| FamilyView::new(family, seed));
    let (views, corrupted) = table
        .clips
        .iter()
        .enumerate()
        .map(|(index, clip)| {
            let mut rng = Stream::Contents.rng(seed, index as u64);
            let content = ClipContent::new(clip, &actors[clip.actor], &mut rng);
            let corrupted: [bool; 6] = std::array::from_fn(|_| rng.random_bool(CORRUPTION));
            let view = |family: usize| {
                let mut rng = Stream::Views.rng(seed, (index * Family::ALL.len() + family) as u64);
                if corrupted[family] {
                    families[family].corrupted(&mut rng)
                } else {
                    families[family].see(&content, &mut rng)
                }
            };
            (std::array::from_fn(view), corrupted)
        })
        .unzip();
    Views { views, corrupted }
}

struct ActorTraits {
    style: [f32; STYLE],
    /// Strength with which the actor shows each emotion, around 1.
    expressiveness: [f32; 6],
}

/// Draws standard normal styles; those of test actors are shifted by `ACTOR_SHIFT` in one direction.
fn actors(table: &Table, seed: u64) -> Vec<ActorTraits> {
    let mut rng = Stream::Actors.rng(seed, 0);
    let shift = unit::<STYLE>(&mut rng).map(|value| value * ACTOR_SHIFT);
    let traits = |fold: Option<u32>| {
        let mut style: [f32; STYLE] = normals(&mut rng);
        if fold.is_none() {
            style.iter_mut().zip(shift).for_each(|(value, shift)| *value += shift);
        }
        ActorTraits { style, expressiveness: around_one(EXPRESSIVENESS, &mut rng) }
    };
    table.actors.iter().map(|actor| actor.fold).map(traits).collect()
}

/// What a clip shows.
struct ClipContent {
    /// Strength of each class: salience × intensity × expressiveness × variation.
    emotion: [f32; 6],
    style: [f32; STYLE],
    nuisance: [f32; STYLE],
}

impl ClipContent {
    fn new(clip: &super::clips::Clip, actor: &ActorTraits, rng: &mut ChaCha8Rng) -> Self {
        let intensity = clip.label.intensity().map_or(1.0, |level| INTENSITY[level as usize - 1]);
        let variation: [f32; 6] = around_one(VARIATION, rng);
        let target = clip.label.target();
        let emotion =
            std::array::from_fn(|class| target[class] * intensity * actor.expressiveness[class] * variation[class]);
        ClipContent { emotion, style: actor.style, nuisance: normals(rng) }
    }
}

/// A family's fixed directions in its view.
struct FamilyView {
    sight: Sight,
    emotion: [[f32; VIEW]; CLASSES.len()],
    actor: [[f32; VIEW]; STYLE],
    nuisance: [[f32; VIEW]; STYLE],
    /// Mean direction of corrupted views.
    corruption: [f32; VIEW],
}

impl FamilyView {
    fn new(family: Family, seed: u64) -> Self {
        let mut rng = Stream::Families.rng(seed, family as u64);
        FamilyView {
            sight: family.sight(),
            emotion: std::array::from_fn(|_| unit(&mut rng)),
            actor: std::array::from_fn(|_| unit(&mut rng)),
            nuisance: std::array::from_fn(|_| unit(&mut rng)),
            corruption: unit(&mut rng),
        }
    }

    /// Emotion + actor + nuisance + noise; a unit direction times √VIEW has unit variance per number.
    fn see(&self, content: &ClipContent, rng: &mut ChaCha8Rng) -> [f32; VIEW] {
        let sight = &self.sight;
        let mut view = normals(rng).map(|value: f32| sight.noise * value);
        let mut add = |direction: &[f32; VIEW], amount: f32| {
            view.iter_mut().zip(direction).for_each(|(value, along)| *value += amount * along);
        };
        let reach = (VIEW as f32).sqrt();
        for class in 0..CLASSES.len() {
            add(&self.emotion[class], reach * sight.emotion * sight.classes[class] * content.emotion[class]);
        }
        // Six directions share the variance.
        let reach = reach / (STYLE as f32).sqrt();
        for part in 0..STYLE {
            add(&self.actor[part], reach * sight.actor * content.style[part]);
            add(&self.nuisance[part], reach * sight.nuisance * content.nuisance[part]);
        }
        view
    }

    /// A view without any trace of the clip: noise around a large common offset, by which a gate can recognise it.
    fn corrupted(&self, rng: &mut ChaCha8Rng) -> [f32; VIEW] {
        let noise: [f32; VIEW] = normals(rng);
        std::array::from_fn(|part| 2.0 * (VIEW as f32).sqrt() * self.corruption[part] + 1.2 * noise[part])
    }
}

/// Independent standard normals.
pub fn normals<const N: usize>(rng: &mut ChaCha8Rng) -> [f32; N] {
    std::array::from_fn(|_| rng.sample(StandardNormal))
}

/// Independent factors of mean 1.
fn around_one<const N: usize>(sd: f32, rng: &mut ChaCha8Rng) -> [f32; N] {
    normals(rng).map(|value: f32| (1.0 + sd * value).max(0.1))
}

/// A random direction of length 1.
fn unit<const N: usize>(rng: &mut ChaCha8Rng) -> [f32; N] {
    let values: [f32; N] = normals(rng);
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.map(|value| value / length)
}
