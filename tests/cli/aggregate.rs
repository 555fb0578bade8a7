//! Frame features become a pool's features: numpy's values, clips without a usable frame, and every bad folder by its
//! message.
//!
//! Expected rows were computed by numpy 2.4 from float64: `np.concatenate([x.mean(0), x.std(0), *[np.percentile(x, p,
//! axis=0) for p in (10, 25, 50, 75, 90)]])`.

use crate::archive::npy;
use crate::workspace::Workspace;
use half::f16;
use std::fs;

/// Numbers that float16 holds exactly.
const EVEN: [[f64; 2]; 4] = [[1.0, 10.0], [2.0, -20.0], [4.0, 30.0], [8.0, 0.5]];
#[rustfmt::skip]
const EVEN_ROW: [f64; 14] = [
    3.75, 5.125, 2.680951323690902, 17.9943567542716, 1.3, -13.849999999999998, 1.75, -4.625, 3.0, 5.25, 5.0, 15.0,
    6.800000000000001, 24.000000000000004,
];
const ODD: [[f64; 2]; 5] = [[1.0, 10.0], [2.0, -20.0], [4.0, 30.0], [8.0, 0.5], [-3.5, 7.0]];
#[rustfmt::skip]
const ODD_ROW: [f64; 14] = [
    2.3, 5.5, 3.762977544445356, 16.112107248898266, -1.7, -11.799999999999999, 1.0, 0.5, 2.0, 7.0, 4.0, 10.0, 6.4, 22.0,
];

impl Workspace {
    /// Writes `<clip>.npy` with float64 frames.
    fn frames<const D: usize>(&self, file: &str, frames: &[[f64; D]]) {
        let data: Vec<u8> = frames.as_flattened().iter().flat_map(|x| x.to_le_bytes()).collect();
        self.bytes_to(file, &npy("<f8", "False", &format!("({}, {D})", frames.len()), &data));
    }

    fn bytes_to(&self, file: &str, bytes: &[u8]) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The row of a clip in an encoder's file is as expected, within 1e-6 of its size: float32 holds seven digits.
    fn has_row(&self, npz: &str, clip: &str, expected: &[f64]) {
        let names = self.strings(npz, "filenames");
        let row = names.iter().position(|name| name == clip).unwrap_or_else(|| panic!("no {clip} in {names:?}"));
        let x = self.matrix(npz, "X");
        assert_eq!(x.ncols(), expected.len(), "{clip}");
        for (place, (found, expected)) in x.row(row).iter().zip(expected).enumerate() {
            let error = (f64::from(*found) - expected).abs();
            assert!(error <= 1e-6 * expected.abs().max(1.0), "{clip}, column {place}: {found}, expected {expected}");
        }
    }
}

#[test]
fn arrays_of_every_type_order_and_length() {
    let work = Workspace::empty();
    work.frames("frames/even.npy", &EVEN);
    work.frames("frames/odd.npy", &ODD);
    work.frames("frames/one.npy", &[[3.25, -7.0]]);
    let flat = EVEN.as_flattened();
    let halves: Vec<u8> = flat.iter().flat_map(|x| f16::from_f64(*x).to_le_bytes()).collect();
    work.bytes_to("frames/half.npy", &npy("<f2", "False", "(4, 2)", &halves));
    let singles: Vec<u8> = flat.iter().flat_map(|x| (*x as f32).to_be_bytes()).collect();
    work.bytes_to("frames/big_endian.NPY", &npy(">f4", "False", "(4, 2)", &singles));
    let by_columns: Vec<u8> = (0..8).flat_map(|i| (EVEN[i % 4][i / 4] as f32).to_le_bytes()).collect();
    work.bytes_to("frames/fortran.npy", &npy("<f4", "True", "(4, 2)", &by_columns));
    work.write("frames/._even.npy", "left by macOS");
    work.write("frames/notes.txt", "not a clip");

    let said = work.ok("aggregate --input frames --encoder clip");
    let names = ["big_endian", "even", "fortran", "half", "odd", "one"];
    assert_eq!(work.strings("clip.npz", "filenames"), names);
    for clip in ["big_endian", "even", "fortran", "half"] {
        work.has_row("clip.npz", clip, &EVEN_ROW);
    }
    work.has_row("clip.npz", "odd", &ODD_ROW);
    work.has_row(
        "clip.npz",
        "one",
        &[3.25, -7.0, 0.0, 0.0, 3.25, -7.0, 3.25, -7.0, 3.25, -7.0, 3.25, -7.0, 3.25, -7.0],
    );
    for expected in ["clip (video)", "6\n", "22, 22 used", "2 per frame, 14 per clip", "clip.npz"] {
        assert!(said.stdout.contains(expected), "expected {expected:?} in\n{}", said.stdout);
    }
    assert_eq!(said.stderr, "");
}

