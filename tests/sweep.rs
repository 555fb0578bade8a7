//! Sweeps before any trial runs: from a spec to trials, their settings, and everything that is refused.

use blendfuse::config::{Attention, Config, Heads, TopN};
use blendfuse::data::DataInfo;
use blendfuse::data::synth::{self, Preset};
use blendfuse::host::stop::Stop;
use blendfuse::host::ui::Ui;
use blendfuse::runs::Versions;
use blendfuse::scoring::metrics::Score;
use blendfuse::scoring::scores::{Row, Scores};
use blendfuse::sweep::expand::{Draft, expand};
use blendfuse::sweep::plan::{Common, PlannedTrial, SweepPlan};
use blendfuse::sweep::settings::Settings;
use blendfuse::sweep::spec::SHIPPED;
use blendfuse::sweep::summary::{TrialStatus, TrialSummary};
use blendfuse::sweep::survey::SweepSurvey;
use blendfuse::sweep::{Budget, Spec, SweepSummary};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;
use toml::Value;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn parse(text: &str) -> Spec {
    Spec::parse(text, "S.toml").unwrap_or_else(|error| panic!("{error:#}"))
}

fn drafts(text: &str) -> Vec<Draft> {
    expand(&parse(text), &NAMES.map(String::from)).unwrap_or_else(|error| panic!("{error:#}"))
}

/// The settings of each trial as one line.
fn lines(text: &str) -> Vec<String> {
    let line = |set: &Settings| set.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ");
    drafts(text).iter().map(|draft| line(&draft.set)).collect()
}

fn refusal(text: &str) -> String {
    let refused = Spec::parse(text, "S.toml").and_then(|spec| expand(&spec, &NAMES.map(String::from)));
    format!("{:#}", refused.expect_err(text))
}

/// A tiny pool: eight encoders, five folds, test clips.
struct Pool {
    folder: TempDir,
}

impl Pool {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        synth::write(&folder.path().join("pool"), Preset::Tiny, 0, &Stop::never(), Ui::default().silent()).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("pool")
    }

    fn plan(&self, text: &str, flags: &[&str]) -> Result<SweepPlan, String> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let plan = |spec| {
            SweepPlan::new(spec, "S.toml", &Common { file: None, flags: &flags }, &SweepSurvey::of(&self.path(), None)?)
        };
        Spec::parse(text, "S.toml").and_then(plan).map_err(|error| format!("{error:#}"))
    }

    fn shipped(&self, name: &str) -> Vec<PlannedTrial> {
        let spec = Spec::find(name).unwrap();
        let plan = SweepPlan::new(
            spec,
            name,
            &Common { file: None, flags: &[] },
            &SweepSurvey::of(&self.path(), None).unwrap(),
        );
        plan.unwrap_or_else(|error| panic!("{name}: {error:#}")).trials
    }
}

// Expansion

#[test]
fn a_grid_is_the_product_of_its_lists_the_last_key_fastest() {
    let found = lines("[search]\ntrain.lr = [1e-3, 1e-4]\ntrain.batch = [8, 16, 32]");
    let expected = [
        "train.batch=8 train.lr=0.001",
        "train.batch=8 train.lr=0.0001",
        "train.batch=16 train.lr=0.001",
        "train.batch=16 train.lr=0.0001",
        "train.batch=32 train.lr=0.001",
        "train.batch=32 train.lr=0.0001",
    ];
    assert_eq!(found, expected);
}

#[test]
fn sections_and_dotted_keys_are_the_same() {
    let dotted = lines("[search]\nmodel.temperature.min = [0.5, 0.6]");
    assert_eq!(dotted, ["model.temperature.min=0.5", "model.temperature.min=0.6"]);
    assert_eq!(dotted, lines("[search.model.temperature]\nmin = [0.5, 0.6]"));
    assert_eq!(dotted, lines("[search]\n\"model.temperature.min\" = [0.5, 0.6]"));
}

