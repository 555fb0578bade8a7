//! Files → pool: every format that is read, and every bad input by its message.

use archive::{archive, features, npy};
use blendfuse::data::npz::{NpzReader, NpzWriter};
use blendfuse::data::scan::Survey;
use blendfuse::data::{LoadOptions, Modality, Pool, Reading, Split, labels, standardize};
use blendfuse::host::ui::Ui;
use half::f16;
use ndarray::{Array2, array};
use std::fs::{create_dir_all, read, write};
use std::path::Path;
use tempfile::TempDir;

#[path = "common/archive.rs"]
mod archive;
#[path = "data/labels.rs"]
mod label_files;

const QUIET: Ui = Ui { quiet: true, verbose: false };

/// Two clips of fold 0, one of fold 1; a blend among them.
const METADATA: &str = "\
fold,filename,video_id,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,extra
0,a,A1,0,ang,,,,x
0,b,A1,1,disg,hap,70.0,30.0,
1.0,c,A2,0,neu,NaN,nan,,
";

// ---------------------------------------------------------------- numpy archives

#[test]
fn every_type_order_and_compression_gives_the_same_matrix() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.npz");
    let expected = array![[1.0_f32, -2.5, 3.0], [0.25, 5.0, 65504.0]];
    let c_order: Vec<f32> = expected.iter().copied().collect();
    let fortran: Vec<f32> = expected.t().iter().copied().collect();
    for (values, is_fortran) in [(&c_order, "False"), (&fortran, "True")] {
        let types: [(&str, Vec<u8>); 6] = [
            ("<f2", values.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect()),
            ("<f4", values.iter().flat_map(|x| x.to_le_bytes()).collect()),
            ("<f8", values.iter().flat_map(|x| f64::from(*x).to_le_bytes()).collect()),
            (">f2", values.iter().flat_map(|x| f16::from_f32(*x).to_be_bytes()).collect()),
            (">f4", values.iter().flat_map(|x| x.to_be_bytes()).collect()),
            (">f8", values.iter().flat_map(|x| f64::from(*x).to_be_bytes()).collect()),
        ];
        for (descriptor, data) in types {
            for compression in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
                archive(&path, &[("X", npy(descriptor, is_fortran, "(2, 3)", &data))], compression);
                let matrix = NpzReader::open(&path).unwrap().matrix("X").unwrap();
                assert_eq!(matrix, expected, "{descriptor} fortran {is_fortran} {compression}");
            }
        }
    }
}

#[test]
fn rows_go_to_their_places_across_blocks() {
    // 700 × 500 is more than two blocks of 2¹⁷ values in either order.
    let (rows, columns) = (700, 500);
    let value = |row: usize, column: usize| (row * columns + column) as f32;
    let places: Vec<Option<usize>> = (0..rows).map(|row| (row % 3 != 0).then(|| rows - 1 - row)).collect();
    let mut expected = Array2::from_elem((rows, columns), -1.0);
    for (row, place) in places.iter().enumerate() {
        if let Some(place) = *place {
            expected.row_mut(place).iter_mut().enumerate().for_each(|(column, x)| *x = value(row, column));
        }
    }
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.npz");
    let c_order: Vec<u8> = (0..rows * columns).flat_map(|i| value(i / columns, i % columns).to_le_bytes()).collect();
    let fortran: Vec<u8> = (0..rows * columns).flat_map(|i| value(i % rows, i / rows).to_le_bytes()).collect();
    for (is_fortran, data) in [("False", c_order), ("True", fortran)] {
        archive(&path, &[("X", npy("<f4", is_fortran, "(700, 500)", &data))], zip::CompressionMethod::Deflated);
        let mut target = Array2::from_elem((rows, columns), -1.0);
        NpzReader::open(&path).unwrap().matrix_into("X", &places, target.view_mut()).unwrap();
        assert_eq!(target, expected, "fortran {is_fortran}");
    }
}

#[test]
fn text_of_either_byte_order_and_of_bytes_is_read() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.npz");
    let names = ["a", "zoë", ""];
    let padded = |text: &str| text.chars().chain(std::iter::repeat('\0')).take(4).map(u32::from).collect::<Vec<_>>();
    let little: Vec<u8> = names.iter().flat_map(|name| padded(name)).flat_map(u32::to_le_bytes).collect();
    let big: Vec<u8> = names.iter().flat_map(|name| padded(name)).flat_map(u32::to_be_bytes).collect();
    let bytes = "a\0\0\0zoë\0\0\0\0".as_bytes();
    for (descriptor, data) in [("<U4", &little[..]), (">U4", &big), ("|S4", bytes)] {
        archive(&path, &[("names", npy(descriptor, "False", "(3,)", data))], zip::CompressionMethod::Stored);
        assert_eq!(NpzReader::open(&path).unwrap().strings("names").unwrap(), names, "{descriptor}");
    }
}

