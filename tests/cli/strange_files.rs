//! Files that were made to break a reader: none hangs, none takes memory that it does not fill, each is named.

use crate::archive::{archive, features, npy};
use crate::workspace::Workspace;
use std::process::Command;
use std::time::Instant;
use zip::CompressionMethod::{Deflated, Stored};

const CLIPS: [&str; 4] = ["a", "b", "c", "d"];

/// Four clips, one encoder `one`.
fn pool() -> Workspace {
    let work = Workspace::empty();
    work.write("pool/labels.csv", "filename,fold,label\na,0,x\nb,0,y\nc,1,x\nd,1,y\n");
    features(&work.path("pool"), "features/one.npz", &CLIPS, |row| vec![row as f32, 1.0]);
    work
}

/// `inspect` and `train` refuse the pool within two seconds each.
fn refused(work: &Workspace, messages: &[&str]) {
    for line in ["-q inspect pool", "-q train --data pool --out run --device cpu"] {
        let begun = Instant::now();
        let said = work.run(line);
        let seconds = begun.elapsed().as_secs_f64();
        assert_eq!(said.code, 1, "{line}: {}{}", said.stdout, said.stderr);
        for message in messages {
            assert!(
                (said.stdout.clone() + &said.stderr).contains(message),
                "{line}: expected {message:?} in\n{}{}",
                said.stdout,
                said.stderr
            );
        }
        assert!(seconds < 2.0, "{line}, {messages:?}: {seconds:.1} s");
        assert!(!work.path("run").exists(), "{line}: nothing is written");
    }
}

/// An archive with `X` of some bytes and good names.
fn with_x(work: &Workspace, x: Vec<u8>) {
    archive(&work.path("pool/features/one.npz"), &[("X", x), ("filenames", names())], Stored);
}

fn names() -> Vec<u8> {
    let text: Vec<u8> = CLIPS.iter().flat_map(|clip| u32::from(clip.as_bytes()[0]).to_le_bytes()).collect();
    npy("<U1", "False", "(4,)", &text)
}

#[test]
fn nested_brackets_in_a_header() {
    let work = pool();
    for bracket in ["(", "[", "{"] {
        with_x(&work, npy("<f4", "False", &bracket.repeat(500), &[]));
        refused(&work, &["one.npz: `X` cannot be read: found ", " in a header, expected ", "save it again"]);
    }
}

#[test]
fn a_header_that_claims_four_gigabytes() {
    let work = pool();
    with_x(&work, b"\x93NUMPY\x02\x00\xf0\xff\xff\xff{'descr'".to_vec());
    refused(&work, &["one.npz: `X` cannot be read: found a header of 4294967280 bytes, expected at most 65536"]);
}

#[test]
fn a_structured_type() {
    let work = pool();
    let header = "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (4,)}";
    let mut x = b"\x93NUMPY\x01\x00".to_vec();
    x.extend((header.len() as u16).to_le_bytes());
    x.extend(header.bytes());
    with_x(&work, x);
    refused(&work, &["one.npz: `X` cannot be read: found a structured type, expected a plain one such as '<f4'"]);
}

/// The directory of a zip file claims 4 GB; the data are a few bytes.
#[test]
fn an_archive_that_lies_about_its_size() {
    let work = pool();
    let path = work.path("pool/features/one.npz");
    let x = npy("<f4", "False", "(4, 268435456)", &[0; 64]);
    archive(&path, &[("X", x.clone()), ("filenames", names())], Deflated);
    let mut bytes = std::fs::read(&path).unwrap();
    // The uncompressed size in the central directory: 24 bytes behind its signature.
    let at = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap() + 24;
    bytes[at..at + 4].copy_from_slice(&0xffff_ff00u32.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    refused(&work, &["one.npz: `X`: found ", "that claim to hold 4294967040: the file is damaged"]);
}

/// Zeros deflate to a thousandth: what they unpack to is limited, and a process with 4 GB neither aborts nor is killed.
#[test]
#[cfg(unix)]
fn bombs_are_refused_where_memory_is_short() {
    let work = pool();
    let path = work.path("pool/features/one.npz");
    let zeros = vec![0; 64 << 20];
    let cases = [
        (npy("<f4", "False", "(4, 4194304)", &zeros), names(), "expected at most 16777216 clips and 1048576 columns"),
        (npy("<f4", "False", "(4, 1)", &[0; 16]), npy("<U4194304", "False", "(4,)", &zeros), "expected at most 16384"),
        (npy("<f4", "False", "(16777217, 1)", &zeros), names(), "16777216 clips"),
    ];
    for (x, filenames, expected) in cases {
        let x = if expected == "16777216 clips" { npy("<f2", "False", "(33554432, 1)", &zeros) } else { x };
        archive(&path, &[("X", x), ("filenames", filenames)], Deflated);
        let line = format!("ulimit -v 4194304; exec {} inspect pool", env!("CARGO_BIN_EXE_blendfuse"));
        let output = Command::new("bash").args(["-c", &line]).current_dir(work.path("")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "expected {expected:?} in\n{said}");
    }
}

/// Opening a pipe waits for a writer that never comes.
#[test]
#[cfg(unix)]
fn a_pipe_in_place_of_a_file() {
    let work = pool();
    for file in ["features/one.npz", "labels.csv"] {
        let path = work.path("pool").join(file);
        let before = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        refused(&work, &[file, "found a pipe, socket or device, expected a file"]);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, before).unwrap();
    }
}

/// Linux takes any bytes as a name.
#[test]
#[cfg(target_os = "linux")]
fn a_name_that_is_not_utf8() {
    use std::os::unix::ffi::OsStrExt as _;
    let work = pool();
    let name = std::ffi::OsStr::from_bytes(b"tw\xffo.npz");
    std::fs::copy(work.path("pool/features/one.npz"), work.path("pool/features").join(name)).unwrap();
    refused(&work, &["found a name that is not UTF-8, expected one that is; rename the file"]);
}

#[test]
fn too_many_classes() {
    let work = Workspace::empty();
    let clips: Vec<String> = (0..50_000).map(|clip| format!("c{clip}")).collect();
    let names: Vec<&str> = clips.iter().map(String::as_str).collect();
    features(&work.path("pool"), "features/one.npz", &names, |row| vec![row as f32]);
    let rows: Vec<String> = clips.iter().map(|clip| format!("{clip},0,class {clip}")).collect();
    work.write("pool/labels.csv", &format!("filename,fold,label\n{}\n", rows.join("\n")));
    refused(&work, &["labels.csv: found 50000 classes, expected at most 4096"]);
    let columns: Vec<String> = (0..50_000).map(|class| format!("k{class}")).collect();
    work.write("pool/labels.csv", &format!("filename,fold,{}\nc0,0{}\n", columns.join(","), ",1".repeat(50_000)));
    refused(&work, &["labels.csv: found 50000 classes, expected at most 4096"]);
}
