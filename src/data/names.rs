//! Detection of clip names that differ between labels and features by a suffix such as `.mp4` only, a common mistake.

use super::Clip;
use super::source::Index;
use crate::host::ui::count;
use anyhow::{Result, ensure};
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// Number of clips listed in a message.
const FEW: usize = 5;

/// Largest length of a suffix, without the dot.
const LONGEST: usize = 5;

/// Two names of probably the same clip.
pub struct Pair<'a> {
    /// Name in the labels
    pub label: &'a str,
    /// Name in the features
    pub feature: &'a str,
    /// File of the features
    pub file: &'a Path,
    /// Number of labelled clips with such a pair
    pub count: usize,
}

/// Finds labelled clips without a row in `index` that have one under a name with another suffix, and returns the first.
pub fn suffix_pair<'a>(missing: &[&'a str], labelled: &HashSet<String>, index: &'a Index) -> Option<Pair<'a>> {
    let unlabelled = index.names().filter(|(_, name)| !labelled.contains(*name));
    let by_stem: HashMap<&str, (&Path, &str)> = unlabelled.map(|(file, name)| (stem(name), (file, name))).collect();
    let mut pairs = missing
        .iter()
        .filter(|name| labelled.contains(**name))
        .filter_map(|label| Some((*label, by_stem.get(stem(label))?)));
    let (label, &(file, feature)) = pairs.next()?;
    Some(Pair { label, feature, file, count: 1 + pairs.count() })
}

/// Checks that names do not differ by a suffix: such rows would count as unlabelled test clips.
///
/// # Errors
/// If labelled clips without a row in any encoder have one under a name with another suffix.
pub fn check(dir: &Path, clips: &[Clip], indices: &[Index]) -> Result<()> {
    let rows: HashSet<&str> = indices.iter().flat_map(Index::names).map(|(_, name)| name).collect();
    let labelled: HashSet<String> = clips.iter().map(|clip| clip.name.clone()).collect();
    let unjoined: Vec<&str> = clips.iter().map(|clip| clip.name.as_str()).filter(|name| !rows.contains(name)).collect();
    let pair = indices.iter().find_map(|index| suffix_pair(&unjoined, &labelled, index));
    ensure!(pair.is_none(), "{}: {}", dir.display(), pair.as_ref().map_or(String::new(), Pair::text));
    Ok(())
}

impl Pair<'_> {
    /// The message of [`check`].
    pub fn text(&self) -> String {
        format!(
            "the names of {} differ only by a suffix: found `{}` in the labels and `{}` in {}, expected the same name in \
             both; remove the suffix from one of them",
            count(self.count, "clip"),
            self.label,
            self.feature,
            self.file.display()
        )
    }
}

/// Returns the name without a file suffix: a dot and a few letters and digits, not digits alone.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, suffix))
            if !stem.is_empty()
                && suffix.len() <= LONGEST
                && suffix.chars().all(|c| c.is_ascii_alphanumeric())
                && suffix.chars().any(|c| c.is_ascii_alphabetic()) =>
        {
            stem
        }
        _ => name,
    }
}

/// Lists the first few names and the number of further ones.
pub(crate) fn few<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<&str> = names.iter().take(FEW).map(AsRef::as_ref).collect();
    let more = names.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{}, … and {more} more", shown.join(", ")) }
}