#[test]
fn written_archives_are_read_back_and_repeat_to_the_byte() {
    let dir = TempDir::new().unwrap();
    let (first, second) = (dir.path().join("1.npz"), dir.path().join("2.npz"));
    let names = ["a", "zoë", "long_name"];
    let matrix = array![[1.0, 2.0], [3.0, f32::NAN], [5.0, 6.0]];
    for path in [&first, &second] {
        let mut writer = NpzWriter::create(path).unwrap();
        writer.strings("filenames", &names).unwrap();
        writer.matrix("X", matrix.view()).unwrap();
        writer.matrix("transposed", matrix.t()).unwrap();
        writer.strings::<&str>("none", &[]).unwrap();
        assert!(!path.exists(), "the name is taken in finish()");
        writer.finish().unwrap();
    }
    let mut reader = NpzReader::open(&first).unwrap();
    assert_eq!(reader.strings("filenames").unwrap(), names);
    assert_eq!(reader.strings("none").unwrap(), [""; 0]);
    assert_eq!(reader.matrix("transposed").unwrap().row(0), array![1.0, 3.0, 5.0]);
    assert!(reader.matrix("X").unwrap()[[1, 1]].is_nan());
    assert_eq!(read(&first).unwrap(), read(&second).unwrap());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no partial file is left");
}