#[test]
fn a_random_search_is_repeated_by_its_seed_and_more_trials_keep_the_first() {
    let spec = |trials: u32, seed: u32| {
        format!(
            "method = \"random\"\ntrials = {trials}\nseed = {seed}\n[search]\nmodel.dropout = {{ min = 0.0, max = 0.5 }}\n\
             train.batch = [8, 16, 32]"
        )
    };
    let twenty = lines(&spec(20, 0));
    assert_eq!(twenty.len(), 20);
    assert_eq!(twenty, lines(&spec(20, 0)));
    assert_eq!(twenty[..], lines(&spec(30, 0))[..20]);
    assert_ne!(twenty, lines(&spec(20, 1)));
    assert_eq!(twenty.iter().collect::<BTreeSet<_>>().len(), 20, "no two alike: {twenty:?}");
}

#[test]
fn ranges_are_kept_on_every_scale() {
    let drawn = |range: &str| -> Vec<Value> {
        let text = format!("method = \"random\"\ntrials = 1000\n[search]\ntrain.lr = {{ {range} }}");
        drafts(&text).into_iter().map(|mut draft| draft.set.remove("train.lr").unwrap()).collect()
    };
    let below = |values: &[Value], limit: f64| {
        values.iter().filter(|value| value.as_float().unwrap() < limit).count() as f64 / values.len() as f64
    };
    let within = |values: &[Value], min, max| values.iter().all(|v| (min..=max).contains(&v.as_float().unwrap()));
    let log = drawn("min = 1e-5, max = 1e-1, scale = \"log\"");
    assert!(within(&log, 1e-5, 1e-1));
    // 1000 draws: four standard deviations of a share of a half are 0.063.
    assert!((below(&log, 1e-3) - 0.5).abs() < 0.063, "half of them in the lower half of the exponents");
    let linear = drawn("min = 0, max = 10");
    assert!(within(&linear, 0.0, 10.0));
    assert!((below(&linear, 5.0) - 0.5).abs() < 0.063);
    assert!(linear.iter().all(|value| value.to_string().len() <= 8), "short enough to type: {linear:?}");
    for (range, ends) in
        [("min = 2, max = 5, integer = true", [2, 5]), ("min = 1, max = 8, scale = \"log\", integer = true", [1, 8])]
    {
        let whole: BTreeSet<i64> = drawn(range).iter().map(|value| value.as_integer().unwrap()).collect();
        assert!(whole.iter().copied().eq(ends[0]..=ends[1]), "{range}: {whole:?}");
    }
}

