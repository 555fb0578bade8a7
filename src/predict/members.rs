//! The members of an ensemble.

use crate::data::EncoderInfo;
use crate::host::ui::{Ui, count};
use crate::model::checkpoint::Header;
use crate::runs::{self, CvSummary, model_file};
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};

/// A trained model, without its weights.
pub(super) struct Member {
    /// Its `model.safetensors`
    pub file: PathBuf,
    pub header: Header,
}

/// Returns the models of `paths`: each a run, a model file, or a cross-validation, which stands for all its runs.
///
/// # Errors
/// A path without a model, or models that cannot be averaged; the message names the difference.
pub(super) fn members(paths: &[PathBuf], ui: Ui) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::new();
    for path in paths {
        for file in files(path)? {
            if members.iter().any(|member| member.file == file) {
                ui.warn(format!("{}: model passed more than once; each occurrence counts in the mean", file.display()));
            }
            let header = Header::read(&file)?;
            if let Some(first) = members.first() {
                check(&first.header, &header, &first.file, &file)?;
            }
            members.push(Member { file, header });
        }
    }
    ensure!(!members.is_empty(), "found no model, expected at least one; pass --model");
    Ok(members)
}

fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let runs = if path.join("model.safetensors").exists() { Vec::new() } else { runs::run_folders(path) };
    if runs.is_empty() {
        return Ok(vec![model_file(path)?]);
    }
    ensure!(
        path.join("summary.json").exists(),
        "{}: found an unfinished cross-validation, expected a finished one; rerun its `blendfuse cv` command to finish it",
        path.display()
    );
    CvSummary::read(path)?.runs.iter().map(|run| model_file(&path.join(&run.folder))).collect()
}

/// Checks that the scores of two models can be averaged.
fn check(first: &Header, other: &Header, first_file: &Path, other_file: &Path) -> Result<()> {
    let text = |encoder: Option<&EncoderInfo>| {
        encoder.map_or("no encoder".into(), |encoder| {
            format!("`{}` with {}", encoder.name, count(encoder.width, "column"))
        })
    };
    let excluded =
        |header: &Header| header.neutral.map_or("none".into(), |class| format!("`{}`", header.classes[class]));
    let same = |a: Option<&EncoderInfo>, b: Option<&EncoderInfo>| match (a, b) {
        (Some(a), Some(b)) => (&a.name, a.width) == (&b.name, b.width),
        (a, b) => a.is_none() && b.is_none(),
    };
    let most = first.encoders.len().max(other.encoders.len());
    let encoder = (0..most).find(|&k| !same(first.encoders.get(k), other.encoders.get(k)));
    let decode = |header: &Header| header.config.decode.salience_rule;
    let how = if first.classes != other.classes {
        format!("found classes {}, expected {}", other.classes.join(", "), first.classes.join(", "))
    } else if let Some(k) = encoder {
        format!("found {} as encoder {k}, expected {}", text(other.encoders.get(k)), text(first.encoders.get(k)))
    } else if first.config.data.concatenate != other.config.data.concatenate
        || first.config.data.concatenate && first.config.data.encoders != other.config.data.encoders
    {
        "found a concatenation of other encoders".into()
    } else if first.neutral != other.neutral {
        format!("found {} as the class that never blends, expected {}", excluded(other), excluded(first))
    } else if decode(first) != decode(other) {
        "decode.salience_rule differs".into()
    } else if first.config.decode.blends != other.config.decode.blends {
        "decode.blends differs".into()
    } else {
        return Ok(());
    };
    bail!(
        "{}: cannot be averaged with {}: {how}; pass runs with the same classes and encoders in the same order",
        other_file.display(),
        first_file.display()
    )
}
