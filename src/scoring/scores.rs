//! Scores of a method over folds and seeds, in the form shared by all tables and reports.

use crate::scoring::metrics::{Measures, RankBy, Score, Task, mean_std};
use crate::scoring::verdicts::Estimate;
use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

/// Mean and sample standard deviation (ddof 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean
    pub mean: f64,
    /// `None` for fewer than two values
    pub std: Option<f64>,
}

/// Both metrics and their mean over several runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// ACC_presence
    pub presence: Spread,
    /// ACC_salience; `None` if no clip has exactly two positive classes
    pub salience: Option<Spread>,
    /// Mean of both; `None` if there is no salience
    pub mean: Option<Spread>,
}

/// A row of a table that compares methods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Name of the method
    pub name: String,
    /// Folds × seeds
    pub runs: usize,
    /// With thresholds searched on the scored clips
    pub official: Scores,
    /// With thresholds from the other folds; `None` for a single fold
    pub honest: Option<Scores>,
    /// Metric over all clips together, with its interval; `None` without out-of-fold scores, as for a constant prediction
    #[serde(default)]
    pub estimate: Option<Estimate>,
    /// Metrics that need no thresholds; `None` in summaries of older versions
    #[serde(default)]
    pub labels: Option<LabelScores>,
}

/// Metrics of the largest class over several runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelScores {
    /// As [`Measures::accuracy`]
    pub accuracy: Spread,
    /// As [`Measures::uar`]
    pub uar: Spread,
    /// As [`Measures::macro_f1`]
    pub macro_f1: Spread,
    /// As [`Measures::log_loss`]; `None` if a method gives no scores
    pub log_loss: Option<Spread>,
    /// As [`Measures::ece`]; likewise
    pub ece: Option<Spread>,
}

impl Spread {
    /// Mean and standard deviation of at least one value.
    pub fn of(values: &[f64]) -> Self {
        assert!(!values.is_empty(), "a spread of no values");
        let (mean, std) = mean_std(values);
        Self { mean, std: (values.len() > 1).then_some(std) }
    }

    /// `0.295 ± 0.043`
    pub fn text(&self) -> String {
        self.std.map_or(format!("{:.3}", self.mean), |std| format!("{:.3} ± {std:.3}", self.mean))
    }
}

impl Scores {
    /// Summarises at least one score; `mean` is the spread of the scores' means. `pairs`: some label has exactly two positive
    /// classes, so that salience applies.
    pub fn of(scores: &[Score], pairs: bool) -> Self {
        let spread = |metric: fn(&Score) -> f64| Spread::of(&scores.iter().map(metric).collect::<Vec<_>>());
        Self {
            presence: spread(|s| s.presence),
            salience: pairs.then(|| spread(|s| s.salience)),
            mean: pairs.then(|| spread(Score::mean)),
        }
    }

    /// Presence, salience and mean.
    pub fn all(&self) -> [Option<Spread>; 3] {
        [Some(self.presence), self.salience, self.mean]
    }
}

impl LabelScores {
    /// Its metrics, in the order of tables.
    pub const METRICS: [RankBy; 5] = [RankBy::Accuracy, RankBy::Uar, RankBy::MacroF1, RankBy::LogLoss, RankBy::Ece];

    /// Summarises at least one run.
    pub fn of(runs: &[Measures]) -> Self {
        let spread = |metric: fn(&Measures) -> f64| Spread::of(&runs.iter().map(metric).collect::<Vec<_>>());
        let of_scores = |metric: fn(&Measures) -> Option<f64>| {
            Some(Spread::of(&runs.iter().map(metric).collect::<Option<Vec<_>>>()?))
        };
        Self {
            accuracy: spread(|m| m.accuracy),
            uar: spread(|m| m.uar),
            macro_f1: spread(|m| m.macro_f1),
            log_loss: of_scores(|m| m.log_loss),
            ece: of_scores(|m| m.ece),
        }
    }
}

