//! Labels as people have them: a column of names, soft scores, groups, no folds yet; and what is wrong with them, by line.

use super::{QUIET, fails, features};
use blendfuse::data::labels::{self, Kind};
use blendfuse::data::scan::Survey;
use blendfuse::data::{Clip, LoadOptions, Missing, Pool, Reading, Split, folds, shared_groups};
use std::fs::{read_to_string, write};
use std::path::Path;
use tempfile::TempDir;

/// A pool of clips a to d with one encoder.
fn pool(labels: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    features(dir.path(), "features/one.npz", &["a", "b", "c", "d"], |row| vec![row as f32]);
    write(dir.path().join("labels.csv"), labels).unwrap();
    dir
}

fn load(dir: &TempDir) -> Pool {
    Pool::load(dir.path(), &LoadOptions::default(), QUIET).unwrap()
}

fn notes(text: &str) -> Vec<String> {
    let dir = pool(text);
    labels::read(dir.path(), None).unwrap().unwrap().notes
}

fn shown(clips: &[Clip]) -> Vec<(&str, Option<u32>, Option<usize>)> {
    let class = |clip: &Clip| clip.target.as_ref().map(|target| target.iter().position(|share| *share == 1.0).unwrap());
    clips.iter().map(|clip| (clip.name.as_str(), clip.fold, class(clip))).collect()
}

#[test]
fn a_label_column_holds_one_class_per_clip() {
    let text = "\u{feff}filename,label,fold,group\r\n\"a\",\"calm, cool\",0,Zoë\r\nb,żal,1,Bo\r\nc,calm10,0,Zoë\r\nd,,test,\r\n";
    let pool = load(&pool(text));
    assert_eq!(pool.classes, ["calm, cool", "calm10", "żal"], "sorted by name");
    assert_eq!(
        shown(&pool.clips),
        [("a", Some(0), Some(0)), ("b", Some(1), Some(2)), ("c", Some(0), Some(1)), ("d", None, None)]
    );
    assert_eq!(pool.clips[0].group.as_deref(), Some("Zoë"));
    assert_eq!(pool.clips[3].split, Split::Test);
    assert_eq!(pool.neutral, None);
    assert_eq!(labels::read(self::pool(text).path(), None).unwrap().unwrap().kind, Kind::Single);
}

#[test]
fn columns_beside_a_label_are_named_or_refused() {
    let text = "filename,fold,label,age,\na,0,x,31,0\nb,1,y,32,1\n";
    let found = notes(text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("classes are read from column `label`; ignored columns: age, (no name)"), "{found:?}");
    assert_eq!(load(&pool("filename,fold,label,age\na,0,x,31\nb,1,y,32\nc,0,x,\nd,1,x,\n")).classes, ["x", "y"]);
    let both = pool("filename,fold,label,X,y\na,0,x,1,0\nb,1,y,0,1\n");
    let expected = ["labels.csv: found a column `label` and columns named like its classes (X, y)", "remove"];
    fails(both.path(), &LoadOptions::default(), &expected, "hard and soft labels");
}

#[test]
fn labels_that_are_likely_wrong_are_noted() {
    let found = notes("filename,fold,label\na,0,Calm\nb,1,calm\nc,0,tense\nd,1,tense\n");
    assert_eq!(found, ["classes that differ only in upper and lower case: Calm, calm"]);
    let found = notes("filename,fold,label\na,0,x\nb,1,y\nc,,z\nd,test,x\n");
    assert_eq!(found, ["no training clip shows z, but test clips do"]);
}