#[test]
fn bad_archives_are_refused_by_name() {
    let names =
        npy("<U1", "False", "(3,)", &"abc".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect::<Vec<_>>());
    let x = npy("<f4", "False", "(3, 1)", &[0; 12]);
    let resave = "np.savez(path, X=X, filenames=np.asarray(filenames, dtype=str))";
    type Arrays = Vec<(&'static str, Vec<u8>)>;
    let cases: Vec<(&str, Arrays, Vec<&str>)> = vec![
        ("no X", vec![("filenames", names.clone())], vec!["`X` is missing", "[\"filenames\"]", resave]),
        ("no filenames", vec![("X", x.clone())], vec!["`filenames` is missing", resave]),
        (
            "pickled filenames",
            vec![("X", x.clone()), ("filenames", npy("|O", "False", "(3,)", b"\x80\x04\x95."))],
            vec!["`filenames`: found a pickled object array", "never read", resave],
        ),
        (
            "pickled X",
            vec![("X", npy("|O", "False", "(3, 1)", b"\x80\x04\x95.")), ("filenames", names.clone())],
            vec!["`X`: found a pickled object array", resave],
        ),
        (
            "rank 1",
            vec![("X", npy("<f4", "False", "(3,)", &[0; 12])), ("filenames", names.clone())],
            vec!["`X`: found shape [3], expected two dimensions"],
        ),
        (
            "rank 3",
            vec![("X", npy("<f4", "False", "(3, 1, 1)", &[0; 12])), ("filenames", names.clone())],
            vec!["`X`: found shape [3, 1, 1], expected two dimensions"],
        ),
        (
            "filenames of rank 2",
            vec![("X", x.clone()), ("filenames", npy("<U1", "False", "(3, 1)", &[0; 12]))],
            vec!["`filenames`: found shape [3, 1], expected one dimension"],
        ),
        (
            "integers",
            vec![("X", npy("<i4", "False", "(3, 1)", &[0; 12])), ("filenames", names.clone())],
            vec!["`X`: found type <i4, expected float16, float32 or float64"],
        ),
        (
            "numbers for names",
            vec![("X", x.clone()), ("filenames", npy("<f4", "False", "(3,)", &[0; 12]))],
            vec!["`filenames`: found type <f4, expected text"],
        ),
        (
            "data shorter than the shape",
            vec![("X", npy("<f4", "False", "(3, 1)", &[0; 8])), ("filenames", names.clone())],
            vec!["`X`: found 8 bytes, expected 12", "damaged"],
        ),
        (
            "a shape beyond memory",
            vec![("X", npy("<f4", "False", "(4611686018427387904, 4)", &[0; 8])), ("filenames", names.clone())],
            vec!["`X`: found 8 bytes, expected too many", "damaged"],
        ),
        (
            "no npy header",
            vec![("X", b"not an array".to_vec()), ("filenames", names.clone())],
            vec!["`X` cannot be read", "damaged"],
        ),
        (
            "zero columns",
            vec![("X", npy("<f4", "False", "(3, 0)", &[])), ("filenames", names.clone())],
            vec!["found 0 columns in `X`, expected at least 1"],
        ),
        (
            "rows without names",
            vec![("X", npy("<f4", "False", "(2, 1)", &[0; 8])), ("filenames", names.clone())],
            vec!["found 2 rows in `X` and 3 names in `filenames`"],
        ),
    ];
    for (what, arrays, messages) in cases {
        let dir = pool(METADATA);
        archive(&dir.path().join("features/bad.npz"), &arrays, zip::CompressionMethod::Stored);
        let mut messages = messages;
        messages.push("features/bad.npz");
        fails(dir.path(), &LoadOptions::default(), &messages, what);
    }
}

#[test]
fn cut_and_damaged_files_are_refused() {
    let dir = pool(METADATA);
    let path = dir.path().join("features/one.npz");
    let whole = read(&path).unwrap();
    write(&path, &whole[..whole.len() / 2]).unwrap();
    fails(dir.path(), &LoadOptions::default(), &["one.npz", "not a complete zip archive", "cut short"], "cut");
    write(&path, "filename,x\n").unwrap();
    fails(dir.path(), &LoadOptions::default(), &["one.npz", "not a complete zip archive"], "text");

    // One flipped bit in the numbers: only the archive's checksum can tell.
    let one = 1.0_f32.to_le_bytes();
    let at = whole.windows(4).position(|bytes| bytes == one).unwrap();
    let mut flipped = whole;
    flipped[at] ^= 1;
    write(&path, flipped).unwrap();
    fails(dir.path(), &LoadOptions::default(), &["one.npz", "`X`", "cut short or damaged"], "flipped");
}

// ---------------------------------------------------------------- pools

#[test]
fn rows_are_joined_by_name() {
    let dir = pool(METADATA);
    features(dir.path(), "features/two.npz", &["z", "c", "a", "y", "b"], |row| vec![row as f32, 10.0]);
    features(dir.path(), "features/one.npz", &["b", "y", "a", "z", "c"], |row| vec![row as f32]);
    let pool = Pool::load(dir.path(), &LoadOptions::default(), QUIET).unwrap();
    let names: Vec<&str> = pool.clips.iter().map(|clip| clip.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "y", "z"], "metadata order, then clips without labels by name");
    assert_eq!(pool.encoders[0].features.column(0).to_vec(), [2.0, 0.0, 4.0, 1.0, 3.0]);
    assert_eq!(pool.encoders[1].features.column(0).to_vec(), [2.0, 4.0, 1.0, 3.0, 0.0]);
    assert_eq!(pool.widths(), [1, 2]);
    assert_eq!((pool.classes.join(" "), pool.neutral), ("ang disg fea hap sad neu".to_owned(), Some(5)));
    assert_eq!(pool.clips[1].target, Some(vec![0.0, 0.7, 0.0, 0.3, 0.0, 0.0]));
    assert_eq!(pool.clips[2].target, Some(vec![0.0, 0.0, 0.0, 0.0, 0.0, 1.0]));
    assert_eq!(pool.clips[0].group.as_deref(), Some("A1"));
    assert_eq!(pool.indices(Split::Train), [0, 1, 2]);
    assert_eq!(pool.indices(Split::Test), [3, 4]);
    assert_eq!(pool.fold_rows(1).unwrap(), (vec![0, 1], vec![2]));
    let message = pool.fold_rows(7).unwrap_err().to_string();
    assert!(message.contains("fold 7: expected one of the folds {0, 1}"), "{message}");
}