#[test]
fn choices_of_encoders() {
    let encoders = |choose: &str| lines(&format!("[search]\ndata.encoders = {{ {choose} }}"));
    assert_eq!(encoders("choose = 1").len(), 4);
    let pairs = encoders("choose = 2");
    assert_eq!(pairs.len(), 4 * 3 / 2);
    assert_eq!(pairs[..2], [r#"data.encoders=["a", "b"]"#, r#"data.encoders=["a", "c"]"#]);
    assert_eq!(pairs[5], r#"data.encoders=["c", "d"]"#);
    assert_eq!(encoders("choose = 3").len(), 4);
    assert_eq!(encoders("choose = 2, of = [\"d\", \"b\"]"), [r#"data.encoders=["d", "b"]"#]);
    let thirty_six: Vec<String> = (0..36).map(|k| format!("e{k}")).collect();
    assert_eq!(expand(&Spec::find("pairs").unwrap(), &thirty_six).unwrap().len(), 36 * 35 / 2);
}

#[test]
fn named_trials_come_before_those_of_the_search() {
    let found = drafts(
        "[search]\ntrain.batch = [8, 16]\n[[trial]]\nname = \"plain\"\n[[trial]]\nname = \"uniform\"\n\
         set.model.attention = \"uniform\"",
    );
    let names: Vec<Option<&str>> = found.iter().map(|draft| draft.name.as_deref()).collect();
    assert_eq!(names, [Some("plain"), Some("uniform"), None, None]);
    assert!(found[0].set.is_empty());
    assert_eq!(found[1].set["model.attention"].as_str(), Some("uniform"));
}

// Plans

#[test]
fn shares_of_the_encoders_scale_and_alike_trials_are_dropped() {
    let pool = Pool::new();
    let trials = pool.shipped("top_n");
    // 2, 10, 16, 20, 22, 28, 30, 36 of 36 are 0.4, 2.2, 3.6, 4.4, 4.9, 6.2, 6.7, 8 of 8.
    let kept = |trials: &[PlannedTrial]| trials.iter().map(|trial| trial.config.model.top_n).collect::<Vec<_>>();
    assert_eq!(kept(&trials), [1, 2, 4, 5, 6, 7, 8].map(TopN::Count));
    assert_eq!(trials[0].name, "top_n=1");
    assert_eq!(trials[0].set, Settings::from([("model.top_n".to_owned(), Value::Integer(1))]));

    // K is that of the encoders in use, wherever the share stands.
    let names: Vec<String> = SweepSurvey::of(&pool.path(), None).unwrap().encoders();
    let of = names[..4].iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let search = format!("[search]\ndata.encoders = {{ choose = 4, of = [{of}] }}");
    let plan = pool.plan(&search, &["model.top_n=18/36"]).unwrap();
    assert_eq!(kept(&plan.trials), [TopN::Count(2)]);
    let plan = pool.plan(&search, &["model.top_n=36/36", "data.concatenate=true"]).unwrap();
    assert_eq!(kept(&plan.trials), [TopN::Count(1)]);
}

#[test]
fn shipped_specs_fit_a_pool() {
    let pool = Pool::new();
    let count = |name| pool.shipped(name).len();
    assert_eq!(SHIPPED.map(|(name, _)| count(name)), [7, 3, 4, 6, 8, 28, 3]);

    let config = |trials: &[PlannedTrial], name: &str| -> Config {
        trials.iter().find(|trial| trial.name == name).unwrap_or_else(|| panic!("no {name}")).config.clone()
    };
    let ablation = pool.shipped("ablation");
    assert_eq!(config(&ablation, "full"), Config::default());
    let both = config(&ablation, "uniform and one head").model;
    assert_eq!((both.attention, both.heads), (Attention::Uniform, Heads::Single));
    let factors = pool.shipped("adaptation_selection");
    let factor = |name: &str| {
        let config = config(&factors, name);
        (config.adaptation.enabled, config.model.top_n)
    };
    assert_eq!(factor("neither"), (false, TopN::Count(8)));
    assert_eq!(factor("adaptation and selection"), (true, TopN::Count(5)));
    let pairs = pool.shipped("pairs");
    assert!(
        pairs.iter().all(|trial| trial.config.data.encoders.len() == 2 && trial.config.model.top_n == TopN::Count(2))
    );
    assert!(pairs[0].name.contains(" + "), "{}", pairs[0].name);
    assert!(config(&pool.shipped("concatenation"), "early concatenation").data.concatenate);
}

#[test]
fn settings_lie_over_each_other() {
    let pool = Pool::new();
    let file = pool.folder.path().join("F.toml");
    fs::write(&file, "[train]\nlr = 0.5\nbatch = 8\nmax_epochs = 7\nseed = 3\n").unwrap();
    let spec = parse("[set]\ntrain.lr = 0.4\ntrain.batch = 16\n[[trial]]\nname = \"x\"\nset.train.patience = 2");
    let flags = ["train.lr=0.3".to_owned()];
    let common = Common { file: Some(&file), flags: &flags };
    let survey = SweepSurvey::of(&pool.path(), None).unwrap();
    // A flag may not take the meaning from a trial that was named by hand.
    let flag = ["train.patience=5".to_owned()];
    let refused =
        SweepPlan::new(spec.clone(), "S.toml", &Common { file: None, flags: &flag }, &survey).map(drop).unwrap_err();
    assert!(
        refused.to_string().contains("--set train.patience=5: S.toml already searches `train.patience`"),
        "{refused}"
    );
    let plan = SweepPlan::new(spec, "S.toml", &common, &survey).unwrap();
    let train = &plan.trials[0].config.train;
    assert_eq!((train.max_epochs, train.batch, train.lr, train.patience), (7, 16, 0.3, 2));
    // What was planned can be planned again from what is written down.
    let written = toml::to_string(&plan.spec).unwrap();
    let again = SweepPlan::new(parse(&written), "S.toml", &Common { file: None, flags: &[] }, &survey).unwrap();
    assert_eq!(again.trials, plan.trials);
    assert_eq!(toml::to_string(&again.spec).unwrap(), written);
}

#[test]
fn the_documented_spec_is_valid() {
    let blocks =
        include_str!("../docs/sweeps.md").split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let text = blocks.into_iter().find(|block| block.starts_with("method = ")).expect("a spec");
    let plan = Pool::new().plan(text, &["train.patience=5"]).unwrap();
    assert_eq!((plan.trials.len(), plan.trials[0].name.as_str()), (21, "uniform"));
    for PlannedTrial { config, .. } in &plan.trials[1..] {
        assert_eq!((config.data.encoders.len(), config.train.max_epochs, config.train.patience), (2, 40, 5));
        assert!((16..=128).contains(&config.train.batch) && (1e-5..=1e-2).contains(&config.train.lr));
    }
}

#[test]
fn names_are_as_short_as_they_can_be() {
    let pool = Pool::new();
    let names = |text: &str| pool.plan(text, &[]).unwrap().trials.into_iter().map(|t| t.name).collect::<Vec<_>>();
    assert_eq!(names("[search]\ntrain.lr = [0.1]\nmodel.attention = [\"gate\"]"), ["attention=gate, lr=0.1"]);
    let both = "[search]\ntrain.patience = [3]\ntrain.plateau.patience = [2]";
    assert_eq!(names(both), ["train.patience=3, train.plateau.patience=2"]);
}

// Refusals

#[test]
fn every_bad_setting_is_told_at_once() {
    let pool = Pool::new();
    let text = "[search]\nmodel.top_nn = [1, 2]\ntrain.batch = [1, 8]\nmodel.dropout = [2.0]";
    let error = pool.plan(text, &[]).err().unwrap();
    for expected in [
        "S.toml: 4 of 4 trials cannot run",
        "unknown key `model.top_nn` in S.toml; did you mean `model.top_n`?",
        "S.toml: `train.batch`: found 1, expected a whole number from 2",
        "S.toml: `model.dropout`: found 2, expected a rate from 0 to below 1",
    ] {
        assert_eq!(error.matches(expected).count(), 1, "{expected:?} in\n{error}");
    }
    let cases = [
        (
            "[search]\nmodel.top_n = [3, 9]",
            "S.toml, trial `top_n=9`: `model.top_n`: found n = 9, expected at most K = 8",
        ),
        ("[search]\nmodel.top_n = [\"3/0\"]", "`model.top_n`: found \"3/0\", expected a share such as \"22/36\""),
        ("[search]\ndata.encoders = [[\"clip\", \"clop\"]]", "found no encoder `clop`"),
        ("folds = [0, 7]\n[search]\nmodel.top_n = [3]", "fold 7: expected one of the folds {0, 1, 2, 3, 4}"),
        ("[set]\nmodel.topn = 1\n[search]\ntrain.batch = [8, 9]", "unknown key `model.topn` in S.toml"),
    ];
    for (text, message) in cases {
        let error = pool.plan(text, &[]).err().unwrap_or_else(|| panic!("{text} is accepted"));
        assert!(error.contains(message), "expected {message:?} in\n{error}");
    }
    let search = "[search]\ntrain.batch = [8, 16]";
    for (flag, message) in [
        ("train.batch=4", "--set train.batch=4: S.toml already searches `train.batch`"),
        ("train.seed=4", "--set train.seed=4: a sweep sets the seeds of its runs"),
        ("train.rate=4", "unknown key `train.rate` in --set train.rate=4"),
    ] {
        let error = pool.plan(search, &[flag]).err().unwrap_or_else(|| panic!("{flag} is accepted"));
        assert!(error.contains(message), "expected {message:?} in\n{error}");
    }
}

#[test]
fn adaptation_needs_test_clips() {
    let pool = Pool::new();
    fs::remove_file(pool.path().join("test_metadata.csv")).unwrap();
    fs::remove_dir_all(pool.path().join("features/test")).unwrap();
    let spec = Spec::find("adaptation_selection").unwrap();
    let survey = SweepSurvey::of(&pool.path(), None).unwrap();
    let plan = SweepPlan::new(spec, "adaptation_selection", &Common { file: None, flags: &[] }, &survey);
    let error = format!("{:#}", plan.err().unwrap());
    assert!(error.contains("2 of 4 trials cannot run") && error.contains("trial `adaptation`: "), "{error}");
}

#[test]
fn specs_that_contradict_themselves() {
    for (text, message) in [
        ("", "found no trials"),
        ("serch = 1", "unknown field `serch`"),
        ("folds = [\n0,, 1]", "on line 2"),
        ("method = \"bayes\"\n[search]\na = [1]", "unknown variant `bayes`"),
        ("method = \"random\"\n[search]\ntrain.lr = [1]", "without trials"),
        ("method = \"random\"\ntrials = 3\n[[trial]]\nname = \"a\"", "without a [search] section"),
        ("trials = 3\n[search]\ntrain.lr = [1]", "found trials with method = \"grid\""),
        ("[search]\ntrain.lr = []", "`search.train.lr`: found an empty list"),
        ("[search]\ntrain.lr = 1", "expected a list of values; move a value shared by all trials to [set]"),
        ("[search]\ntrain.lr = { min = 1, max = 2 }", "found a range with method = \"grid\""),
        ("[search]\ntrain.lr = { least = 1 }", "or a range such as"),
        ("method = \"random\"\ntrials = 3\n[search]\ntrain.lr = { min = 2, max = 1 }", "min < max"),
        (
            "method = \"random\"\ntrials = 3\n[search]\ntrain.lr = { min = 0, max = 1, scale = \"log\" }",
            "min > 0 with scale",
        ),
        (
            "method = \"random\"\ntrials = 3\n[search]\ntrain.batch = { min = 1.5, max = 3, integer = true }",
            "expected integers",
        ),
        ("[search]\ndata.encoders = { choose = 5 }", "found 5 of 4 encoders, which are 0 combinations"),
        ("[search]\ntrain.seed = [1, 2]", "list seeds = [0, 1, …] instead"),
        ("[set]\ntrain.lr = 1\n[search]\ntrain.lr = [1, 2]", "found `train.lr` in both [set] and [search]"),
        ("seeds = []\n[search]\ntrain.lr = [1]", "`seeds`: found no seed or duplicates"),
        ("folds = [1, 1]\n[search]\ntrain.lr = [1]", "`folds`: found no fold or duplicates"),
        ("[[trial]]\nname = \"a\"\n[[trial]]\nname = \"a\"", "a distinct name for each"),
        ("method = \"random\"\ntrials = 20000\n[search]\ntrain.lr = [1]", "expected at most 10000"),
    ] {
        let error = refusal(text);
        assert!(error.starts_with("S.toml: ") || error.starts_with('`') || error.starts_with("found"), "{error}");
        assert!(error.contains(message), "{text}\nexpected {message:?} in\n{error}");
    }
    let error = format!("{:#}", Spec::find("nowhere.toml").err().unwrap());
    assert!(error.contains("nowhere.toml: cannot read the spec") && error.contains("single_encoders"), "{error}");
}

// Leaderboards

/// A sweep of three trials that are done, and one that failed; means as (official, honest).
fn summary(means: [(f64, Option<f64>); 3]) -> SweepSummary {
    let scores = |mean: f64| Scores::of(&[Score { presence: 2.0 * mean, salience: 0.0 }], true);
    let trial = |(id, (official, honest)): (usize, (f64, Option<f64>))| {
        let name = ["first", "second", "third"][id].to_owned();
        let row = Row {
            name: name.clone(),
            runs: 1,
            official: scores(official),
            honest: honest.map(scores),
            estimate: None,
            labels: None,
        };
        let set = [Settings::from([("train.lr".to_owned(), Value::Float(1e30))]), Settings::new()][id % 2].clone();
        let (status, row) = (TrialStatus::Done, Some(row));
        TrialSummary { id, name, set, status, error: None, row, against_best: None, seconds: Some(1.0) }
    };
    let mut trials: Vec<TrialSummary> = means.into_iter().enumerate().map(trial).collect();
    let set = Settings::from([("model.top_n".to_owned(), Value::Integer(3))]);
    let (status, error) = (TrialStatus::Failed, Some("broke".to_owned()));
    let (row, against_best, seconds) = (None, None, None);
    trials.push(TrialSummary { id: 3, name: "fourth".into(), set, status, error, row, against_best, seconds });
    let data =
        DataInfo { name: "pool".into(), classes: vec![], neutral: None, encoders: vec![], folds: vec![], labels: None };
    let (kind, command) = ("sweep".to_owned(), String::new());
    let (versions, within_noise, final_model) = (Versions::here(), Vec::new(), None);
    SweepSummary {
        kind,
        command,
        versions,
        device: None,
        data,
        rank_by: None,
        trials,
        within_noise,
        final_model,
        seconds: 3.0,
    }
}

#[test]
fn the_honest_mean_ranks_and_the_official_one_where_there_is_no_other() {
    let order = |means| summary(means).ranked().into_iter().map(|(trial, _)| trial.id).collect::<Vec<_>>();
    assert_eq!(order([(0.3, Some(0.1)), (0.1, Some(0.3)), (0.2, Some(0.2))]), [1, 2, 0]);
    assert_eq!(order([(0.1, None), (0.2, None), (0.3, None)]), [2, 1, 0]);
    assert_eq!(order([(0.1, None), (0.2, None), (0.2, None)]), [1, 2, 0], "equals stay in their order");
}

#[test]
fn a_leaderboard_has_a_column_for_every_setting() {
    let mut csv = Vec::new();
    summary([(0.25, None), (0.125, None), (0.5, None)]).write_leaderboard(&mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert!(lines[0].starts_with("name,runs,presence,") && lines[0].ends_with(",trial,model.top_n,train.lr"), "{csv}");
    assert_eq!(lines.len(), 4, "only trials that are done: {csv}");
    assert!(lines[1].starts_with("third,1,1,") && lines[1].ends_with(",0002,,1e30"), "{csv}");
    assert!(lines[3].starts_with("second,1,0.25,") && lines[3].ends_with(",0001,,"), "{csv}");
    let text = serde_json::to_string(&summary([(0.25, None), (0.125, Some(0.1)), (0.5, None)])).unwrap();
    let read: SweepSummary = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text, "a summary reads back");
}

#[test]
fn budgets() {
    let seconds = |s| Some(Budget::Time(Duration::from_secs(s)));
    for (text, expected) in [
        ("20", Some(Budget::Trials(20))),
        ("90s", seconds(90)),
        ("30m", seconds(1800)),
        ("1.5h", seconds(5400)),
        ("0", None),
        ("-3m", None),
        ("m", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(text.parse::<Budget>().ok(), expected, "{text}");
    }
    let spent = Duration::from_secs(60);
    assert_eq!(Budget::Trials(3).allows(9, 1, spent), 2);
    assert_eq!(Budget::Trials(3).allows(9, 3, spent), 0);
    assert_eq!(Budget::Time(spent).allows(9, 1, Duration::ZERO), 9);
    assert_eq!(Budget::Time(spent).allows(9, 1, spent), 0);
}