#[test]
fn bad_labels_are_refused_with_their_line_whatever_ends_lines() {
    let cases = [
        ("filename,fold,label\na,0,x\nb,1,\n", "line 3: found no label in column `label`"),
        ("filename,fold,label\na,0,x\nb,1,None\n", "line 3: found `None` (an empty cell) in column `label`"),
        ("filename,fold,label\na,,\nb,,\n", "found no class in column `label`"),
        (
            "filename,fold,label\na,0,x\nb,one,y\n",
            "line 3: found fold `one`, expected a whole number from 0, or `test`",
        ),
        ("filename,fold,label\na,0,x\nb,-2,y\n", "line 3: found fold `-2`"),
        ("filename,fold,label\na,0,x\nb,1.5,y\n", "line 3: found fold `1.5`"),
        ("filename,fold,label\n\n\na,0,x\n\na,1,y\n", "line 6: found `a` again (first on line 4)"),
        ("filename,fold,label\na,0,\"two\nlines\"\nb,one,y\n", "line 4: found fold `one`"),
        ("filename,fold,x,y\n,0,1,0\n", "line 2: found no filename"),
        (",filename,fold,x,y\n0,a,0,1,0\n", "found a column called ``, expected the name of a class"),
        ("filename,fold,x,y,Unnamed: 0\na,0,1,0,7\n", "found a column called `Unnamed: 0`"),
        ("filename;fold;label\na;0;x\n", "columns are separated by commas"),
    ];
    for (text, message) in cases {
        for end in ["\n", "\r\n", "\r"] {
            // A line break within quotes stays as it is.
            let text = text.replace('\n', end);
            let dir = pool(&text);
            fails(dir.path(), &LoadOptions::default(), &["labels.csv", message], &format!("{text:?}"));
        }
    }
    let dir = pool("");
    write(dir.path().join("labels.csv"), b"filename,fold,label\na,0,caf\xe9\n").unwrap();
    fails(dir.path(), &LoadOptions::default(), &["labels.csv", "UTF-8"], "Latin 1");
}

#[test]
fn labels_without_folds_load_and_name_the_command_that_makes_folds() {
    for text in ["filename,label\nb,y\na,x\nc,\n", "filename,x,y\nb,0,2\na,1,0\nc,,\n"] {
        let dir = pool(text);
        let pool = load(&dir);
        assert_eq!(
            shown(&pool.clips),
            [("b", None, Some(1)), ("a", None, Some(0)), ("c", None, None), ("d", None, None)]
        );
        assert_eq!(pool.indices(Split::Train), [0, 1], "those with a label");
        let warnings = Survey::of(dir.path(), None, QUIET).unwrap().warnings;
        assert!(warnings.iter().any(|warning| warning.contains("`blendfuse folds`")), "{warnings:?}");
    }
    // To compare with predictions, rows need no folds either, and are nobody's training clips.
    let dir = pool("filename,label\na,x\n");
    let labels = labels::read_file(&dir.path().join("labels.csv"), None).unwrap();
    assert_eq!((labels.clips[0].split, labels.clips[0].target.clone()), (Split::Test, Some(vec![1.0])));
}

#[test]
fn blemores_metadata_need_no_folds_either() {
    let head = "filename,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience";
    let text = format!("{head}\na,ang,,,\nb,hap,sad,70,30\nc,,,,\n");
    let dir = pool("filename,fold,label\na,0,x\n");
    let other = dir.path().join("other.csv");
    write(&other, &text).unwrap();
    let labels = labels::read(dir.path(), Some(&other)).unwrap().unwrap();
    assert_eq!(labels.kind, Kind::Blemore);
    let splits: Vec<_> = labels.clips.iter().map(|clip| (clip.name.as_str(), clip.split, clip.fold)).collect();
    assert_eq!(splits, [("a", Split::Train, None), ("b", Split::Train, None), ("c", Split::Test, None)]);
    let file = labels::read_file(&other, None).unwrap();
    assert!(
        file.clips.iter().all(|clip| clip.split == Split::Test),
        "as before, where they are compared with predictions"
    );
    std::fs::remove_file(dir.path().join("labels.csv")).unwrap();
    write(dir.path().join("train_metadata.csv"), text.replace("c,,,,\n", "")).unwrap();
    assert_eq!(load(&dir).indices(Split::Train), [0, 1]);
    let mut classes: Vec<String> = labels::BLEMORE.map(String::from).into();
    classes.reverse();
    assert!(labels::is_blemore(&classes) && !labels::is_blemore(&classes[1..]));
}

