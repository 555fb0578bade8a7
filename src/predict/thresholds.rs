//! Decision thresholds α and β of an ensemble.
//!
//! They are searched on out-of-fold scores: for each clip, the mean over the members that held it out. A single model uses its
//! own thresholds.

use super::members::Member;
use crate::config::{Blends, Threshold};
use crate::host::ui::count;
use crate::runs::ValidationClips;
use crate::scoring::decode::Thresholds;
use crate::scoring::metrics::{self, Truth};
use anyhow::{Context as _, Result, ensure};
use ndarray::Array2;
use std::collections::BTreeMap;

/// Description of decisions for labels without blends.
const NO_THRESHOLDS: &str = "each clip is assigned the class with the largest score";

/// Returns the thresholds and, for an ensemble, a description of their origin.
///
/// # Errors
/// A member whose training is unfinished, an unreadable `validation.npz`, or members trained on different labels.
pub(super) fn thresholds(members: &[Member]) -> Result<(Thresholds, Option<String>)> {
    let own = members.iter().map(own).collect::<Result<Vec<_>>>()?;
    let first = &members[0].header;
    if members.len() == 1 {
        return Ok((own[0], None));
    }
    if first.config.decode.blends == Blends::Never {
        return Ok((own[0], Some(NO_THRESHOLDS.into())));
    }
    let asked = |member: &Member| (member.header.config.decode.alpha, member.header.config.decode.beta);
    let clips = out_of_fold(members)?;
    if clips.is_empty() || members.iter().any(|member| asked(member) != asked(&members[0])) {
        let mean = |of: fn(&Thresholds) -> f64| own.iter().map(of).sum::<f64>() / own.len() as f64;
        let why = if clips.is_empty() { "no run held clips out" } else { "decode.alpha or decode.beta differs" };
        let thresholds = Thresholds { alpha: mean(|own| own.alpha), beta: mean(|own| own.beta) };
        return Ok((thresholds, Some(format!("thresholds: mean of the runs' own thresholds ({why})"))));
    }
    let mut scores = Array2::zeros((clips.len(), first.classes.len()));
    for (mut row, clip) in scores.rows_mut().into_iter().zip(clips.values()) {
        row.iter_mut().zip(&clip.sum).for_each(|(score, sum)| *score = (sum / clip.members as f64) as f32);
    }
    let truths: Vec<Truth> = clips.values().map(|clip| clip.truth.clone()).collect();
    let (found, _) = first.config.decode.search(scores.view(), &truths, first.neutral);
    Ok((found, Some(format!("thresholds: searched on the out-of-fold scores of {}", count(clips.len(), "clip")))))
}

/// Returns the thresholds of one member, searched in training or set in its configuration.
fn own(member: &Member) -> Result<Thresholds> {
    let fixed = match (member.header.config.decode.alpha, member.header.config.decode.beta) {
        (Threshold::Fixed(alpha), Threshold::Fixed(beta)) => Some(Thresholds { alpha, beta }),
        _ => None,
    };
    member.header.thresholds.or(fixed).with_context(|| {
        let run = member.file.display();
        format!("{run}: found no thresholds, expected those of a finished run; finish the training with `blendfuse train --resume`")
    })
}

struct HeldOut {
    /// (C), sum of scores over the members that held the clip out
    sum: Vec<f64>,
    members: usize,
    truth: Truth,
}

fn out_of_fold(members: &[Member]) -> Result<BTreeMap<String, HeldOut>> {
    let mut clips: BTreeMap<String, HeldOut> = BTreeMap::new();
    for member in members {
        let run = member.file.parent().unwrap_or(&member.file);
        if !ValidationClips::file(run).exists() {
            continue;
        }
        let own = ValidationClips::read(run)?;
        ensure!(
            own.scores.ncols() == member.header.classes.len(),
            "{}: found scores of {}, expected {}; the file belongs to another run, restore it",
            ValidationClips::file(run).display(),
            count(own.scores.ncols(), "class"),
            member.header.classes.len()
        );
        for (row, name) in own.names.iter().enumerate() {
            let truth = metrics::truth(&own.targets.row(row).to_vec());
            let clip = clips.entry(name.clone()).or_insert_with(|| HeldOut {
                sum: vec![0.0; own.scores.ncols()],
                members: 0,
                truth: truth.clone(),
            });
            ensure!(
                clip.truth == truth,
                "{}: found another label of clip `{name}` than in an earlier run; pass runs trained on the same labels",
                ValidationClips::file(run).display()
            );
            clip.sum.iter_mut().zip(own.scores.row(row)).for_each(|(sum, score)| *sum += f64::from(*score));
            clip.members += 1;
        }
    }
    Ok(clips)
}