#[test]
fn many_frames_far_from_zero() {
    let work = Workspace::empty();
    let frames: Vec<[f64; 1]> = (0..1001).map(|t| [f64::from((t * 37) % 101) / 7.0 + 1000.0]).collect();
    work.frames("frames/long.npy", &frames);
    work.ok("aggregate --input frames --encoder prosody");
    let expected = [
        1007.1420008562866,
        4.1670503269100125,
        1001.4285714285714,
        1003.5714285714286,
        1007.1428571428571,
        1010.7142857142857,
        1012.8571428571429,
    ];
    work.has_row("prosody.npz", "long", &expected);
}

/// Spaces as OpenFace puts them; of five frames three count. Columns: 2 AU_r, 1 AU_c, 1 pose, 1 gaze.
const OPENFACE: &str = "frame, face_id, timestamp, confidence, success, gaze_0_x, pose_Tx, AU01_r, AU02_r, AU01_c
1, 0, 0.000, 0.98, 1, 0.1, 5, 0.5, 1.5, 1
2, 0, 0.033, 0.02, 0, 0.0, 0, 9.0, 9.0, 0
3, 0, 0.067, 0.98, 1, 0.1, 5, 1.25, -0.5, 1
4, 0, 0.100, 0.00, 0, -nan(ind), 0, nan, nan, 0
5, 0, 0.133, 0.98, 1, 0.1, 5, 3.0, 0.25, 1
";
#[rustfmt::skip]
const AU_ROW: [f64; 14] = [
    1.5833333333333333, 0.4166666666666667, 1.0474837574980447, 0.8249579113843054, 0.65, -0.35, 0.875, -0.125, 1.25, 0.25,
    2.125, 0.875, 2.65, 1.25,
];

#[test]
fn openface_tables() {
    let work = Workspace::empty();
    work.write("openface/a.csv", OPENFACE);
    // The same with its columns in another order.
    let swapped = "AU02_r,success,AU01_r,pose_Tx,gaze_0_x,AU01_c
1.5,1,0.5,5,.1,1
-0.5,1.0,1.25,5,.1,1
8,0,8,8,8,8
0.25,1,3,5,.1,1
";
    work.write("openface/b.csv", swapped);
    let said = work.ok("aggregate --input openface --encoder au --columns AU*_r");
    assert!(said.stdout.contains("9, 6 used") && said.stdout.contains("(unknown)"), "{}", said.stdout);
    for clip in ["a", "b"] {
        work.has_row("au.npz", clip, &AU_ROW);
    }
    work.ok("aggregate --input openface --encoder swapped --columns AU02_r,AU01_r");
    let swapped: Vec<f64> = AU_ROW.chunks(2).flat_map(|pair| [pair[1], pair[0]]).collect();
    work.has_row("swapped.npz", "b", &swapped);

    // By default the action units' intensities, then pose, then gaze; `all` is every feature in the first file's order.
    let columns = |arguments: &str, encoder: &str| {
        work.ok(&format!("aggregate --input openface --encoder {encoder} {arguments}"));
        let x = work.matrix(&format!("{encoder}.npz"), "X");
        (x.row(0).to_vec(), x.row(1).to_vec())
    };
    let means = |row: &[f32], n: usize| row[..n].iter().map(|x| (x * 1e4).round() / 1e4).collect::<Vec<_>>();
    let (a, b) = columns("", "default");
    assert_eq!((means(&a, 4), a.len()), (vec![1.5833, 0.4167, 5.0, 0.1], 28));
    assert_eq!(a, b);
    let (a, b) = columns("--columns all", "all");
    assert_eq!((means(&a, 5), a.len()), (vec![0.1, 5.0, 1.5833, 0.4167, 1.0], 35));
    assert_eq!(a, b);
}