#[test]
fn another_labels_file_replaces_the_pools_own() {
    let dir = pool("filename,fold,label\na,0,x\nb,1,y\nc,0,y\nd,1,x\n");
    let other = dir.path().join("other.csv");
    write(&other, "filename,fold,calm,tense\na,3,1,1\nb,4,0,1\n").unwrap();
    let reading = Reading { labels: Some(other.clone()), ..Reading::default() };
    let options = LoadOptions { split: Some(Split::Train), reading, ..LoadOptions::default() };
    let pool = Pool::load(dir.path(), &options, QUIET).unwrap();
    assert_eq!(pool.classes, ["calm", "tense"]);
    assert_eq!(pool.clips.iter().map(|clip| clip.fold).collect::<Vec<_>>(), [Some(3), Some(4)]);
    let survey = Survey::of(dir.path(), Some(&other), QUIET).unwrap();
    assert_eq!((survey.clips.train, survey.label_kind), (2, Some(Kind::Soft)));
    let reading = Reading { labels: Some(dir.path().join("none.csv")), ..Reading::default() };
    fails(dir.path(), &LoadOptions { reading, ..options }, &["none.csv: cannot be read"], "no such file");
}

#[test]
fn the_exclusive_class_is_chosen_by_name() {
    let classes: Vec<String> = ["calm", "neutral", "neu"].map(String::from).into();
    assert_eq!(labels::exclusive(&classes, "auto").unwrap(), Some(1));
    assert_eq!(labels::exclusive(&classes, "calm").unwrap(), Some(0));
    assert_eq!(labels::exclusive(&classes, "").unwrap(), None);
    let error = labels::exclusive(&classes, "joy").unwrap_err().to_string();
    assert!(error.contains("data.exclusive: found no class `joy`, expected one of calm, neutral, neu"), "{error}");
    assert_eq!(labels::exclusive(&labels::BLEMORE.map(String::from), "auto").unwrap(), Some(5));

    let dir = pool("filename,fold,calm,neutral\na,0,1,0\nb,1,0,1\nc,0,1,1\nd,1,0,1\n");
    for (setting, expected) in [("auto", Some(1)), ("", None), ("calm", Some(0))] {
        let options = LoadOptions { exclusive: setting.into(), ..LoadOptions::default() };
        assert_eq!(Pool::load(dir.path(), &options, QUIET).unwrap().neutral, expected);
    }
    let options = LoadOptions { exclusive: "joy".into(), ..LoadOptions::default() };
    fails(
        dir.path(),
        &options,
        &["data.exclusive: found no class `joy`, expected one of calm, neutral"],
        "unknown class",
    );
}

#[test]
fn names_that_differ_by_a_suffix_say_so() {
    let labels = "filename,fold,label\na.mp4,0,x\nb.mp4,1,y\nc.mp4,0,y\nd.mp4,1,x\n";
    let expected = ["the names of 4 clips differ only by a suffix: found `a.mp4` in the labels and `a` in", "one.npz"];
    fails(pool(labels).path(), &LoadOptions::default(), &expected, "suffix in the labels");
    // A test split would otherwise be made of all training clips.
    let options = LoadOptions { split: Some(Split::Test), ..LoadOptions::default() };
    fails(pool(labels).path(), &options, &expected, "no test clips");
    for missing in [Missing::Error, Missing::Mask] {
        let problems = Survey::with(pool(labels).path(), None, missing, QUIET).unwrap().problems;
        assert!(problems.len() == 1 && problems[0].contains(expected[0]), "told once: {problems:?}");
    }

    let dir = pool("filename,fold,label\na,0,x\nb,1,y\nc,0,y\nd,1,x\n");
    features(dir.path(), "features/two.npz", &["a", "b.mov", "c.mov", "d.mov"], |row| vec![row as f32]);
    let expected =
        ["two lacks 3 (b, c, d)", "the names of 3 clips differ only by a suffix: found `b` in the labels and `b.mov`"];
    fails(dir.path(), &LoadOptions::default(), &expected, "suffix in one encoder");
    // v1.0 and v1.1 are versions, not suffixes.
    let dir = pool("filename,fold,label\na,0,x\nb,1,y\nc,0,y\nd,1,x\nv1.0,1,x\n");
    features(dir.path(), "features/one.npz", &["a", "b", "c", "d", "v1.1"], |row| vec![row as f32]);
    let error = Pool::load(dir.path(), &LoadOptions::default(), QUIET).unwrap_err().to_string();
    assert!(error.contains("one lacks 1 (v1.0)") && !error.contains("suffix"), "{error}");
}

