//! The files of an analysis: `analysis.json`, and its tables as CSV.

use super::{Analysis, Contributions, EncoderPair, Removal};
use crate::host::files::Partial;
use crate::host::outputs;
use anyhow::{Context as _, Result};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// All files of an analysis.
const FILES: [&str; 11] = [
    "importance.csv",
    "importance_by_run.csv",
    "modalities.csv",
    "stability.csv",
    "distribution.csv",
    "co_selection.csv",
    "cka.csv",
    "pairs.csv",
    "contributions.csv",
    "removal.csv",
    "analysis.json",
];

impl Analysis {
    /// Checks, before work begins, that the files may be written to a folder. Those of an earlier analysis are replaced.
    ///
    /// # Errors
    /// One of them is an input, not a regular file, or, without `force`, not of an earlier analysis.
    pub fn check_files(dir: &Path, inputs: &[(&str, PathBuf)], force: bool) -> Result<()> {
        if !dir.exists() {
            return Ok(());
        }
        let earlier = std::fs::read(dir.join("analysis.json")).ok();
        let earlier = earlier.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
        let is_earlier = earlier.is_some_and(|value| value.get("importance").is_some());
        let paths = FILES.map(|name| dir.join(name));
        outputs::check(&paths.each_ref().map(|path| ("--out", path.as_path())), inputs, force || is_earlier)
    }

    /// Writes all files to a folder, which is created if necessary, and returns their paths. The weight of an encoder is the gate
    /// weight before selection (a), or w if a run has no other ([`WeightKind`](super::WeightKind)). Columns:
    ///
    /// | file | columns |
    /// |---|---|
    /// | `importance.csv` | `rank, encoder, modality, mean, std, selection_frequency, min, p5, p25, p50, p75, p95, max` of the weight over all clips; `selection_frequency`: proportion of clips with w > 0 |
    /// | `importance_by_run.csv` | `encoder, modality`, then the mean weight per run |
    /// | `modalities.csv` | `modality, encoders, total, mean, selection_frequency` |
    /// | `stability.csv` | `a, b, spearman` of the mean weights of two runs |
    /// | `distribution.csv` | `encoder, from, to, share` of clips with the weight in [from, to); first the share of weight 0 |
    /// | `co_selection.csv` | `encoder`, then per encoder the proportion of clips in which both have w > 0 |
    /// | `cka.csv` | `encoder`, then the linear CKA per encoder; only with the pool |
    /// | `pairs.csv` | `a, b, modality_a, modality_b, cka, co_selection` of two encoders; `cka` may be empty |
    /// | `contributions.csv` | `kind` (encoder, family), `name, members`, `gate_weight, selection_frequency`; score lost and loss added by permutation and by masking, with `_std` over runs and repetitions; `probe_score, probe_r2`; only with the pool |
    /// | `removal.csv` | `removed, order` (random, or weight: highest first); score lost and loss added after removing that many encoders from every clip, with `_std` over runs and repetitions; only with the pool |
    ///
    /// # Errors
    /// A folder that cannot be created, or a file that cannot be written.
    pub fn write(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(dir).with_context(|| format!("{}: cannot be created", dir.display()))?;
        let removals = self.contributions.as_ref().map(|found| &found.removals[..]).filter(|all| !all.is_empty());
        let tables = [
            ("importance.csv", Some(self.importance_table())),
            ("importance_by_run.csv", Some(self.by_run_table())),
            ("modalities.csv", Some(self.modality_table())),
            ("stability.csv", Some(self.stability_table())),
            ("distribution.csv", Some(self.distribution_table())),
            ("co_selection.csv", Some(self.matrix_table(&self.co_selection))),
            ("pairs.csv", Some(self.pair_table())),
            ("cka.csv", self.cka.as_ref().map(|matrix| self.matrix_table(matrix))),
            ("contributions.csv", self.contributions.as_ref().map(Contributions::table)),
            ("removal.csv", removals.map(Removal::table)),
        ];
        // All are on the disk before the first replaces that of an earlier analysis, whose files stay together otherwise.
        let (mut staged, mut outdated) = (Vec::new(), Vec::new());
        for (name, table) in tables {
            let path = dir.join(name);
            match table {
                Some(table) => staged.push((stage(&path, |file| write_csv(file, &table))?, path)),
                None if path.exists() => outdated.push(path),
                None => {}
            }
        }
        let json = serde_json::to_string_pretty(self)?;
        let path = dir.join("analysis.json");
        staged.push((stage(&path, |file| Ok(writeln!(file, "{json}")?))?, path));
        for path in outdated {
            std::fs::remove_file(&path).with_context(|| format!("{}: cannot be removed", path.display()))?;
        }
        staged.into_iter().map(|((partial, file), path)| partial.publish(file).map(|()| path)).collect()
    }

