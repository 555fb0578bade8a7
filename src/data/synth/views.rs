//! What there is to see in a clip, and what each family of encoders makes of it.

use super::Stream;
use super::clips::{CLASSES, Table};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Numbers in a family's view of a clip.
pub const VIEW: usize = 16;
/// Numbers that make an actor's style, and as many a clip's nuisance (light, camera, microphone, room).
const STYLE: usize = 6;
/// How far, in standard deviations between actors, the mean style of the test actors is from that of training actors.
pub const ACTOR_SHIFT: f32 = 1.5;
/// Chance that a family is corrupted in a clip (face out of the picture, noise over the voice).
pub const CORRUPTION: f64 = 0.25;
/// Sd of how strongly an actor shows each emotion, and of how a take departs from what was asked, both around 1.
const EXPRESSIVENESS: f32 = 0.2;
const WAVER: f32 = 0.12;
/// Strength of an emotion at intensities 1 to 4; blends and neutral have 1.
const INTENSITY: [f32; 4] = [0.7, 0.9, 1.1, 1.3];

/// Encoders of one family see the same view.
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

    /// How well each class stands out, and the weights of emotion, actor, nuisance and haze in the view.
    pub fn sight(self) -> Sight {
        let sight =
            |classes, [emotion, actor, nuisance, haze]: [f32; 4]| Sight { classes, emotion, actor, nuisance, haze };
        match self {
            //                     ang  disg fea  hap  sad  neu    emotion actor nuisance haze
            Family::Face => sight([0.5, 1.0, 0.4, 1.0, 0.3, 0.6], [1.5, 0.5, 0.3, 0.3]),
            Family::Body => sight([1.0, 0.3, 1.0, 0.3, 0.4, 0.3], [1.25, 0.5, 0.5, 0.4]),
            Family::Scene => sight([0.4, 0.4, 0.4, 0.5, 0.4, 0.4], [0.8, 0.9, 0.9, 0.4]),
            Family::Voice => sight([0.9, 0.3, 0.8, 0.3, 0.4, 0.6], [1.25, 0.8, 0.4, 0.3]),
            Family::Prosody => sight([0.3, 0.6, 0.3, 0.5, 1.0, 0.8], [1.4, 0.3, 0.5, 0.3]),
            Family::Audiovisual => sight([0.5, 0.5, 0.9, 0.9, 0.4, 0.4], [1.25, 0.4, 0.4, 0.4]),
        }
    }
}

/// What a family sees: see [`Family::sight`].
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Sight {
    /// In the order of the classes.
    pub classes: [f32; 6],
    pub emotion: f32,
    pub actor: f32,
    pub nuisance: f32,
    pub haze: f32,
}

/// Every family's view of every clip.
pub struct Views {
    /// `[clip][family][VIEW]`, about unit variance
    pub views: Vec<[[f32; VIEW]; 6]>,
    /// `[clip][family]`
    pub corrupted: Vec<[bool; 6]>,
}

/// Draws what actors and clips are like, then looks at them with each family's eyes.
pub fn look(table: &Table, seed: u64) -> Views {
    let actors = actors(table, seed);
    let eyes = Family::ALL.map(|family| Eyes::new(family, seed));
    let (views, corrupted) = table
        .clips
        .iter()
        .enumerate()
        .map(|(clip, take)| {
            let mut rng = Stream::Moments.rng(seed, clip as u64);
            let moment = Moment::new(take, &actors[take.actor], &mut rng);
            let corrupted: [bool; 6] = std::array::from_fn(|_| rng.random_bool(CORRUPTION));
            let view = |family: usize| {
                let mut rng = Stream::Sights.rng(seed, (clip * Family::ALL.len() + family) as u64);
                if corrupted[family] { eyes[family].blinded(&mut rng) } else { eyes[family].see(&moment, &mut rng) }
            };
            (std::array::from_fn(view), corrupted)
        })
        .unzip();
    Views { views, corrupted }
}

struct ActorTraits {
    style: [f32; STYLE],
    /// How strongly the actor shows each emotion, around 1.
    expressiveness: [f32; 6],
}

/// Styles are standard normal; those of test actors are moved by `ACTOR_SHIFT` in one direction.
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

/// What happened in front of the camera.
struct Moment {
    /// Strength of each class: the salience, times intensity, times how the actor shows it.
    emotion: [f32; 6],
    style: [f32; STYLE],
    nuisance: [f32; STYLE],
}

impl Moment {
    fn new(take: &super::clips::Take, actor: &ActorTraits, rng: &mut ChaCha8Rng) -> Self {
        let intensity = take.label.intensity().map_or(1.0, |level| INTENSITY[level as usize - 1]);
        let waver: [f32; 6] = around_one(WAVER, rng);
        let target = take.label.target();
        let emotion =
            std::array::from_fn(|class| target[class] * intensity * actor.expressiveness[class] * waver[class]);
        Moment { emotion, style: actor.style, nuisance: normals(rng) }
    }
}

/// A family's fixed directions in its view.
struct Eyes {
    sight: Sight,
    emotion: [[f32; VIEW]; CLASSES.len()],
    actor: [[f32; VIEW]; STYLE],
    nuisance: [[f32; VIEW]; STYLE],
    /// Where the view lies when the family is corrupted.
    glare: [f32; VIEW],
}

impl Eyes {
    fn new(family: Family, seed: u64) -> Self {
        let mut rng = Stream::Eyes.rng(seed, family as u64);
        Eyes {
            sight: family.sight(),
            emotion: std::array::from_fn(|_| unit(&mut rng)),
            actor: std::array::from_fn(|_| unit(&mut rng)),
            nuisance: std::array::from_fn(|_| unit(&mut rng)),
            glare: unit(&mut rng),
        }
    }

    /// Emotion + actor + nuisance + haze; a unit direction times √VIEW has unit variance per number.
    fn see(&self, moment: &Moment, rng: &mut ChaCha8Rng) -> [f32; VIEW] {
        let sight = &self.sight;
        let mut view = normals(rng).map(|value: f32| sight.haze * value);
        let mut add = |direction: &[f32; VIEW], amount: f32| {
            view.iter_mut().zip(direction).for_each(|(value, along)| *value += amount * along);
        };
        let reach = (VIEW as f32).sqrt();
        for class in 0..CLASSES.len() {
            add(&self.emotion[class], reach * sight.emotion * sight.classes[class] * moment.emotion[class]);
        }
        // Six directions share the variance.
        let reach = reach / (STYLE as f32).sqrt();
        for part in 0..STYLE {
            add(&self.actor[part], reach * sight.actor * moment.style[part]);
            add(&self.nuisance[part], reach * sight.nuisance * moment.nuisance[part]);
        }
        view
    }

    /// No trace of the clip: a large common offset, by which a gate can know it, and noise.
    fn blinded(&self, rng: &mut ChaCha8Rng) -> [f32; VIEW] {
        let noise: [f32; VIEW] = normals(rng);
        std::array::from_fn(|part| 2.0 * (VIEW as f32).sqrt() * self.glare[part] + 1.2 * noise[part])
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
