//! The clips of a synthetic pool: actors with a common repertoire, folds of actors, BlEmoRE's counts of every label.
//!
//! The repertoire is five emotions at four intensities, neutral in four situations, and ten pairs of emotions at 30/70,
//! 50/50 and 70/30: 24 singles and 30 blends. As in the real recordings a few actors have no blends, some clips are missing
//! and some are repeated ("ver2"), such that folds and labels have the required sizes.

use super::counts::{ActorGroup, LabelCounts, PAIRS, Plan, SALIENCES, plan};
use super::{Preset, Stream};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

/// Class names in the order of every target.
pub const CLASSES: [&str; 6] = ["ang", "disg", "fea", "hap", "sad", "neu"];
/// Position of the class that never blends.
pub const NEUTRAL: usize = 5;
const INTENSITIES: u32 = 4;

/// What an actor shows in a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// One emotion; `level` 1..=4 is the intensity, or the situation for neutral.
    Single { emotion: usize, level: u32 },
    /// Two emotions; `salience` is the percent of the first.
    Blend { first: usize, second: usize, salience: u32 },
}

/// One clip of the table.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Position in the list of actors: training actors first.
    pub actor: usize,
    pub label: Label,
    /// 1; higher for repeated clips.
    pub version: u32,
    /// `None` for test clips.
    pub fold: Option<u32>,
    /// File stem.
    pub name: String,
}

/// An actor.
#[derive(Clone, Debug)]
pub struct Actor {
    pub name: String,
    pub gender: &'static str,
    /// `None` for test actors.
    pub fold: Option<u32>,
}

/// Training clips in the order of their names, then test clips `test_0001` … in random order.
pub struct Table {
    pub actors: Vec<Actor>,
    pub clips: Vec<Clip>,
    pub train_clips: usize,
}

/// Generates the table of clips; the same seed gives the same table.
pub fn table(preset: Preset, seed: u64) -> Table {
    let plan = plan(preset);
    let mut rng = Stream::Clips.rng(seed, 0);
    let actors = cast(&plan, &mut rng);
    let mut train = record(&plan.folds, 0, plan.train_labels.as_ref(), plan.halved, &mut rng);
    let train_actors = plan.folds.iter().map(|group| group.actors).sum();
    let mut test =
        record(std::slice::from_ref(&plan.test), train_actors, plan.test_labels.as_ref(), plan.halved, &mut rng);
    for clip in &mut train {
        clip.fold = actors[clip.actor].fold;
        clip.name = stem(&actors[clip.actor].name, clip);
    }
    train.sort_by(|a, b| a.name.cmp(&b.name));
    test.shuffle(&mut rng);
    for (index, clip) in test.iter_mut().enumerate() {
        clip.name = format!("test_{:04}", index + 1);
    }
    let train_clips = train.len();
    train.append(&mut test);
    Table { actors, clips: train, train_clips }
}

/// Names the actors and assigns them to the folds, then to the test split.
fn cast(plan: &Plan, rng: &mut ChaCha8Rng) -> Vec<Actor> {
    let folds = plan.folds.iter().enumerate().map(|(fold, group)| (Some(fold as u32), group.actors));
    let seats: Vec<_> = folds.chain([(None, plan.test.actors)]).flat_map(|(fold, n)| vec![fold; n]).collect();
    let mut numbers: Vec<usize> = (0..seats.len()).map(|index| 101 + 3 * index).collect();
    numbers.shuffle(rng);
    let gender = |number: usize| if number.is_multiple_of(2) { "female" } else { "male" };
    seats
        .into_iter()
        .zip(numbers)
        .map(|(fold, number)| Actor { name: format!("A{number}"), gender: gender(number), fold })
        .collect()
}

/// Generates every actor's repertoire, then removes and repeats clips until groups and labels have their sizes.
fn record(
    groups: &[ActorGroup],
    first_actor: usize,
    wanted: Option<&LabelCounts>,
    halved: bool,
    rng: &mut ChaCha8Rng,
) -> Vec<Clip> {
    let mut recorded: Vec<Vec<Clip>> = Vec::new();
    let mut actor = first_actor;
    for group in groups {
        let mut clips = Vec::new();
        for member in 0..group.actors {
            for (index, label) in repertoire().into_iter().enumerate() {
                let left_out = matches!(label, Label::Blend { .. }) && member < group.without_blends
                    || halved && (index + actor) % 2 == 1;
                if !left_out {
                    clips.push(Clip { actor, label, version: 1, fold: None, name: String::new() });
                }
            }
            actor += 1;
        }
        recorded.push(clips);
    }
    if let Some(wanted) = wanted {
        adjust(&mut recorded, groups, wanted, rng);
    }
    recorded.concat()
}