#[test]
fn two_folders_and_one_split() {
    let dir = TempDir::new().unwrap();
    write(dir.path().join("train_metadata.csv"), METADATA).unwrap();
    write(dir.path().join("test_metadata.csv"), "filename,video_id,emotion_1\nt2,A9,\nt1,A8,\n").unwrap();
    let labels_of_tests = "test_metadata.csv: found columns";
    features(dir.path(), "features/train/one.npz", &["c", "b", "a"], |row| vec![row as f32]);
    features(dir.path(), "features/test/one.npz", &["t1", "t2"], |row| vec![10.0 + row as f32]);
    fails(dir.path(), &LoadOptions::default(), &[labels_of_tests, "`emotion_2`"], "half a table");
    write(dir.path().join("test_metadata.csv"), "video_id,filename\nA9,t2\nA8,t1\n").unwrap();
    let both = Pool::load(dir.path(), &LoadOptions::default(), QUIET).unwrap();
    assert_eq!(both.encoders[0].features.column(0).to_vec(), [2.0, 1.0, 0.0, 11.0, 10.0]);
    assert_eq!(both.clips[3].group.as_deref(), Some("A9"));
    assert_eq!((both.clips[3].fold, both.clips[3].target.is_none()), (None, true));
    for (split, expected) in [(Split::Train, vec![2.0, 1.0, 0.0]), (Split::Test, vec![11.0, 10.0])] {
        let options = LoadOptions { split: Some(split), ..LoadOptions::default() };
        let part = Pool::load(dir.path(), &options, QUIET).unwrap();
        assert_eq!(part.encoders[0].features.column(0).to_vec(), expected);
    }
    features(dir.path(), "features/test/one.npz", &["t1", "t2"], |_| vec![1.0, 2.0]);
    fails(
        dir.path(),
        &LoadOptions::default(),
        &["test/one.npz: found 2 columns, expected 1 as in", "train/one.npz"],
        "",
    );
    features(dir.path(), "features/test/one.npz", &["t1", "a"], |_| vec![1.0]);
    fails(dir.path(), &LoadOptions::default(), &["test/one.npz: found clip `a` again", "train/one.npz"], "");
}

#[test]
fn test_clips_need_no_labels_file() {
    let dir = TempDir::new().unwrap();
    features(dir.path(), "features/one.npz", &["b", "a"], |row| vec![row as f32]);
    fails(dir.path(), &LoadOptions::default(), &["found no labels, expected train_metadata.csv or labels.csv"], "");
    let options = LoadOptions { split: Some(Split::Test), ..LoadOptions::default() };
    let pool = Pool::load(dir.path(), &options, QUIET).unwrap();
    assert_eq!(pool.encoders[0].features.column(0).to_vec(), [1.0, 0.0]);
    assert!(pool.classes.is_empty());
}