#[test]
fn clips_without_a_usable_frame() {
    let work = Workspace::empty();
    work.write("openface/a.csv", "success,AU01_r\n1,2\n1,4\n");
    work.write("openface/b.csv", "success,AU01_r\n1,10\n");
    work.write("openface/c.csv", "success,AU01_r\n0,2\n0,4\n");
    work.write("openface/d.csv", "success,AU01_r\n");
    work.write("openface/e.csv", "success,AU01_r\n1,nan\n");
    work.write("openface/t.csv", "success,AU01_r\n1,100\n");
    work.write("labels.csv", "filename,fold,calm\na,0,1\nb,1,1\nc,0,1\nd,1,1\nt,test,\n");
    let aggregate = "aggregate --input openface --columns AU01_r --encoder au";
    let why = "no frame: d; no frame with success == 1: c; a value that is NaN, infinite or too large for float32 in every frame: e";
    let found = format!("openface: found 3 of 6 clips without a usable frame: {why}");
    work.fails(aggregate, &[&found, "--missing drop", "--missing mean --labels train_metadata.csv"]);

    let said = work.ok(&format!("-q {aggregate} --missing drop"));
    assert_eq!(said.stderr, format!("warning: dropped 3 of 6 clips without a usable frame: {why}\n"));
    assert_eq!(work.strings("au.npz", "filenames"), ["a", "b", "t"]);
    assert!(said.stdout.contains("clips     3, 3 skipped"), "{}", said.stdout);
    work.has_row("au.npz", "b", &[10.0, 0.0, 10.0, 10.0, 10.0, 10.0, 10.0]);

    // The mean of a and b: t is no training clip, and f, which only the labels know, has no file.
    work.write("more.csv", "filename,fold,calm\na,0,1\nb,1,1\nc,0,1\nd,1,1\nf,2,1\nt,test,\n");
    let said =
        work.ok("-q aggregate --input openface --columns AU01_r --encoder mean --missing mean --labels more.csv");
    let why = format!("no file: f; {why}");
    let told =
        format!("warning: filled 4 of 7 clips without a usable frame with the mean of 2 training clips: {why}\n");
    assert_eq!(said.stderr, told);
    assert_eq!(work.strings("mean.npz", "filenames"), ["a", "b", "c", "d", "e", "f", "t"]);
    for clip in ["c", "d", "e", "f"] {
        // a: mean 3, std 1, percentiles 2.2, 2.5, 3, 3.5, 3.8; b: 10, 0, 10, …
        work.has_row("mean.npz", clip, &[6.5, 0.5, 6.1, 6.25, 6.5, 6.75, 6.9]);
    }
    work.has_row("mean.npz", "t", &[100.0, 0.0, 100.0, 100.0, 100.0, 100.0, 100.0]);

    work.write("others.csv", "filename,fold,calm\nx,0,1\nt,test,\n");
    let line = "aggregate --input openface --columns AU01_r --encoder other --missing mean --labels others.csv";
    work.fails(line, &["found no usable frame of any training clip in others.csv", "clip names match"]);
}

#[test]
fn frames_that_are_not_finite() {
    let work = Workspace::empty();
    let mut frames = ODD.to_vec();
    frames[4][1] = f64::NAN;
    work.frames("frames/a.npy", &frames);
    // Finite in the file, but not in the float32 that is written.
    work.frames("frames/b.npy", &[EVEN[0], EVEN[1], EVEN[2], [1e39, 0.0], EVEN[3]]);
    let found =
        ["a.npy: found NaN or infinite values in 1 of 5 frames, first in frame 5, column 2", "--drop-bad-frames"];
    work.fails("aggregate --input frames --encoder clip", &found);
    let only_large = "aggregate --input large --encoder clip";
    work.frames("large/b.npy", &[EVEN[0], [1e39, 0.0]]);
    work.fails(only_large, &["b.npy: found values too large for float32 (3.4e38) in 1 of 2 frames"]);
    let said = work.ok("aggregate --input frames --encoder clip --drop-bad-frames");
    assert!(said.stdout.contains("10, 8 used"), "{}", said.stdout);
    for clip in ["a", "b"] {
        work.has_row("clip.npz", clip, &EVEN_ROW);
    }
}

