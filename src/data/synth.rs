//! Synthetic pools: files in a user's format, generated from a known model.
//!
//! Each clip has an emotion vector e (soft target × intensity × the actor's expressiveness) and a nuisance u, each actor a
//! style a. A family f of encoders (face, body, scene, voice, prosody, audiovisual) has the view
//!
//! ```text
//! v_f = Σ_c sight_f,c · e_c · E_f,c  +  A_f a  +  U_f u  +  noise        (16 numbers)
//! ```
//!
//! with its own directions, so that families distinguish different emotions. In a quarter of the clips a family is
//! corrupted: its view is a fixed offset plus noise, which a gate can learn to recognise and ignore.
//! Styles of test actors are shifted by `actor_shift`. Encoder k of family f with reliability r has the features
//!
//! ```text
//! x_k = scale ∘ (bend(W_k (√r · v_f + √(1−r) · noise)) + column noise) + offset        (D_k numbers)
//! ```
//!
//! A near-duplicate shares W, scale, offset and noise with its original; a noise encoder has r = 0.
//!
//! Every random number comes from ChaCha8 on a separate stream per purpose, encoder and clip, so that neither the number of
//! threads nor the order of work changes a byte.

mod clips;
mod counts;
mod encoders;
mod features;
mod files;
mod truth;
mod views;

use crate::host::files::{check_new_folder, folder_of, partial_path, remove_stale};
use crate::host::stop::Stop;
use crate::host::ui::Ui;
use anyhow::{Context as _, Result, bail};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::{Path, PathBuf};

/// Size of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// 486 + 135 clips, 8 encoders of 6 to 60 columns: trains in seconds
    Tiny,
    /// BlEmoRE's 2 456 + 594 clips, 36 encoders of 32 to 256 columns
    Small,
    /// The same clips, the paper's 36 encoders: 270 305 columns, 3.3 GB
    Paper,
}

impl Preset {
    /// D_k of its encoders (K).
    pub fn widths(self) -> Vec<usize> {
        encoders::planned(self).iter().map(|encoder| encoder.width).collect()
    }
}

/// Description of a written pool.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The pool's folder
    pub out: PathBuf,
    /// Its size
    pub preset: Preset,
    /// Its seed
    pub seed: u64,
    /// Training clips, and how many of them are blends.
    pub train: (usize, usize),
    /// Test clips, and how many of them are blends.
    pub test: (usize, usize),
    /// Actors of training clips
    pub train_actors: usize,
    /// Actors of test clips
    pub test_actors: usize,
    /// Training clips per fold.
    pub folds: Vec<usize>,
    /// K
    pub encoders: usize,
    /// Σ D_k
    pub columns: usize,
    /// Size of all files.
    pub bytes: u64,
}

/// Writes a pool to the new or empty folder `out`, atomically.
///
/// # Errors
/// If `out` is a file or a non-empty folder, a file cannot be written, or `stop` requests a stop; nothing is kept then.
pub fn write(out: &Path, preset: Preset, seed: u64, stop: &Stop, ui: Ui) -> Result<Summary> {
    let staging = Staging::new(out)?;
    let table = clips::table(preset, seed);
    let encoders = encoders::planned(preset);
    let views = views::views(&table, seed);

    files::metadata(&staging.folder, &table)?;
    files::encoders_toml(&staging.folder, &encoders)?;
    let truth = truth::Truth::new(preset, seed, &table, &views, &encoders);
    files::write_text(&staging.folder.join("truth.json"), &(serde_json::to_string_pretty(&truth)? + "\n"))?;
    let columns: usize = encoders.iter().map(|encoder| encoder.width).sum();
    let bar = ui.bar((table.clips.len() * columns) as u64, "writing");
    files::features(&staging.folder, &table, &views, &encoders, seed, &bar, stop)?;
    bar.finish_and_clear();

    let summary = summarize(out, preset, seed, &table, &encoders, size(&staging.folder)?);
    staging.publish(out)?;
    Ok(summary)
}

fn summarize(
    out: &Path,
    preset: Preset,
    seed: u64,
    table: &clips::Table,
    encoders: &[encoders::Planned],
    bytes: u64,
) -> Summary {
    let (train, test) = table.clips.split_at(table.train_clips);
    let count = |clips: &[clips::Clip]| {
        (clips.len(), clips.iter().filter(|clip| matches!(clip.label, clips::Label::Blend { .. })).count())
    };
    let folds = table.actors.iter().filter_map(|actor| actor.fold).max().map_or(0, |last| last + 1);
    let train_actors = table.actors.iter().filter(|actor| actor.fold.is_some()).count();
    Summary {
        out: out.to_path_buf(),
        preset,
        seed,
        train: count(train),
        test: count(test),
        train_actors,
        test_actors: table.actors.len() - train_actors,
        folds: (0..folds).map(|fold| train.iter().filter(|clip| clip.fold == Some(fold)).count()).collect(),
        encoders: encoders.len(),
        columns: encoders.iter().map(|encoder| encoder.width).sum(),
        bytes,
    }
}

/// A temporary folder beside the output, removed unless it is published.
struct Staging {
    folder: PathBuf,
}

impl Staging {
    fn new(out: &Path) -> Result<Self> {
        check_new_folder(out)?;
        let shown = out.display();
        let Some(name) = out.file_name() else {
            bail!("{shown}: found a path without a folder name, expected a new folder; give one such as pool");
        };
        let parent = out.parent().unwrap_or(Path::new(""));
        if parent != Path::new("") {
            fs::create_dir_all(parent).with_context(|| format!("{}: cannot create the folder", parent.display()))?;
        }
        let hidden = format!(".{}", name.to_string_lossy());
        let folder = partial_path(&parent.join(&hidden));
        remove_stale(folder_of(&folder), hidden.as_ref());
        fs::create_dir(&folder).with_context(|| format!("{}: cannot create the folder", folder.display()))?;
        Ok(Staging { folder })
    }

    fn publish(self, out: &Path) -> Result<()> {
        check_new_folder(out)?;
        if out.exists() {
            fs::remove_dir(out).with_context(|| format!("{}: cannot replace the empty folder", out.display()))?;
        }
        fs::rename(&self.folder, out).with_context(|| format!("{}: cannot move the finished pool here", out.display()))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Fails harmlessly after `publish`; before it, the error being returned matters more than a leftover folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Bytes of all files under a folder.
fn size(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { size(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Purpose of a random stream. New purposes go to the end: the position determines the numbers drawn for a seed.
#[derive(Clone, Copy)]
enum Stream {
    /// Folds of the actors, and missing or repeated clips.
    Clips,
    /// Styles of the actors.
    Actors,
    /// Directions of each family.
    Families,
    /// Content of each clip.
    Contents,
    /// Noise or corruption, per clip and family.
    Views,
    /// An encoder's columns.
    Columns,
    /// An encoder's noise, per clip.
    Noise,
    /// An encoder's column noise, per clip.
    Rows,
}

impl Stream {
    /// The generator of this purpose's `index`-th part; `index` is below 2⁵⁶.
    fn rng(self, seed: u64, index: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream((self as u64) << 56 | index);
        rng
    }
}