#[test]
fn clips_with_bad_features_are_named_by_row_and_column_or_dropped() {
    let dir = pool("filename,fold,label\na,0,x\nb,1,y\nc,0,y\nd,1,x\n");
    let row = |row: usize| vec![row as f32, 1.0, if row.is_multiple_of(3) { f32::NAN } else { 2.0 }];
    features(dir.path(), "features/two.npz", &["d", "c", "b", "a"], row);
    let expected = [
        "two.npz: found 2 NaN or infinite features in encoder `two`",
        "first in clip `a` (row 3 of the file, column 2, counted from 0)",
        "--drop-bad-clips",
    ];
    fails(dir.path(), &LoadOptions::default(), &expected, "NaN");
    let problems = Survey::of(dir.path(), None, QUIET).unwrap().problems.join("\n");
    assert!(problems.contains(expected[1]), "{problems}");

    let reading = Reading { drop_bad_clips: true, ..Reading::default() };
    let options = LoadOptions { reading, ..LoadOptions::default() };
    let pool = Pool::load(dir.path(), &options, QUIET).unwrap();
    assert_eq!(shown(&pool.clips), [("b", Some(1), Some(1)), ("c", Some(0), Some(1))]);
    assert_eq!(pool.encoders[0].features.column(0).to_vec(), [1.0, 2.0]);
    assert_eq!(pool.encoders[1].features.column(0).to_vec(), [2.0, 1.0]);
    features(dir.path(), "features/two.npz", &["d", "c", "b", "a"], |_| vec![f32::INFINITY]);
    fails(dir.path(), &options, &["found no clip, expected at least one"], "all bad");
}

#[test]
fn test_rows_keep_their_labels() {
    let pool = load(&pool("filename,fold,label\na,0,x\nb,,y\nc,1,y\nd,test,x\n"));
    assert_eq!(
        shown(&pool.clips),
        [("a", Some(0), Some(0)), ("c", Some(1), Some(1)), ("b", None, Some(1)), ("d", None, Some(0))]
    );
    assert_eq!((pool.indices(Split::Train), pool.indices(Split::Test)), (vec![0, 1], vec![2, 3]));
    let (train, validation) = pool.fold_rows(0).unwrap();
    assert_eq!((train, validation), (vec![1], vec![0]), "a test row is in neither");
}

#[test]
fn an_inspection_warns_of_what_decoding_cannot_give() {
    let text = "filename,fold,group,x,y,z\na,0,Ann,1,1,1\nb,1,Ann,3,7,0\nc,0,Ann,1,3,0\nd,1,Ann,0,0,1\n";
    let survey = Survey::of(pool(text).path(), None, QUIET).unwrap();
    let warnings = survey.warnings.join("\n");
    for expected in [
        "groups in more than one fold: 1 (Ann)",
        "`Ann` is the only group",
        "1 of 4 labelled clips have three or more positive classes",
        "1 of 4 labelled clips blend two classes at ratios other than 30/70, 50/50 and 70/30",
        "classes with fewer than 10 training clips: x 3, y 3, z 2",
    ] {
        assert!(warnings.contains(expected), "expected {expected:?} in\n{warnings}");
    }
    assert_eq!(survey.problems, [""; 0], "warnings stop nothing");
    let text = "filename,fold,group,label\na,0,Ann,x\nb,1,Bo,x\nc,,Ann,x\nd,1,Cy,x\n";
    let survey = Survey::of(pool(text).path(), None, QUIET).unwrap();
    let warnings = survey.warnings.join("\n");
    assert!(warnings.contains("groups with training and test clips: 1 (Ann)"), "{warnings}");
    assert!(!warnings.contains("positive") && !warnings.contains("ratios"), "{warnings}");
    assert_eq!((survey.clips.test, survey.clips.test_labelled), (1, 1));
}

#[test]
fn other_labels_have_another_fingerprint() {
    let of = |text: &str| labels::read(pool(text).path(), None).unwrap().unwrap().fingerprint();
    let first = of("filename,fold,label\na,0,x\nb,1,y\nc,,x\n");
    assert_eq!(first, of("fold,filename,label\r\n0,a,x\r\n1.0,b,y\r\ntest,c,y\r\n"), "the same training clips");
    for other in ["a,1,x\nb,1,y\n", "a,0,y\nb,1,x\n", "a,0,x\nb,1,z\n", "a,0,x\nd,1,y\n"] {
        assert_ne!(first, of(&format!("filename,fold,label\n{other}")), "{other}");
    }
}

