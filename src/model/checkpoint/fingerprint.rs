//! A hash of weights, by which a run's files recognise each other: FNV-1a, 64 bits, over names and values.
//!
//! It finds any file that was exchanged or damaged by accident: changing one value always changes it. It is no protection
//! against someone who wants to deceive.

use super::{Checkpoint, Snapshot};
use crate::host::fnv::fnv1a;

/// Hash of the tensors in the order of their names.
pub fn fingerprint(snapshot: &Snapshot) -> u64 {
    let mut tensors: Vec<(&str, &[f32])> =
        snapshot.iter().map(|(tensor, values)| (tensor.name.as_str(), &values[..])).collect();
    tensors.sort_unstable_by_key(|(name, _)| *name);
    of(tensors)
}

impl Checkpoint {
    /// [`fingerprint`] of all its tensors; metadata such as thresholds have no part in it.
    pub fn fingerprint(&self) -> u64 {
        of(self.tensors.iter().map(|(name, (_, values))| (name.as_str(), &values[..])))
    }
}

fn of<'a>(tensors: impl IntoIterator<Item = (&'a str, &'a [f32])>) -> u64 {
    let bytes = |(name, values): (&'a str, &'a [f32])| {
        name.bytes().chain([0]).chain(bytemuck::cast_slice::<f32, u8>(values).iter().copied())
    };
    fnv1a(tensors.into_iter().flat_map(bytes))
}