    fn importance_table(&self) -> Vec<Vec<String>> {
        let quantiles = ["min", "p5", "p25", "p50", "p75", "p95", "max"];
        let columns = ["rank", "encoder", "modality", "mean", "std", "selection_frequency"];
        let mut by_rank: Vec<_> = self.importance.iter().collect();
        by_rank.sort_by_key(|encoder| encoder.rank);
        let rows = by_rank.into_iter().map(|e| {
            let cells = [e.rank.to_string(), e.name.clone(), e.modality.to_string()];
            let figures = [e.mean, e.std, e.selection_frequency].into_iter().chain(e.quantiles);
            cells.into_iter().chain(figures.map(|figure| figure.to_string())).collect()
        });
        table(columns.into_iter().chain(quantiles), rows)
    }

    fn by_run_table(&self) -> Vec<Vec<String>> {
        let rows = self.importance.iter().map(|e| {
            let means = e.per_run.iter().map(f64::to_string);
            [e.name.clone(), e.modality.to_string()].into_iter().chain(means).collect()
        });
        table(["encoder", "modality"].into_iter().chain(self.runs.iter().map(String::as_str)), rows)
    }

    fn modality_table(&self) -> Vec<Vec<String>> {
        let rows = self.modalities.iter().map(|m| {
            let figures = [m.total, m.mean, m.selection_frequency].map(|figure| figure.to_string());
            [m.modality.to_string(), m.encoders.to_string()].into_iter().chain(figures).collect()
        });
        table(["modality", "encoders", "total", "mean", "selection_frequency"], rows)
    }

    fn stability_table(&self) -> Vec<Vec<String>> {
        table(
            ["a", "b", "spearman"],
            self.stability.iter().map(|pair| vec![pair.a.clone(), pair.b.clone(), text(pair.spearman)]),
        )
    }

    fn distribution_table(&self) -> Vec<Vec<String>> {
        let rows = self.distributions.iter().flat_map(|d| {
            let bins = d.edges.windows(2).zip(&d.shares).map(|(ends, share)| [ends[0], ends[1], *share]);
            let bins = std::iter::once([0.0, 0.0, d.at_zero]).chain(bins);
            bins.map(|bin| [vec![d.name.clone()], bin.map(|figure| figure.to_string()).into()].concat())
        });
        table(["encoder", "from", "to", "share"], rows)
    }

    fn matrix_table(&self, matrix: &[Vec<f64>]) -> Vec<Vec<String>> {
        let names = || self.encoders.iter().map(|encoder| encoder.name.as_str());
        let rows = names().zip(matrix).map(|(name, row)| {
            let figures = row.iter().map(f64::to_string);
            std::iter::once(name.to_owned()).chain(figures).collect()
        });
        table(std::iter::once("encoder").chain(names()), rows)
    }

    fn pair_table(&self) -> Vec<Vec<String>> {
        let modality = |name: &str| {
            let encoder = self.encoders.iter().find(|encoder| encoder.name == name);
            encoder.map(|encoder| encoder.modality.to_string()).unwrap_or_default()
        };
        let rows = self.pairs.iter().map(|EncoderPair { a, b, cka, co_selection }| {
            vec![a.clone(), b.clone(), modality(a), modality(b), text(*cka), co_selection.to_string()]
        });
        table(["a", "b", "modality_a", "modality_b", "cka", "co_selection"], rows)
    }
}

fn table<'a>(header: impl IntoIterator<Item = &'a str>, rows: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    std::iter::once(header.into_iter().map(str::to_owned).collect()).chain(rows).collect()
}

fn text(figure: Option<f64>) -> String {
    figure.map(|figure| figure.to_string()).unwrap_or_default()
}

fn write_csv(file: &mut BufWriter<File>, table: &[Vec<String>]) -> Result<()> {
    let mut csv = csv::Writer::from_writer(file);
    table.iter().try_for_each(|row| csv.write_record(row))?;
    Ok(csv.flush()?)
}

/// A complete file, on the disk under its temporary name.
fn stage(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<(Partial, BufWriter<File>)> {
    let partial = Partial::of(path);
    let mut file = partial.create()?;
    let written = write(&mut file).and_then(|()| Ok(file.flush()?)).and_then(|()| Ok(file.get_ref().sync_all()?));
    written.with_context(|| format!("{}: cannot be written", path.display()))?;
    Ok((partial, file))
}
