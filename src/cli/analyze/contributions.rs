//! Terminal tables of permutation, masking and probe importance.

use super::{align, percent};
use crate::analysis::{Contribution, Contributions, Lost};
use crate::outln;
use crate::scoring::scores::Spread;
use comfy_table::{Table, presets};

pub fn print(contributions: &Contributions) {
    if let Some(base) = contributions.base {
        outln!(
            "Contribution of each encoder: change of score ({}, intact {:.3}) and loss (intact {:.4}) when its features are \
             permuted across clips ({} times per run) or masked",
            contributions.metric(),
            base.score,
            base.loss,
            contributions.repeats
        );
    }
    outln!("{}\n", table(contributions, &contributions.encoders));
    if !contributions.families.is_empty() {
        outln!(
            "Families of near-duplicates, permuted and masked together (single linkage, CKA of features >= {})",
            contributions.family_cka
        );
        outln!("{}", table(contributions, &contributions.families));
        for family in &contributions.families {
            outln!("{}: {}", family.name, family.members.join(", "));
        }
        outln!("");
    }
    let rho = |rho: Option<f64>| rho.map_or("–".to_owned(), |rho| format!("{rho:.3}"));
    let planted = contributions.agreement.iter().any(|agreement| agreement.planted.is_some());
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let mut header = vec!["Spearman's ρ over encoders", "with gate weight"];
    header.extend(planted.then_some("with planted reliability"));
    table.set_header(header);
    for agreement in &contributions.agreement {
        let mut row = vec![agreement.measure.replace('_', " "), rho(agreement.gate_weight)];
        row.extend(planted.then(|| rho(agreement.planted)));
        table.add_row(row);
    }
    align(&mut table, 1);
    outln!("{table}\n");
}

/// Returns the table of `all`, largest gate weight first.
fn table(contributions: &Contributions, all: &[Contribution]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    let mut header = vec!["", "family", "gate weight", "selected"];
    if contributions.repeats > 0 {
        header.extend(["score lost, permuted", "masked", "loss added, permuted", "masked"]);
    }
    let probed = all.iter().any(|one| one.probe.is_some());
    header.extend(probed.then_some(["probe score", "probe R²"]).into_iter().flatten());
    table.set_header(header);
    let mut sorted: Vec<&Contribution> = all.iter().collect();
    sorted.sort_by(|a, b| b.weight().total_cmp(&a.weight()));
    for one in sorted {
        let mut row = vec![one.name.clone(), contributions.family_of(one).unwrap_or_default()];
        row.extend([format!("{:.4}", one.gate_weight), percent(one.selection_frequency)]);
        if contributions.repeats > 0 {
            let lost = |lost: Option<Lost>, of: fn(Lost) -> Spread| lost.map_or("–".into(), |lost| signed(of(lost)));
            let [score, loss] = [|lost: Lost| lost.score, |lost: Lost| lost.loss];
            row.extend([lost(one.permuted, score), lost(one.masked, score)]);
            row.extend([lost(one.permuted, loss), lost(one.masked, loss)]);
        }
        if let Some(probe) = one.probe {
            row.extend([format!("{:.3}", probe.score), format!("{:.3}", probe.r2)]);
        }
        table.add_row(row);
    }
    align(&mut table, 2);
    table
}

/// `+0.0123 ± 0.0045`
pub(super) fn signed(spread: Spread) -> String {
    let std = spread.std.map(|std| format!(" ± {std:.4}")).unwrap_or_default();
    format!("{:+.4}{std}", spread.mean)
}
