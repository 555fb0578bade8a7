//! The HTML report on runs, cross-validations, baselines and sweeps, alone or side by side, and its figures as files.
//! Reads result folders only; knows nothing of the command line, of training and of devices.
//!
//! Parts that a folder lacks are listed with the command that creates them.

mod calibration;
mod chart;
mod curves;
mod encoders;
mod evaluation;
mod experiment;
mod export;
mod files;
mod folder;
mod importance;
mod labels;
mod page;
mod paper;
mod published;
mod run;
mod runs;
mod scores;
mod sets;
mod setting;
mod setup;
mod side_by_side;
mod similarity;
mod summary;
mod sweep;
mod table;
mod test_set;
mod trials;
mod verdicts;

pub use export::{Exhibit, Written, write};
pub use files::Missing;
pub use folder::{Folder, Kind};
pub use test_set::TestSet;

use anyhow::Result;
use evaluation::Evaluation;
use experiment::Experiment;
use labels::{Group, each_group};
use maud::{Markup, html};
use page::{Section, command, page};

/// A report with its figures and tables.
pub struct Report {
    /// The page, self-contained
    pub html: String,
    /// Missing or unreadable parts of the folders
    pub missing: Vec<Missing>,
    /// All figures and tables of the page
    pub exhibits: Vec<Exhibit>,
}

/// Creates the report of `folders`. `tests` are evaluations of labelled test clips; `command` is the command line that creates
/// the report.
///
/// # Errors
/// Test clips with other classes than the folders.
pub fn report(mut folders: Vec<Folder>, tests: &[TestSet], command: &str) -> Result<Report> {
    let own = folders.iter_mut().filter_map(|folder| folder.experiment.as_mut());
    own.enumerate().for_each(|(colour, experiment)| experiment.colour = colour);
    let experiments: Vec<&Experiment> = folders.iter().filter_map(|folder| folder.experiment.as_ref()).collect();
    tests.iter().try_for_each(|test| test.check(&experiments))?;
    let ((html, missing), exhibits) = export::collect(|| html(&folders, tests, command));
    Ok(Report { html, missing, exhibits })
}

fn html(folders: &[Folder], tests: &[TestSet], command: &str) -> (String, Vec<Missing>) {
    let experiments: Vec<&Experiment> = folders.iter().filter_map(|folder| folder.experiment.as_ref()).collect();
    let evaluated: Vec<Option<Evaluation>> = experiments.iter().map(|experiment| Evaluation::of(experiment)).collect();
    let groups = labels::groups(folders);
    let known = |group: &Group| -> Vec<(&Experiment, &Evaluation)> {
        let all = experiments.iter().zip(&evaluated).filter(|(experiment, _)| group.has(experiment));
        all.filter_map(|(experiment, evaluated)| Some((*experiment, evaluated.as_ref()?))).collect()
    };
    // Published results apply to BlEmoRE's labels only.
    let of_blemore =
        || groups.iter().filter(|group| group.is_blemore()).flat_map(|group| group.folders.iter().copied());
    let (beside_paper, lacking) = paper::section(&of_blemore().collect::<Vec<_>>());
    let blemore = groups.iter().all(Group::is_blemore);
    let missing: Vec<Missing> = folders.iter().flat_map(|folder| folder.missing.clone()).chain(lacking).collect();
    let pairs = verdicts::pairs(folders, &experiments);
    let section = |id, title, body| Section { id, title, body };
    let mut sections = vec![
        section("summary", "Summary", summary::section(folders, &groups, &experiments, &evaluated, &pairs, &missing)),
        section("scores", "Scores", each_group(&groups, scores::section)),
        section("test", "Test clips", test_set::section(tests)),
        section("comparisons", "Comparisons", verdicts::section(&pairs)),
        section("curves", "Learning curves", each_group(&groups, |group| curves::section(&group.experiments))),
        section(
            "emotions",
            if blemore { "Emotions" } else { "Classes" },
            each_group(&groups, |group| sets::section(&group.experiments, &known(group))),
        ),
        section("calibration", "Calibration", each_group(&groups, |group| calibration::section(&group.experiments))),
        section("encoders", "Encoders", encoders::section(&experiments)),
        section("importance", "Importance", importance::section(&experiments)),
        section("similarity", "Similarity", similarity::section(&experiments)),
        section("paper", "Comparison with the paper", beside_paper),
        section("setup", "Setup", setup::section(folders, &experiments, command)),
        section("missing", "Missing parts", list(&missing)),
    ];
    sections.retain(|section| !section.body.0.is_empty());
    let names: Vec<&str> = folders.iter().map(|folder| folder.name.as_str()).collect();
    let kinds: Vec<String> = folders.iter().map(what).collect();
    (page(&names.join(" · "), &kinds.join(" · "), &sections), missing)
}

/// `cross-validation, 5 folds, 2456 clips of blemore, encoders: 8 multimodal`
fn what(folder: &Folder) -> String {
    let mut parts = vec![folder.kind.word().to_owned()];
    if let Some(experiment) = folder.experiment.as_ref().filter(|experiment| experiment.scored().next().is_some()) {
        let pool = experiment.data.as_ref().map(|data| format!(" of {}", data.name)).unwrap_or_default();
        parts.extend([
            experiment.shape(),
            experiment.clips() + &pool,
            format!("encoders: {}", experiment.setting.pool()),
        ]);
    }
    parts.join(", ")
}

fn list(missing: &[Missing]) -> Markup {
    html! {
        @if !missing.is_empty() {
            ul.missing {
                @for missing in missing {
                    li {
                        b { (missing.what) }
                        div.why { (missing.why) }
                        @if let Some(remedy) = &missing.remedy { (command(remedy)) }
                    }
                }
            }
        }
    }
}