// ---------------------------------------------------------------- folds

fn made(dir: &Path, text: &str, n: usize, seed: u64) -> (folds::Folded, String) {
    let (path, out) = (dir.join("in.csv"), dir.join("out.csv"));
    write(&path, text).unwrap();
    let folded = folds::make(&path, n, seed).unwrap();
    folded.write(&out).unwrap();
    (folded, read_to_string(out).unwrap())
}

#[test]
fn folds_are_stratified_and_repeat() {
    let dir = TempDir::new().unwrap();
    let text: String = (0..103).map(|i| format!("clip{i},{}\n", ["x", "x", "y", "z"][i % 4])).collect();
    let text = format!("filename,label\n{text}");
    let (folded, written) = made(dir.path(), &text, 5, 0);
    assert_eq!(folded.strata, ["x", "y", "z"]);
    for stratum in 0..3 {
        let counts: Vec<usize> = (0..5).map(|fold| folded.count(fold, stratum)).collect();
        assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
    }
    assert!(written.starts_with("filename,label,fold\nclip0,x,"), "{written}");
    assert_eq!(written, made(dir.path(), &text, 5, 0).1, "the same seed");
    let (folded, other) = made(dir.path(), &text, 5, 1);
    assert_ne!(written, other, "another seed");
    // What was written is what a pool reads.
    let labels = labels::read(dir.path(), Some(&dir.path().join("out.csv"))).unwrap().unwrap();
    assert_eq!(labels.clips.len(), 103);
    for (clip, row) in labels.clips.iter().zip(&folded.rows) {
        assert_eq!(clip.fold, row.map(|(_, fold)| fold as u32));
    }
}

#[test]
fn folds_split_no_group_and_balance_pairs() {
    let dir = TempDir::new().unwrap();
    // 12 groups of 6 to 17 clips; scores of one class, or of two.
    let mut text = "group,filename,x,y,z\n".to_owned();
    for group in 0..12 {
        for clip in 0..6 + group {
            let scores = ["1,0,0", "0,1,0", "7,3,0", "0,5,5"][(group + clip) % 4];
            text += &format!("g{group},g{group}_{clip},{scores}\n");
        }
    }
    let (folded, _) = made(dir.path(), &text, 4, 3);
    assert_eq!(folded.strata, ["x", "y", "x+y", "y+z"], "classes, then pairs");
    let labels = labels::read(dir.path(), Some(&dir.path().join("out.csv"))).unwrap().unwrap();
    assert_eq!(shared_groups(&labels.clips), [""; 0]);
    assert_eq!((0..4).map(|fold| folded.groups(fold)).sum::<usize>(), 12);
    let total = labels.clips.len() as f64;
    for fold in 0..4 {
        let clips: usize = (0..4).map(|stratum| folded.count(fold, stratum)).sum();
        assert!((clips as f64 - total / 4.0).abs() <= 0.15 * total / 4.0, "fold {fold}: {clips} of {total} clips");
    }
}

#[test]
fn test_rows_stay_test_rows_and_other_columns_stay() {
    let dir = TempDir::new().unwrap();
    let text =
        "filename,fold,note,label\na,0,\"p, q\",x\nb,,,x\nc,test,,x\nd,1,,x\ne,3,,\n".replace("e,3,,\n", "e,,,\n");
    let (folded, written) = made(dir.path(), &text, 2, 0);
    assert_eq!(folded.left(), 3, "an empty fold among numbers, `test`, and a row without a label");
    let rows: Vec<&str> = written.lines().collect();
    assert_eq!(
        (rows[0], rows[2], rows[3], rows[5]),
        ("filename,fold,note,label", "b,test,,x", "c,test,,x", "e,test,,")
    );
    assert!(rows[1].ends_with(",\"p, q\",x"), "{written}");
    // A column of folds that is still empty is one to fill in.
    let (folded, written) = made(dir.path(), "filename,fold,label\na,,x\nb,,x\nc,test,x\n", 2, 0);
    assert_eq!(folded.left(), 1);
    let folds: Vec<&str> = written.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
    assert!(folds == ["0", "1", "test"] || folds == ["1", "0", "test"], "{written}");
}