#[test]
fn missing_rows_stop_or_are_dropped() {
    let dir = pool(METADATA);
    features(dir.path(), "features/two.npz", &["c", "a"], |row| vec![row as f32]);
    let expected = ["found 1 of 3 clips without a row in some encoder", "two lacks 1 (b)", "--allow-missing"];
    fails(dir.path(), &LoadOptions::default(), &expected, "one clip");
    let options =
        LoadOptions { reading: Reading { allow_missing: true, ..Reading::default() }, ..LoadOptions::default() };
    let loaded = Pool::load(dir.path(), &options, QUIET).unwrap();
    assert_eq!(loaded.clips.iter().map(|clip| clip.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(loaded.encoders[1].features.column(0).to_vec(), [1.0, 0.0]);

    let many: Vec<String> = (0..9).map(|i| format!("t{i}")).collect();
    features(dir.path(), "features/two.npz", &many.iter().map(String::as_str).collect::<Vec<_>>(), |_| vec![1.0]);
    let expected = ["found 12 of 12", "one lacks 9 (t0, t1, t2, t3, t4, … and 4 more)"];
    fails(dir.path(), &LoadOptions::default(), &expected, "the first few are listed");
    fails(dir.path(), &options, &["found no clip, expected at least one"], "nothing left");
}

#[test]
fn bad_features_are_refused() {
    let dir = pool(METADATA);
    features(dir.path(), "features/two.npz", &["c", "b", "a"], |row| vec![1.0, if row < 2 { f32::NAN } else { 1.0 }]);
    let expected = ["two.npz: found 2 NaN or infinite features in encoder `two`", "first in clip `b`"];
    fails(dir.path(), &LoadOptions::default(), &expected, "NaN");
    features(dir.path(), "features/two.npz", &["c", "b", "a"], |_| vec![f32::NEG_INFINITY]);
    fails(dir.path(), &LoadOptions::default(), &["found 3 NaN or infinite", "first in clip `a`"], "infinite");
    // Finite in the file, but not in float32.
    for (values, found) in [
        ([1e300, -1e39, 1.0], "found 2 features too large for float32 (3.4e38) in encoder `two`"),
        ([1e300, 1.0, f64::NAN], "found 1 NaN or infinite feature and 1 feature too large for float32 (3.4e38)"),
    ] {
        let x = values.iter().flat_map(|x: &f64| x.to_le_bytes()).collect::<Vec<_>>();
        let arrays = [("X", npy("<f8", "False", "(3, 1)", &x)), ("filenames", npy("|S1", "False", "(3,)", b"cba"))];
        archive(&dir.path().join("features/two.npz"), &arrays, zip::CompressionMethod::Stored);
        fails(dir.path(), &LoadOptions::default(), &[found], "too large");
        let problems = Survey::of(dir.path(), None, QUIET).unwrap().problems;
        assert!(problems.len() == 1 && problems[0].starts_with("two: found ") && problems[0].contains("too large"));
    }
    features(dir.path(), "features/two.npz", &["c", "b", "a", "b"], |_| vec![1.0]);
    fails(dir.path(), &LoadOptions::default(), &["two.npz: found clip `b` again"], "duplicate");
}

#[test]
fn missing_folders_and_too_many_encoders_are_refused() {
    let dir = TempDir::new().unwrap();
    let none = LoadOptions::default();
    fails(&dir.path().join("nowhere"), &none, &["nowhere: found no such folder", "correct the path"], "folder");
    write(dir.path().join("train_metadata.csv"), METADATA).unwrap();
    fails(dir.path(), &none, &["found no features, expected features/<encoder>.npz"], "no features/");
    create_dir_all(dir.path().join("features")).unwrap();
    write(dir.path().join("features/._one.npz"), "left by a copy").unwrap();
    fails(dir.path(), &none, &["found no features"], "empty features/");
    for k in 0..257 {
        write(dir.path().join(format!("features/{k}.npz")), "").unwrap();
    }
    fails(dir.path(), &none, &["found 257 encoders, expected at most 256", "encoders.toml"], "K > 256");
}

#[test]
fn encoders_toml_sets_order_modality_and_use() {
    let dir = pool(METADATA);
    for name in ["imagebind", "WavLM-Large", "hicmae_last"] {
        features(dir.path(), &format!("features/{name}.npz"), &["a", "b", "c"], |row| vec![row as f32]);
    }
    let names = |dir: &Path| {
        let pool = Pool::load(dir, &LoadOptions::default(), QUIET).unwrap();
        pool.encoders.into_iter().map(|encoder| (encoder.name, encoder.modality)).collect::<Vec<_>>()
    };
    let expected = [
        ("WavLM-Large".to_owned(), Modality::Audio),
        ("hicmae_last".to_owned(), Modality::Multimodal),
        ("imagebind".to_owned(), Modality::Video),
        ("one".to_owned(), Modality::Unknown),
    ];
    assert_eq!(names(dir.path()), expected);
    let list = dir.path().join("encoders.toml");
    write(&list, "[[encoder]]\nname = 'one'\nmodality = 'audio'\n[[encoder]]\nname = 'imagebind'\n").unwrap();
    assert_eq!(names(dir.path()), [("one".to_owned(), Modality::Audio), ("imagebind".to_owned(), Modality::Video)]);
    write(&list, "[[encoder]]\nname = 'one'\nmodality = 'skin conductance'\n[[encoder]]\nname = 'imagebind'\nmodality = 'VIDEO'\n").unwrap();
    let words: Vec<String> = names(dir.path()).into_iter().map(|(_, modality)| modality.to_string()).collect();
    assert_eq!(words, ["skin conductance", "video"], "any word; the paper's in any case");

    let cases = [
        ("[[encoder]]\nname = 'clip'", "found encoder `clip` without a file, expected features/clip.npz"),
        ("[[encoder]]\nname = 'one'\n[[encoder]]\nname = 'one'", "found `one` twice"),
        ("encoder = []", "found no encoder"),
        ("[[encoder]]\nname = 'one'\nmodality = ' '", "modality \" \", expected a word"),
        ("[[encoder]]\nname = 'one'\nuse = true", "unknown field `use`"),
    ];
    for (text, message) in cases {
        write(&list, text).unwrap();
        fails(dir.path(), &LoadOptions::default(), &["encoders.toml", message], text);
    }
}

#[test]
fn the_challenges_suffix_is_not_part_of_an_encoders_name() {
    let dir = pool(METADATA);
    features(dir.path(), "features/wavlm_large_static_features.npz", &["a", "b", "c"], |row| vec![row as f32]);
    let load = |options: &LoadOptions| Pool::load(dir.path(), options, QUIET).unwrap().infos();
    let expected = [("one".to_owned(), Modality::Unknown), ("wavlm_large".to_owned(), Modality::Audio)];
    let found: Vec<_> = load(&LoadOptions::default()).into_iter().map(|info| (info.name, info.modality)).collect();
    assert_eq!(found, expected);
    // Lists and configurations of older versions have the whole stem.
    for name in ["wavlm_large", "wavlm_large_static_features"] {
        write(dir.path().join("encoders.toml"), format!("[[encoder]]\nname = '{name}'\n")).unwrap();
        assert_eq!(load(&LoadOptions::default())[0].name, "wavlm_large");
        let options = LoadOptions { encoders: vec![name.into()], ..LoadOptions::default() };
        assert_eq!(load(&options)[0].name, "wavlm_large");
    }
    features(dir.path(), "features/train/wavlm_large.npz", &["a", "b", "c"], |row| vec![row as f32]);
    let expected = [
        "found two files of encoder `wavlm_large`",
        "features/wavlm_large_static_features.npz",
        "features/train/wavlm_large.npz",
    ];
    fails(dir.path(), &LoadOptions::default(), &expected, "one name for two files");
}

// ---------------------------------------------------------------- labels

#[test]
fn bad_metadata_is_refused_with_its_line() {
    let head = "filename,fold,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\na,0,ang,,,\n";
    let cases = [
        ("b,0,joy,,,", "line 3: found unknown class `joy` in emotion_1, expected one of [\"ang\""),
        ("b,0,ang,joy,50,50", "line 3: found unknown class `joy` in emotion_2"),
        ("b,0,ang,hap,70,20", "line 3: found saliences 70 and 20, expected saliences that sum to 100"),
        ("b,0,ang,hap,,", "line 3: found saliences nothing and nothing, expected saliences that sum to 100"),
        ("b,0,ang,,70,", "line 3: found saliences 70 and nothing, expected 100 or nothing"),
        ("b,0,ang,hap,x,30", "line 3: found `x` in emotion_1_salience"),
        ("b,0,ang,hap,130,-30", "line 3: found `-30` in emotion_2_salience"),
        ("b,0,ang,ang,70,30", "line 3: found `ang` as both emotions"),
        ("b,0,,ang,,", "line 3: found emotion_2 without emotion_1"),
        ("b,0,,,,", "line 3: found no emotion_1"),
        ("a,0,hap,,,", "line 3: found `a` again (first on line 2)"),
        ("b,two,hap,,,", "line 3: found fold `two`, expected a whole number from 0"),
        ("b,-1,hap,,,", "line 3: found fold `-1`"),
        ("b,0.5,hap,,,", "line 3: found fold `0.5`"),
        ("b,,hap,,,", "line 3: found no fold"),
        (",0,hap,,,", "line 3: found no filename"),
        ("b,0,hap,,", "cannot be read as a CSV table"),
    ];
    for (row, message) in cases {
        let dir = pool(&format!("{head}{row}\n"));
        fails(dir.path(), &LoadOptions::default(), &["train_metadata.csv", message], row);
    }
    let dir = pool("filename,fold,emotion_1,emotion_1_salience,emotion_2_salience\na,0,ang,,\n");
    fails(dir.path(), &LoadOptions::default(), &["train_metadata.csv", "expected a column `emotion_2`"], "column");
    let dir = pool(METADATA);
    write(dir.path().join("test_metadata.csv"), "filename\na\n").unwrap();
    fails(dir.path(), &LoadOptions::default(), &["`a` in train_metadata.csv and in test_metadata.csv"], "both");
}

#[test]
fn metadata_may_be_as_pandas_leaves_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("any.csv");
    let text = "\u{feff}emotion_2_salience,emotion_1_salience,fold,emotion_2,emotion_1,filename,note\r\n\
                30.0,70.0,4.0,hap,ang,\"A1_mix\",\"a, b\"\r\nNaN,100,3,NaN,sad,A2_sad,\r\n0,100,,nan,neu,A3_neu,\r\n";
    write(&path, text).unwrap();
    let labels = labels::read_file(&path, None).unwrap();
    assert_eq!(labels.clips[0].target, Some(vec![0.7, 0.0, 0.0, 0.3, 0.0, 0.0]));
    assert_eq!(labels.clips.iter().map(|clip| clip.fold).collect::<Vec<_>>(), [Some(4), Some(3), None]);
    assert_eq!(labels.clips[2].split, Split::Test);
    assert_eq!(labels.clips[2].target, Some(vec![0.0, 0.0, 0.0, 0.0, 0.0, 1.0]));
}

#[test]
fn groups_come_from_either_column() {
    for column in ["group", "video_id"] {
        let dir = TempDir::new().unwrap();
        features(dir.path(), "features/one.npz", &["a", "b", "c"], |row| vec![row as f32]);
        let text = format!("filename,fold,{column},x,y\na,0,Ann,1,0\nb,1,Ann,0,1\nc,1,,1,0\n");
        write(dir.path().join("labels.csv"), text).unwrap();
        let pool = Pool::load(dir.path(), &LoadOptions::default(), QUIET).unwrap();
        assert_eq!(pool.classes, ["x", "y"], "{column} is no class");
        let groups: Vec<_> = pool.clips.iter().map(|clip| clip.group.as_deref()).collect();
        assert_eq!(groups, [Some("Ann"), Some("Ann"), None]);
        assert_eq!(blendfuse::data::shared_groups(&pool.clips), ["Ann"]);
        let warnings = Survey::of(dir.path(), None, QUIET).unwrap().warnings.join("\n");
        assert!(warnings.contains("groups in more than one fold: 1 (Ann)"), "only BlEmoRE's are actors: {warnings}");
    }
    let dir = pool(&METADATA.replace("extra", "group"));
    fails(dir.path(), &LoadOptions::default(), &["train_metadata.csv: found columns `video_id` and `group`"], "both");
}

#[test]
fn any_task_has_labels_csv() {
    let dir = TempDir::new().unwrap();
    features(dir.path(), "features/one.npz", &["a", "b", "c", "d"], |row| vec![row as f32]);
    let path = dir.path().join("labels.csv");
    write(&path, "filename,calm,fold,neutral\nd,,test,\nb,3,0,1\nc,1,,0\na,0.5,1,\n").unwrap();
    let pool = Pool::load(dir.path(), &LoadOptions::default(), QUIET).unwrap();
    assert_eq!((pool.classes.join(" "), pool.neutral), ("calm neutral".to_owned(), Some(1)));
    let clips: Vec<_> = pool.clips.iter().map(|clip| (clip.name.as_str(), clip.fold, clip.target.clone())).collect();
    let expected = [
        ("b", Some(0), Some(vec![0.75, 0.25])),
        ("a", Some(1), Some(vec![1.0, 0.0])),
        ("d", None, None),
        ("c", None, Some(vec![1.0, 0.0])),
    ];
    assert_eq!(clips, expected);

    let cases = [
        ("filename,fold,x,y\na,0,0,0\n", "line 2: found labels that sum to 0"),
        ("filename,fold,x,y\na,0,,\n", "line 2: found labels that sum to 0"),
        ("filename,fold,x,y\na,0,1,two\n", "line 2: found `two` in y, expected a score of 0 or more"),
        ("filename,fold,x,y\na,0,1,-1\n", "line 2: found `-1` in y"),
        ("filename,fold,x,y\na,0,1,inf\n", "line 2: found `inf` in y"),
        ("clip,fold,x,y\na,0,0,1\n", "expected a column `filename`"),
        ("filename,fold\na,0\n", "either a column `label` or one column of scores per class"),
        ("filename,fold,x,x\na,0,1,1\n", "found repeated column names"),
        ("filename,fold,x\na,0,1\na,0,1\n", "line 3: found `a` again"),
        ("filename,fold,group,video_id,x\na,0,g,v,1\n", "found columns `video_id` and `group`, expected one"),
    ];
    for (text, message) in cases {
        write(&path, text).unwrap();
        fails(dir.path(), &LoadOptions::default(), &["labels.csv", message], text);
    }
    write(dir.path().join("train_metadata.csv"), METADATA).unwrap();
    fails(dir.path(), &LoadOptions::default(), &["found labels.csv and BlEmoRE's metadata"], "both kinds");
}

// ---------------------------------------------------------------- standardisation

#[test]
fn standardisation_uses_the_given_rows_and_keeps_small_deviations() {
    // Column 1 sits on 8 192 with a deviation of 1/4: in one f32 pass its variance would drown. Column 2 is constant.
    #[rustfmt::skip]
    let features = array![
        [1.0, 8_192.0, 0.1],
        [3.0, 8_192.5, 0.1],
        [99.0, 0.0, 0.7],
        [5.0, 8_192.0, 0.1],
        [7.0, 8_192.5, 0.1],
    ];
    let (mean, std) = standardize::columns(features.view(), &[0, 1, 3, 4]);
    assert_eq!(mean.to_vec(), [4.0, 8_192.25, 0.1]);
    assert_eq!(std.to_vec(), [5.0_f32.sqrt(), 0.25, 1.0]);
}

#[test]
fn standardisation_is_the_same_in_every_block_of_columns() {
    let wide = Array2::from_shape_fn((9, 1_300), |(row, column)| (row * (column % 7 + 1)) as f32);
    let rows: Vec<usize> = (0..9).collect();
    let (mean, std) = standardize::columns(wide.view(), &rows);
    for column in 0..1_300 {
        let scale = (column % 7 + 1) as f32;
        assert_eq!(mean[column], 4.0 * scale);
        // population variance of 0..=8 is 60/9; f32 rounds the root once on either side
        assert!((std[column] - scale * (60.0_f32 / 9.0).sqrt()).abs() <= 2e-6 * scale, "column {column}");
    }
}

// ---------------------------------------------------------------- inspect

#[test]
fn a_survey_counts_everything_and_lists_every_problem() {
    let dir = pool(METADATA);
    features(dir.path(), "features/one.npz", &["t", "c", "b", "a"], |row| {
        vec![row as f32, if row == 0 { 1.0 } else { 2.0 }]
    });
    features(dir.path(), "features/two.npz", &["t", "b", "a"], |row| vec![if row == 1 { f32::NAN } else { 0.0 }]);
    write(dir.path().join("features/zero.npz"), "no archive").unwrap();
    let survey = Survey::of(dir.path(), None, QUIET).unwrap();
    let [one, two, zero] = &survey.encoders[..] else { panic!("{survey:?}") };
    assert_eq!((one.width, one.train_rows, one.test_rows, one.missing_rows), (Some(2), Some(3), Some(1), Some(0)));
    assert_eq!((one.non_finite, one.constant_columns), (Some(0), Some(1)), "constant over training rows");
    assert_eq!((two.missing_rows, two.non_finite, two.constant_columns), (Some(1), Some(1), Some(0)));
    assert_eq!((zero.width, zero.missing_rows), (None, None));
    let clips = &survey.clips;
    assert_eq!((clips.train, clips.test, clips.singles, clips.blends), (3, 1, 2, 1));
    assert_eq!((clips.train_groups, clips.test_groups), (2, 0));
    assert_eq!(clips.folds.iter().map(|(fold, count)| (*fold, *count)).collect::<Vec<_>>(), [(0, 2), (1, 1)]);
    assert_eq!(clips.classes.iter().map(|class| class.singles).collect::<Vec<_>>(), [1, 0, 0, 0, 0, 1]);
    assert_eq!(clips.classes.iter().map(|class| class.blends).collect::<Vec<_>>(), [0, 1, 0, 1, 0, 0]);
    let problems = survey.problems.join("\n");
    assert_eq!(survey.problems.len(), 3, "{problems}");
    for problem in ["zero.npz: found a file that is not", "two: found no row for 1 clip, the first `c`", "in clip `b`"]
    {
        assert!(problems.contains(problem), "{problem} is not in\n{problems}");
    }
}

#[test]
fn inspect_prints_tables_or_json_and_fails_on_problems() {
    let inspect = |dir: &Path, arguments: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("blendfuse").unwrap();
        command.arg("inspect").arg(dir).args(arguments).assert()
    };
    let dir = pool(METADATA);
    let output = inspect(dir.path(), &[]).success();
    let text = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    for expected in ["one", "unknown", "3 training clips of 2 actors: 2 singles, 1 blend", "clips per fold: 0: 2, 1: 1"]
    {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    let output = inspect(dir.path(), &["--json"]).success();
    let json: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(json["encoders"][0]["width"], 1);
    assert_eq!(json["clips"]["folds"]["0"], 2);
    assert_eq!(json["problems"], serde_json::json!([]));

    features(dir.path(), "features/two.npz", &["a", "b"], |_| vec![1.0]);
    let output = inspect(dir.path(), &["--json"]).code(1);
    let json: serde_json::Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(json["problems"], serde_json::json!(["two: found no row for 1 clip, the first `c`"]));
    let error = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    assert!(error.contains("found 1 problem,"), "{error}");
}

// ---------------------------------------------------------------- fixtures

/// A pool of clips a, b, c with the features 0, 1, 2 of one encoder.
fn pool(metadata: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    write(dir.path().join("train_metadata.csv"), metadata).unwrap();
    features(dir.path(), "features/one.npz", &["a", "b", "c"], |row| vec![row as f32]);
    dir
}

/// Loading fails with one line, causes included, that contains every one of `messages`.
fn fails(dir: &Path, options: &LoadOptions, messages: &[&str], case: &str) {
    let error = match Pool::load(dir, options, QUIET) {
        Ok(_) => panic!("{case}: loaded, expected an error with {messages:?}"),
        Err(error) => format!("{error:#}"),
    };
    for message in messages {
        assert!(error.contains(message), "{case}: found {error:?}, expected {message:?} in it");
    }
}
