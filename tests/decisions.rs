//! Scores, decoding, metrics and submission files against cases worked out by hand.

use blendfuse::config::{DecodeConfig, SalienceRule, Threshold};
use blendfuse::scoring::decision::Decision;
use blendfuse::scoring::decode::{Thresholds, decide, scores, search};
use blendfuse::scoring::metrics::{self, Score, Truth};
use blendfuse::scoring::submission;
use ndarray::{Array2, array};
use proptest::prelude::*;
use std::fs;

#[path = "decisions/official.rs"]
mod official;

const OFFICIAL: SalienceRule = SalienceRule::Official;
const RATIO: SalienceRule = SalienceRule::Ratio;
const ANG: usize = 0;
const DISG: usize = 1;
const FEA: usize = 2;
const HAP: usize = 3;
const SAD: usize = 4;
const NEU: usize = 5;

fn classes() -> Vec<String> {
    ["ang", "disg", "fea", "hap", "sad", "neu"].map(String::from).into()
}

fn at(alpha: f64, beta: f64) -> Thresholds {
    Thresholds { alpha, beta }
}

fn blend(a: usize, a_percent: u32, b: usize, b_percent: u32) -> Decision {
    Decision::blend((a, a_percent), (b, b_percent))
}

// ---- scores ----

#[test]
fn scores_are_presence_times_salience() {
    // sigmoid: 1/2, 3/4, 1/4; softmax: 1/4, 1/2, 1/4; products 2 : 6 : 1
    let presence = array![[0.0, 3f32.ln(), -(3f32.ln())]];
    let salience = array![[0.0, 2f32.ln(), 0.0]];
    let plain = DecodeConfig { gamma: 1.0, epsilon: 0.0, ..DecodeConfig::default() };
    close(&scores(presence.view(), salience.view(), &plain), &[2.0 / 9.0, 6.0 / 9.0, 1.0 / 9.0]);
    // (p_sal + 1/4)²: 1/4, 9/16, 1/4; products 8 : 27 : 4
    let bent = DecodeConfig { gamma: 2.0, epsilon: 0.25, ..DecodeConfig::default() };
    close(&scores(presence.view(), salience.view(), &bent), &[8.0 / 39.0, 27.0 / 39.0, 4.0 / 39.0]);
}