/// The 54 clips of an actor. Neighbours differ in intensity and salience, so that every second clip covers all of them.
fn repertoire() -> Vec<Label> {
    let singles =
        (0..CLASSES.len()).flat_map(|emotion| (1..=INTENSITIES).map(move |level| Label::Single { emotion, level }));
    let blends = PAIRS.into_iter().flat_map(|(first, second)| {
        SALIENCES.into_iter().map(move |salience| Label::Blend { first, second, salience })
    });
    singles.chain(blends).collect()
}

/// Removes clips of labels with too many, each group in turn, and repeats clips of labels with too few until every group has
/// its size.
fn adjust(recorded: &mut [Vec<Clip>], groups: &[ActorGroup], wanted: &LabelCounts, rng: &mut ChaCha8Rng) {
    let (mut surplus, mut missing) = (Vec::new(), Vec::new());
    for (kind, wanted) in kinds(wanted) {
        let have = recorded.iter().flatten().filter(|clip| kind_of(clip.label) == kind).count();
        surplus.extend(std::iter::repeat_n(kind, have.saturating_sub(wanted)));
        missing.extend(std::iter::repeat_n(kind, wanted.saturating_sub(have)));
    }
    surplus.shuffle(rng);
    missing.shuffle(rng);
    for (turn, kind) in surplus.into_iter().enumerate() {
        let clips = &mut recorded[turn % groups.len()];
        let index = any_of(clips, kind, rng);
        clips.remove(index);
    }
    for (clips, group) in recorded.iter_mut().zip(groups) {
        while clips.len() < group.clips {
            let kind = missing.pop().expect("the plan's labels and groups add up");
            let mut repeated = clips[any_of(clips, kind, rng)].clone();
            let same = |clip: &&Clip| clip.actor == repeated.actor && clip.label == repeated.label;
            repeated.version = 1 + clips.iter().filter(same).map(|clip| clip.version).max().unwrap_or(0);
            clips.push(repeated);
        }
        assert_eq!(clips.len(), group.clips, "a group has more clips than planned");
    }
    assert!(missing.is_empty(), "the plan's labels and groups add up");
}

/// A label without the level of a single emotion.
fn kind_of(label: Label) -> Label {
    match label {
        Label::Single { emotion, .. } => Label::Single { emotion, level: 0 },
        blend => blend,
    }
}

fn kinds(counts: &LabelCounts) -> Vec<(Label, usize)> {
    let singles =
        counts.singles.iter().enumerate().map(|(emotion, &count)| (Label::Single { emotion, level: 0 }, count));
    let blends = PAIRS.iter().zip(&counts.blends).flat_map(|(&(first, second), row)| {
        SALIENCES.iter().zip(row).map(move |(&salience, &count)| (Label::Blend { first, second, salience }, count))
    });
    singles.chain(blends).collect()
}

/// Index of a random clip of this kind, uniformly chosen.
fn any_of(clips: &[Clip], kind: Label, rng: &mut ChaCha8Rng) -> usize {
    let found: Vec<usize> = (0..clips.len()).filter(|&index| kind_of(clips[index].label) == kind).collect();
    found[rng.random_range(0..found.len())]
}

/// `A102_ang_int1_ver1`, `A303_neu_sit2_ver1`, `A411_mix_ang_hap_30_70_ver1`.
fn stem(actor: &str, clip: &Clip) -> String {
    let version = clip.version;
    match clip.label {
        Label::Single { emotion: NEUTRAL, level } => format!("{actor}_neu_sit{level}_ver{version}"),
        Label::Single { emotion, level } => format!("{actor}_{}_int{level}_ver{version}", CLASSES[emotion]),
        Label::Blend { first, second, salience } => {
            let (first, second) = (CLASSES[first], CLASSES[second]);
            format!("{actor}_mix_{first}_{second}_{salience}_{}_ver{version}", 100 - salience)
        }
    }
}

impl Label {
    /// Share of each class, summing to 1.
    pub fn target(self) -> [f32; 6] {
        let mut target = [0.0; 6];
        match self {
            Label::Single { emotion, .. } => target[emotion] = 1.0,
            Label::Blend { first, second, salience } => {
                target[first] = salience as f32 / 100.0;
                target[second] = (100 - salience) as f32 / 100.0;
            }
        }
        target
    }

    /// 1 to 4 for a single emotion; `None` for neutral and blends.
    pub fn intensity(self) -> Option<u32> {
        match self {
            Label::Single { emotion, level } if emotion != NEUTRAL => Some(level),
            _ => None,
        }
    }
}