impl Row {
    /// A metric by its name; if it depends on thresholds, with honest ones if `honest`, else with official ones.
    pub fn spread(&self, metric: RankBy, honest: bool) -> Option<Spread> {
        let scores = if honest { self.honest } else { Some(self.official) };
        match metric {
            RankBy::Mean => scores?.mean,
            RankBy::Presence => Some(scores?.presence),
            RankBy::Salience => scores?.salience,
            RankBy::Accuracy => Some(self.labels?.accuracy),
            RankBy::Uar => Some(self.labels?.uar),
            RankBy::MacroF1 => Some(self.labels?.macro_f1),
            RankBy::LogLoss => self.labels?.log_loss,
            RankBy::Ece => self.labels?.ece,
        }
    }

    /// The value that ranks the method: the honest one if there is one, since thresholds searched on the scored clips are
    /// optimistic.
    pub fn figure(&self, metric: RankBy) -> Option<Spread> {
        self.spread(metric, self.honest.is_some())
    }
}

/// Formats the tables that apply to the labels, that of the leading metric first.
pub fn tables(rows: &[Row], task: &Task) -> String {
    let with_labels = rows.iter().any(|row| row.labels.is_some());
    let of_labels = with_labels.then(|| label_table(rows).to_string());
    let of_blends = (task.has_blends() || !with_labels).then(|| table(rows).to_string());
    let mut tables = [of_blends, of_labels];
    if !task.leading().needs_thresholds() {
        tables.reverse();
    }
    tables.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// Metrics of the largest class.
fn label_table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["", "runs"].into_iter().chain(LabelScores::METRICS.map(RankBy::title)));
    for row in rows {
        let text = |metric| row.spread(metric, false).map_or("–".into(), |spread| spread.text());
        let cells = [row.name.clone(), row.runs.to_string()].into_iter();
        table.add_row(cells.chain(LabelScores::METRICS.map(text)));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Formats the metrics of BlEmoRE as a table.
pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(["", "runs", "presence", "salience", "mean", "honest presence", "salience", "mean"]);
    for row in rows {
        let texts = |scores: Option<&Scores>| match scores {
            Some(scores) => scores.all().map(|spread| spread.map_or("–".into(), |spread| spread.text())),
            None => ["–"; 3].map(str::to_owned),
        };
        let cells = vec![row.name.clone(), row.runs.to_string()];
        table.add_row([cells, texts(Some(&row.official)).into(), texts(row.honest.as_ref()).into()].concat());
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Writes the rows as CSV in full precision: `name, runs, presence, presence_std, …, honest_mean_std, accuracy, …, ece_std`;
/// cells without a value are empty.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_csv(rows: &[Row], out: impl std::io::Write) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    let metrics = ["presence", "salience", "mean"];
    let columns = ["", "honest_"].iter().flat_map(|kind| metrics.map(|metric| format!("{kind}{metric}")));
    let columns = columns.chain(LabelScores::METRICS.map(|metric| metric.name().to_owned()));
    let columns = columns.flat_map(|name| [name.clone(), format!("{name}_std")]);
    csv.write_record(["name".to_owned(), "runs".to_owned()].into_iter().chain(columns))?;
    for row in rows {
        let mut cells = vec![row.name.clone(), row.runs.to_string()];
        for scores in [Some(row.official), row.honest] {
            for spread in scores.map_or([None; 3], |scores| scores.all()) {
                cells.push(spread.map(|s| s.mean.to_string()).unwrap_or_default());
                cells.push(spread.and_then(|s| s.std).map(|std| std.to_string()).unwrap_or_default());
            }
        }
        for metric in LabelScores::METRICS {
            let spread = row.spread(metric, false);
            cells.push(spread.map(|s| s.mean.to_string()).unwrap_or_default());
            cells.push(spread.and_then(|s| s.std).map(|std| std.to_string()).unwrap_or_default());
        }
        csv.write_record(cells)?;
    }
    Ok(csv.flush()?)
}