#[test]
fn scores_of_huge_logits_stay_finite() {
    let presence = array![[-2000.0, -1000.0, -2000.0], [1e30, 1e30, -1e30]];
    let salience = array![[0.0, 0.0, 0.0], [1e30, -1e30, 0.0]];
    let scores = scores(presence.view(), salience.view(), &DecodeConfig::default());
    close(&scores, &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
}

/// f32 results of f64 arithmetic; ε = 1e-6 moves a score by as much.
fn close(scores: &Array2<f32>, expected: &[f32]) {
    assert_eq!(scores.len(), expected.len());
    for (score, expected) in scores.iter().zip(expected) {
        assert!((score - expected).abs() <= 2e-6, "{scores} is not {expected:?}");
    }
}

// ---- decoding ----

#[test]
fn top_under_alpha_stands_alone() {
    let scores = [0.15, 0.16, 0.19, 0.18, 0.17, 0.15];
    assert_eq!(decide(&scores, at(0.2, 0.95), OFFICIAL, Some(NEU)), Decision::single(FEA));
}

#[test]
fn second_under_alpha_is_dropped() {
    assert_eq!(decide(&[0.1, 0.7, 0.2], at(0.25, 0.95), OFFICIAL, None), Decision::single(1));
    // exactly α is not under it
    assert_eq!(decide(&[0.25, 0.0, 0.75], at(0.25, 0.1), OFFICIAL, None), blend(0, 30, 2, 70));
}

#[test]
fn neutral_never_blends() {
    let decide = |scores: &[f32], neutral| decide(scores, at(0.05, 0.95), OFFICIAL, neutral);
    assert_eq!(decide(&[0.3, 0.1, 0.1, 0.1, 0.0, 0.4], Some(NEU)), Decision::single(NEU));
    assert_eq!(decide(&[0.1, 0.1, 0.1, 0.4, 0.0, 0.3], Some(NEU)), Decision::single(HAP));
    // a tie goes to the other emotion, whichever comes first
    assert_eq!(decide(&[0.1, 0.0, 0.1, 0.4, 0.0, 0.4], Some(NEU)), Decision::single(HAP));
    assert_eq!(decide(&[0.4, 0.1, 0.4, 0.1], Some(0)), Decision::single(2));
    // a neutral third does not matter; a task without neutral blends all
    assert_eq!(decide(&[0.4, 0.3, 0.0, 0.0, 0.1, 0.2], Some(NEU)), blend(ANG, 50, DISG, 50));
    assert_eq!(decide(&[0.4, 0.0, 0.0, 0.0, 0.0, 0.6], None), blend(ANG, 50, NEU, 50));
}

#[test]
fn salience_by_both_rules() {
    // difference 1/4, |2r − 1| = 1/3
    let scores = [0.25, 0.0, 0.5, 0.25];
    assert_eq!(decide(&scores, at(0.1, 0.25), OFFICIAL, None), blend(0, 50, 2, 50));
    assert_eq!(decide(&scores, at(0.1, 0.24), OFFICIAL, None), blend(0, 30, 2, 70));
    assert_eq!(decide(&scores, at(0.1, 0.25), RATIO, None), blend(0, 30, 2, 70));
    assert_eq!(decide(&scores, at(0.1, 0.34), RATIO, None), blend(0, 50, 2, 50));
    // the larger gets 70 wherever it stands
    assert_eq!(decide(&[0.75, 0.25], at(0.1, 0.1), OFFICIAL, None), blend(0, 70, 1, 30));
    assert_eq!(decide(&[0.25, 0.75], at(0.1, 0.1), RATIO, None), blend(0, 30, 1, 70));
}

#[test]
fn of_equal_scores_the_lower_class_is_kept() {
    assert_eq!(decide(&[0.1, 0.3, 0.3, 0.3], at(0.1, 0.0), OFFICIAL, None), blend(1, 50, 2, 50));
    assert_eq!(decide(&[0.2, 0.2, 0.4, 0.2], at(0.1, 0.1), OFFICIAL, None), blend(0, 30, 2, 70));
}

#[test]
fn one_class_is_that_class() {
    assert_eq!(decide(&[1.0], at(0.05, 0.05), OFFICIAL, None), Decision::single(0));
    assert_eq!(decide(&[1.0], at(0.05, 0.05), OFFICIAL, Some(0)), Decision::single(0));
}

// ---- search ----

#[test]
fn first_of_equally_good_thresholds_wins() {
    // Right from the first α above 0.1 up; β plays no part.
    let scores = array![[0.9, 0.1]];
    let truths = [vec![(0, 100)]];
    let (found, score) = search(scores.view(), &truths, Threshold::Search, Threshold::Search, OFFICIAL, None);
    assert_eq!((found.alpha, found.beta), (2.0 * ((0.95 - 0.05) / 19.0) + 0.05, 0.05));
    assert_eq!(score, Score { presence: 1.0, salience: 0.0 });
}

#[test]
fn fixed_thresholds_are_not_searched() {
    let scores = array![[0.9, 0.1], [0.6, 0.4]];
    let truths = [vec![(0, 100)], vec![(0, 70), (1, 30)]];
    let search = |alpha, beta| search(scores.view(), &truths, alpha, beta, OFFICIAL, None);
    let (found, score) = search(Threshold::Fixed(0.05), Threshold::Fixed(0.5));
    assert_eq!((found, score), (at(0.05, 0.5), Score { presence: 0.5, salience: 0.0 }));
    let (found, score) = search(Threshold::Fixed(0.3), Threshold::Search);
    assert_eq!((found, score), (at(0.3, 0.05), Score { presence: 1.0, salience: 1.0 }));
    let (found, _) = search(Threshold::Search, Threshold::Fixed(0.19));
    assert_eq!(found.beta, 0.19);
}

#[test]
fn search_agrees_with_deciding_at_every_pair() {
    let scores = Array2::from_shape_fn((40, 6), |(i, c)| ((i * 7 + c * 13) % 17) as f32);
    let scores = &scores / &scores.sum_axis(ndarray::Axis(1)).insert_axis(ndarray::Axis(1));
    let truths: Vec<Truth> =
        (0..40).map(|i| if i % 2 == 0 { vec![(i % 6, 100)] } else { vec![(0, 30), (3, 70)] }).collect();
    for rule in [OFFICIAL, RATIO] {
        let (found, best) = search(scores.view(), &truths, Threshold::Search, Threshold::Search, rule, Some(NEU));
        let grid: Vec<f64> = (0..20).map(|i| f64::from(i) * (0.95 - 0.05) / 19.0 + 0.05).collect();
        for (alpha, beta) in grid.iter().flat_map(|alpha| grid.iter().map(move |beta| (*alpha, *beta))) {
            assert!(score_at(&scores, &truths, at(alpha, beta), rule).mean() <= best.mean());
        }
        assert_eq!(score_at(&scores, &truths, found, rule), best);
    }
}

fn score_at(scores: &Array2<f32>, truths: &[Truth], thresholds: Thresholds, rule: SalienceRule) -> Score {
    let decide = |row: ndarray::ArrayView1<f32>| Some(decide(&row.to_vec(), thresholds, rule, Some(NEU)));
    metrics::score(&scores.rows().into_iter().map(decide).collect::<Vec<_>>(), truths)
}

// ---- metrics ----

#[test]
fn truth_of_a_soft_target() {
    assert_eq!(metrics::truth(&[0.0, 0.7, 0.0, 0.3]), [(1, 70), (3, 30)]);
    assert_eq!(metrics::truth(&[0.0, 1.0]), [(1, 100)]);
    assert_eq!(metrics::truth(&[0.2, 0.5, 0.3]), [(0, 20), (1, 50), (2, 30)]);
}

/// Five clips: right single, wrong single, right blend, blend with the right set only, blend without a prediction.
fn five() -> (Vec<Option<Decision>>, Vec<Truth>) {
    let predictions = vec![
        Some(Decision::single(ANG)),
        Some(blend(ANG, 50, SAD, 50)),
        Some(blend(HAP, 70, ANG, 30)),
        Some(blend(ANG, 50, HAP, 50)),
        None,
    ];
    let truths = vec![
        vec![(ANG, 100)],
        vec![(SAD, 100)],
        vec![(ANG, 30), (HAP, 70)],
        vec![(ANG, 70), (HAP, 30)],
        vec![(DISG, 50), (FEA, 50)],
    ];
    (predictions, truths)
}

#[test]
fn score_counts_sets_over_all_clips_and_salience_over_blends() {
    let (predictions, truths) = five();
    let score = metrics::score(&predictions, &truths);
    assert_eq!(score, Score { presence: 3.0 / 5.0, salience: 1.0 / 3.0 });
    assert_eq!(score.mean(), (3.0 / 5.0 + 1.0 / 3.0) / 2.0);
    // no blends, no clips, more emotions than can be predicted
    assert_eq!(metrics::score(&predictions[..2], &truths[..2]), Score { presence: 0.5, salience: 0.0 });
    assert_eq!(metrics::score(&[], &[]), Score { presence: 0.0, salience: 0.0 });
    let three = [vec![(ANG, 20), (HAP, 50), (SAD, 30)]];
    assert_eq!(metrics::score(&[Some(blend(ANG, 50, HAP, 50))], &three), Score { presence: 0.0, salience: 0.0 });
}

#[test]
fn classes_ratios_and_confusion() {
    let (predictions, truths) = five();
    let per_class = metrics::per_class(&predictions, &truths, &classes());
    let figures: Vec<_> = per_class.iter().map(|c| (c.support, c.precision, c.recall, c.f1)).collect();
    assert_eq!(
        figures,
        [
            (3, 3.0 / 4.0, 1.0, 6.0 / 7.0), // ang is wrong only where sad is shown
            (1, 0.0, 0.0, 0.0),
            (1, 0.0, 0.0, 0.0),
            (2, 1.0, 1.0, 1.0),
            (1, 1.0, 1.0, 1.0),
            (0, 0.0, 0.0, 0.0),
        ]
    );
    let ratios = metrics::per_ratio(&predictions, &truths);
    let ratios: Vec<_> =
        ratios.iter().map(|r| (r.ratio.as_str(), r.clips, r.score.presence, r.score.salience)).collect();
    assert_eq!(ratios, [("30/70", 1, 1.0, 1.0), ("50/50", 1, 0.0, 0.0), ("70/30", 1, 1.0, 0.0)]);

    let confusion = metrics::confusion(&predictions, &truths, &classes());
    assert_eq!(confusion.truths, ["ang+hap", "ang", "disg+fea", "sad"]);
    assert_eq!(confusion.predicted, ["ang+hap", "ang", "ang+sad", "none"]);
    assert_eq!(confusion.counts, [[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]);
}

/// As many clips of each kind as the challenge's training set has.
fn blemore_sized() -> Vec<Truth> {
    let singles = [(ANG, 182), (DISG, 187), (FEA, 192), (HAP, 192), (SAD, 189), (NEU, 188)];
    // clips at 30/70, 50/50, 70/30
    let pairs = [
        (ANG, DISG, [45, 45, 45]),
        (ANG, FEA, [47, 47, 46]),
        (ANG, HAP, [47, 46, 47]),
        (ANG, SAD, [45, 46, 45]),
        (DISG, FEA, [46, 44, 46]),
        (DISG, HAP, [42, 42, 42]),
        (DISG, SAD, [43, 43, 43]),
        (FEA, HAP, [42, 43, 43]),
        (FEA, SAD, [42, 42, 42]),
        (HAP, SAD, [44, 43, 43]),
    ];
    let singles = singles.into_iter().flat_map(|(class, n)| vec![vec![(class, 100)]; n]);
    let pairs = pairs.into_iter().flat_map(|(a, b, counts)| {
        [30, 50, 70]
            .into_iter()
            .zip(counts)
            .flat_map(move |(percent, n)| vec![vec![(a, percent), (b, 100 - percent)]; n])
    });
    singles.chain(pairs).collect()
}

#[test]
fn trivial_baselines_of_the_challenge() {
    let truths = blemore_sized();
    assert_eq!((truths.len(), truths.iter().filter(|truth| truth.len() == 2).count()), (2456, 1326));
    let published = |score: Score| (format!("{:.3}", score.presence), format!("{:.3}", score.salience));
    let [single, pair] = metrics::trivial_baselines(&truths, 6);
    assert_eq!(single.0, "most frequent single emotion");
    assert_eq!(published(single.1), ("0.078".into(), "0.000".into()));
    assert_eq!(pair.0, "most frequent pair at 50/50");
    assert_eq!(published(pair.1), ("0.057".into(), "0.035".into()));
}

#[test]
fn trivial_baselines_take_the_first_of_equals_and_need_no_pairs() {
    let truths = [vec![(1, 100)], vec![(0, 100)], vec![(0, 50), (2, 50)], vec![(1, 30), (2, 70)]];
    let [single, pair] = metrics::trivial_baselines(&truths, 3);
    assert_eq!(single.1, Score { presence: 0.25, salience: 0.0 });
    assert_eq!(pair.1, Score { presence: 0.25, salience: 0.5 });
    let [single, pair] = metrics::trivial_baselines(&[vec![(0, 100)]], 1);
    assert_eq!((single.1.presence, pair.1.presence), (1.0, 0.0));
}

#[test]
fn mean_and_sample_deviation() {
    let (mean, std) = metrics::mean_std(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
    assert_eq!(mean, 5.0);
    assert!((std - (32.0f64 / 7.0).sqrt()).abs() < 1e-15, "{std}");
    let (mean, std) = metrics::mean_std(&[0.3]);
    assert!(mean == 0.3 && std.is_nan());
}

// ---- submission ----

fn two() -> Vec<(String, Decision)> {
    vec![("test_0002".into(), blend(ANG, 70, DISG, 30)), ("test_0001".into(), Decision::single(SAD))]
}

#[test]
fn submission_is_sorted_json_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.json");
    submission::write(&path, &two(), &classes(), Some(submission::DEFAULT_SUFFIX)).unwrap();
    let text: String = fs::read_to_string(&path).unwrap().split_whitespace().collect();
    assert_eq!(
        text,
        r#"{"predictions":{"test_0001.mov":[{"emotion":"sad","salience":100.0}],"#.to_owned()
            + r#""test_0002.mov":[{"emotion":"ang","salience":70.0},{"emotion":"disg","salience":30.0}]}}"#
    );
    assert_eq!(submission::read(&path, &classes()).unwrap(), two().into_iter().collect());
    submission::write(&path, &two()[..1], &classes(), Some("")).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("\"test_0002\""));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn zipped_submission_holds_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.json");
    submission::write(&path, &two(), &classes(), Some(".mov")).unwrap();
    let zipped = submission::zip(&path).unwrap();
    assert_eq!(zipped, folder.path().join("mine.zip"));
    let first = fs::read(&zipped).unwrap();
    let mut archive = zip::ZipArchive::new(fs::File::open(&zipped).unwrap()).unwrap();
    let inside = std::io::read_to_string(archive.by_name("mine.json").unwrap()).unwrap();
    assert_eq!(inside, fs::read_to_string(&path).unwrap());
    submission::zip(&path).unwrap();
    assert_eq!(fs::read(&zipped).unwrap(), first, "the same predictions give the same bytes");
    assert!(submission::zip(&zipped).is_err());
}

#[test]
fn failed_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.json");
    let twice = [two(), two()].concat();
    let error = submission::write(&path, &twice, &classes(), Some(".mov")).unwrap_err().to_string();
    assert!(error.contains("predictions.json: found clip \"test_0002.mov\" twice"), "{error}");
    fs::create_dir(&path).unwrap();
    let error = submission::write(&path, &two(), &classes(), Some(".mov")).unwrap_err().to_string();
    assert!(error.contains("predictions.json: cannot be written"), "{error}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "only the folder in the way is there");
    let error = submission::write(&folder.path().join("no/such.json"), &two(), &classes(), Some(".mov")).unwrap_err();
    assert!(error.to_string().contains("check that its folder exists"), "{error}");
}

#[test]
fn known_media_suffixes_do_not_matter() {
    let cases = [
        ("test_0001.mov", "test_0001"),
        ("test_0001.MP4", "test_0001"),
        ("A102_ang_int1_ver1", "A102_ang_int1_ver1"),
        ("clip.v1.2", "clip.v1.2"),
        ("clip.v1.2.wav", "clip.v1.2"),
        (".mov", ".mov"),
    ];
    for (name, stem) in cases {
        assert_eq!(submission::stem(name), stem);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.json");
    submission::write(&path, &[("a.mp4".into(), Decision::single(ANG))], &classes(), Some(".mov")).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("\"a.mov\""));
}

#[test]
fn saliences_are_rounded_to_percents() {
    let read = |a: &str, b: &str| {
        read(&format!(
            r#"{{"predictions": {{"a": [{{"emotion": "ang", "salience": {a}}}, {{"salience": {b}, "emotion": "sad"}}]}}}}"#
        ))
        .unwrap()["a"]
    };
    assert_eq!(read("70", "30"), blend(ANG, 70, SAD, 30));
    assert_eq!(read("69.6", "30.4"), blend(ANG, 70, SAD, 30));
    assert_eq!(read("30.5", "69.5"), blend(ANG, 30, SAD, 70));
    assert_eq!(read("29.999998", "70.00001"), blend(ANG, 30, SAD, 70));
}

#[test]
fn bad_submissions_are_refused_with_file_clip_and_advice() {
    let clip = |list: &str| format!(r#"{{"predictions": {{"a.mov": {list}}}}}"#);
    let sad = r#"{"emotion": "sad", "salience": 100.0}"#;
    let ang = |salience: &str| format!(r#"{{"emotion": "ang", "salience": {salience}}}"#);
    let cases = [
        (
            clip(r#"[{"emotion": "joy", "salience": 100}]"#),
            r#"clip "a.mov": found emotion "joy", expected one of ang, disg"#,
        ),
        (clip("[]"), r#"clip "a.mov": found 0 emotions, expected one or two"#),
        (clip(&format!("[{sad}, {sad}, {sad}]")), r#"clip "a.mov": found 3 emotions, expected one or two"#),
        (clip(&format!("[{sad}, {sad}]")), r#"clip "a.mov": found "sad" twice, expected two different"#),
        (clip(&format!("[{sad}, {}]", ang("30"))), r#"clip "a.mov": found saliences that sum to 130, expected 100"#),
        (clip(&format!("[{}]", ang("70"))), r#"clip "a.mov": found saliences that sum to 70, expected 100"#),
        (clip(&format!("[{sad}, {}]", ang("0"))), r#"clip "a.mov": found ang at salience 0, expected more than 0"#),
        (clip(&format!("[{}]", ang("-100"))), "found ang at salience -100, expected more than 0"),
        (clip(&format!("[{}]", ang("\"100\""))), r#"found clip "a.mov": invalid type: string "100", expected f64"#),
        (
            clip(r#"[{"emotion": "sad", "emotion": "sad", "salience": 100}]"#),
            r#"clip "a.mov": duplicate field `emotion`"#,
        ),
        (clip(r#"[{"emotion": "sad", "salience": 100, "p": 1}]"#), r#"clip "a.mov": unknown field `p`"#),
        (clip(r#"[{"emotion": "sad"}]"#), r#"clip "a.mov": missing field `salience`"#),
        (clip(&format!(r#"[{sad}], "a.mov": [{sad}]"#)), r#"clip "a.mov": found twice, expected every clip once"#),
        (clip(&format!(r#"[{sad}], "a.mp4": [{sad}]"#)), r#"clip "a.mp4": found twice"#),
        (r#"{"predictions": {}, "predictions": {}}"#.into(), "duplicate field `predictions`"),
        (r#"{"a.mov": []}"#.into(), "unknown field `a.mov`"),
        ("{}".into(), "missing field `predictions`"),
        (r#"{"predictions": {"a.mov": [{"emo"#.into(), "found clip \"a.mov\": EOF"),
        ("PK\u{3}\u{4}".into(), "found expected value at line 1 column 1"),
    ];
    for (text, message) in cases {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains("predictions.json: ") && error.contains(message), "{text}\ngave {error}");
        assert!(error.contains(';') && !error.contains('\n'), "one line with advice: {error}");
    }
    let error = submission::read("nowhere.json".as_ref(), &classes()).unwrap_err().to_string();
    assert!(error.starts_with("nowhere.json: cannot be read"), "{error}");
}

fn read(text: &str) -> anyhow::Result<std::collections::BTreeMap<String, Decision>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("predictions.json");
    fs::write(&path, text)?;
    submission::read(&path, &classes())
}

// ---- evaluate ----

const METADATA: &str = "filename,video_id,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold
a,A1,ang,,,,0
b,A1,ang,hap,30,70,0
c,A2,ang,hap,50,50,1
d,A2,neu,,,,1
";

/// `a` right, `b` with the right set only, `c` under an unknown suffix, `d` missing, `e` without a label.
const PREDICTIONS: &str = r#"{"predictions": {
    "a.mov": [{"emotion": "ang", "salience": 100}],
    "b.mp4": [{"emotion": "hap", "salience": 50}, {"emotion": "ang", "salience": 50}],
    "c.clip": [{"emotion": "hap", "salience": 50}, {"emotion": "ang", "salience": 50}],
    "e.mov": [{"emotion": "sad", "salience": 100}]}}"#;

fn evaluate(labels: &str, predictions: &str, more: &[&str]) -> assert_cmd::assert::Assert {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("labels.csv"), labels).unwrap();
    fs::write(folder.path().join("predictions.json"), predictions).unwrap();
    let mut command = assert_cmd::Command::cargo_bin("blendfuse").unwrap();
    command.current_dir(&folder).args(["evaluate", "--predictions", "predictions.json", "--metadata", "labels.csv"]);
    command.args(more).assert()
}

#[test]
fn evaluate_reports_every_figure_as_json() {
    let assert = evaluate(METADATA, PREDICTIONS, &["--json"]).success();
    let report: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    let expected = serde_json::json!({
        "presence": 0.75, "salience": 0.5, "mean": 0.625, "clips": 4, "without_prediction": 1, "without_label": 1,
        "baselines": [
            {"name": "most frequent single emotion", "presence": 0.25, "salience": 0.0, "mean": 0.125},
            {"name": "most frequent pair at 50/50", "presence": 0.5, "salience": 0.5, "mean": 0.5},
        ],
        "ratios": [
            {"ratio": "30/70", "clips": 1, "presence": 1.0, "salience": 0.0},
            {"ratio": "50/50", "clips": 1, "presence": 1.0, "salience": 1.0},
        ],
        "confusion": {
            "truths": ["ang+hap", "ang", "neu"],
            "predicted": ["ang+hap", "ang", "none"],
            "counts": [[2, 0, 0], [0, 1, 0], [0, 0, 1]],
        },
    });
    for (key, value) in expected.as_object().unwrap().iter().filter(|(key, _)| *key != "baselines") {
        assert_eq!(&report[key], value, "{key}");
    }
    for (found, expected) in
        report["baselines"].as_array().unwrap().iter().zip(expected["baselines"].as_array().unwrap())
    {
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&found[key], value, "{key} of {expected}");
        }
    }
    assert_eq!(report["log_loss"], serde_json::Value::Null, "there are no scores");
    assert_eq!(report["classes"].as_array().unwrap().len(), 6);
    assert_eq!(
        report["classes"][3],
        serde_json::json!({"class": "hap", "support": 2, "precision": 1.0, "recall": 1.0, "f1": 1.0})
    );
    let warnings = String::from_utf8_lossy(&assert.get_output().stderr);
    assert!(warnings.contains("1 of 4 labelled clips have no prediction and count as wrong: d\n"), "{warnings}");
    assert!(warnings.contains("1 of 4 predictions are for unlabelled clips and are not scored: e\n"), "{warnings}");
}

#[test]
fn evaluate_prints_tables_that_fit_a_terminal() {
    // As wide as the challenge gets: sixteen sets and missing predictions, and longer names than fit.
    let long = blemore_sized();
    for names in [
        ["ang", "disg", "fea", "hap", "sad", "neu"],
        ["anger", "disgust", "fearfulness", "happiness", "sadness", "neutrality"],
    ] {
        let mut labels = format!("filename,fold,{}\n", names.join(","));
        let mut predictions = serde_json::Map::new();
        for (i, truth) in long.iter().enumerate() {
            let percents: Vec<String> = (0..6)
                .map(|c| truth.iter().find(|share| share.0 == c).map_or(0, |share| share.1).to_string())
                .collect();
            labels += &format!("clip{i},0,{}\n", percents.join(","));
            let emotion = |share: &(usize, u32)| serde_json::json!({"emotion": names[share.0], "salience": share.1});
            if i % 10 != 0 {
                predictions.insert(format!("clip{i}.mov"), truth.iter().map(emotion).collect());
            }
        }
        let assert = evaluate(&labels, &serde_json::json!({"predictions": predictions}).to_string(), &[]).success();
        let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 100, "{widest} columns\n{text}");
        assert_eq!(text.contains("others"), names[0] == "anger", "{text}");
        for needle in
            ["2456 training clips, 1326 two-class blends", "0.078     0.000", "0.057     0.035", "30/70", names[5]]
        {
            assert!(text.contains(needle), "{needle} is not in\n{text}");
        }
    }
}

#[test]
fn evaluate_refuses_what_does_not_belong_together() {
    let stderr = |assert: assert_cmd::assert::Assert| {
        String::from_utf8(assert.failure().code(1).get_output().stderr.clone()).unwrap()
    };
    let other = r#"{"predictions": {"x.mov": [{"emotion": "ang", "salience": 100}]}}"#;
    let error = stderr(evaluate(METADATA, other, &[]));
    assert!(
        error.contains(
            r#"predictions.json: found no clip of labels.csv: found names like "x", expected names like "a""#
        ),
        "{error}"
    );
    let error = stderr(evaluate("filename,fold,ang,hap\nx,test,,\n", other, &[]));
    assert!(error.contains("labels.csv: found no labelled clip"), "{error}");
    let error = stderr(evaluate("filename,fold,calm,hap\nx,0,1,0\n", other, &[]));
    assert!(error.contains(r#"found emotion "ang", expected one of calm, hap"#), "{error}");
}

// ---- whatever the scores ----

proptest! {
    #[test]
    fn decisions_are_well_formed(
        // Eighths, so that ties and scores at a threshold are common.
        eighths in prop::collection::vec(0u8..8, 1..8),
        alpha in 0u8..8,
        beta in 0u8..8,
        ratio: bool,
        neutral in prop::option::of(0usize..8),
    ) {
        let scores: Vec<f32> = eighths.iter().map(|eighth| f32::from(*eighth) / 8.0).collect();
        let thresholds = at(f64::from(alpha) / 8.0, f64::from(beta) / 8.0);
        let decision = decide(&scores, thresholds, if ratio { RATIO } else { OFFICIAL }, neutral);
        let salience: Vec<u32> = decision.iter().map(|share| share.1).collect();
        prop_assert!(matches!(salience[..], [100] | [30, 70] | [50, 50] | [70, 30]), "{:?}", decision);
        prop_assert!(decision.is_sorted_by(|a, b| a.0 < b.0));
        if decision.len() == 2 {
            prop_assert!(decision.iter().all(|share| Some(share.0) != neutral && f64::from(scores[share.0]) >= thresholds.alpha));
            prop_assert!(scores[decision[0].0] >= scores[decision[1].0] || salience[0] <= 50);
            prop_assert!(scores[decision[1].0] >= scores[decision[0].0] || salience[1] <= 50);
        }
        // No class left out scores above all that are in.
        let best = decision.iter().map(|share| scores[share.0]).fold(0.0, f32::max);
        prop_assert!(scores.iter().all(|score| *score <= best));
    }
}