#[test]
fn bad_folders() {
    let work = Workspace::empty();
    work.frames("good/a.npy", &EVEN);
    let fails = |folder: &str, arguments: &str, messages: &[&str]| {
        work.fails(&format!("aggregate --input {folder} --encoder clip {arguments}"), messages);
    };
    fails("nowhere", "", &["nowhere: cannot be listed", "give the folder"]);
    work.write("empty/a.txt", "");
    fails("empty", "", &["empty: found no .npy or .csv files"]);
    work.frames("mixed/a.npy", &EVEN);
    work.write("mixed/b.csv", OPENFACE);
    fails("mixed", "", &["mixed: found mixed/a.npy and mixed/b.csv, expected files of one kind"]);
    work.frames("widths/a.npy", &EVEN);
    work.frames("widths/b.npy", &[[1.0, 2.0, 3.0]]);
    fails("widths", "", &["widths/b.npy: found 3 columns, expected 2 as in widths/a.npy"]);
    work.bytes_to("none/a.npy", &npy("<f8", "False", "(0,)", &[]));
    work.bytes_to("none/b.npy", &npy("<f4", "False", "(0, 2)", &[]));
    fails("none", "", &["none: found no frame in any of 2 files"]);
    fails("good", "--columns AU01_r", &["good: found .npy files, which have no column names", "omit --columns"]);

    work.write("table/a.csv", "frame,AU01_r\n1,2\n");
    fails("table", "", &["table/a.csv: found no column `success`"]);
    work.write("openface/a.csv", OPENFACE);
    let unknown = ["openface/a.csv: found no column `AU1_r`, expected one of its 10 columns; did you mean `AU01_r`?"];
    fails("openface", "--columns AU1_r", &unknown);
    work.write("openface/b.csv", "success,pose_Tx\n1,2\n");
    fails("openface", "--columns AU01_r", &["openface/b.csv: found no column `AU01_r`, expected it in every file"]);
    work.write("cells/a.csv", "success, AU01_r\n1, 2\n1, high\n");
    let cell = ["cells/a.csv, line 3: found `high` in column `AU01_r`, expected a number"];
    fails("cells", "--columns all", &cell);
    work.write("cut/a.csv", "success,AU01_r\n1,2\n1\n");
    fails("cut", "--columns all", &["cut/a.csv: cannot be read as a CSV table", "because: "]);
}

#[test]
fn bad_arrays() {
    let work = Workspace::empty();
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("pickle", npy("|O", "False", "(2, 1)", b"\x80\x04\x95."), "found a pickled object array, which is never read"),
        ("integers", npy("<i8", "False", "(1, 1)", &[0; 8]), "found type <i8, expected float16, float32 or float64"),
        ("line", npy("<f4", "False", "(2,)", &[0; 8]), "found shape [2], expected two dimensions (frames, columns)"),
        ("cube", npy("<f4", "False", "(1, 2, 1)", &[0; 8]), "found shape [1, 2, 1], expected two dimensions"),
        ("no_columns", npy("<f4", "False", "(2, 0)", &[]), "found 0 columns, expected at least 1"),
        ("cut", npy("<f4", "False", "(3, 1)", &[0; 8]), "found 8 bytes, expected 12"),
        ("text", b"1.5 2.5".to_vec(), "cannot be read: found a header that is cut short; the file is damaged"),
    ];
    for (name, bytes, message) in cases {
        work.bytes_to(&format!("{name}/clip.npy"), &bytes);
        let line = format!("aggregate --input {name} --encoder {name}");
        work.fails(&line, &[&format!("{name}/clip.npy"), message]);
    }
}

#[test]
fn output_files() {
    let work = Workspace::empty();
    work.frames("frames/a.npy", &EVEN);
    let fails = |arguments: &str, message: &str| {
        work.fails(&format!("aggregate --input frames {arguments}"), &[message]);
    };
    fails("--encoder clip --out features.npz", "features.npz: expected a file named clip.npz, since the stem");
    fails("--encoder clip --out clip", "clip: expected a file named clip.npz");
    fails("--encoder a/b", "--encoder a/b: expected a valid file name");
    fails("--encoder .hidden", "--encoder .hidden: expected a valid file name that does not begin with a dot");
    fails("--encoder clip --out nowhere/clip.npz", "nowhere/clip.npz: found no folder nowhere");
    work.write("clip.npz", "mine");
    fails("--encoder clip", "clip.npz: found an existing file, expected a new one");
    fs::create_dir(work.path("openface_2.0.npz")).unwrap();
    fails("--encoder openface_2.0", "openface_2.0.npz: found a folder");
}

/// From frames to a model: the pool that `synth` made, with one encoder more.
#[test]
fn an_aggregated_encoder_joins_a_pool() {
    let work = Workspace::with_pool();
    let clips = [work.table("pool/train_metadata.csv"), work.table("pool/test_metadata.csv")].concat();
    for (place, clip) in clips.iter().enumerate() {
        let start = place as f64;
        work.frames(&format!("frames/{}.npy", clip["filename"]), &[[start, 1.0], [start + 1.0, -1.0], [2.0, 0.0]]);
    }
    fs::remove_file(work.path("pool/encoders.toml")).unwrap();
    work.ok("aggregate --input frames --encoder imagebind --out pool/features/imagebind.npz");
    let report = work.ok("inspect pool --json").json();
    let encoders = report["encoders"].as_array().unwrap();
    let added = encoders.iter().find(|encoder| encoder["name"] == "imagebind").unwrap();
    assert_eq!((&added["width"], &added["modality"]), (&14.into(), &"video".into()));
    assert_eq!((&added["train_rows"], &added["missing_rows"]), (&486.into(), &0.into()));
    work.train("cpu", "--out run --fold 0 --set train.max_epochs=1");
}
