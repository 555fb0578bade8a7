//! Feature files, good and bad, for tests.

use blendfuse::data::npz::NpzWriter;
use ndarray::Array2;
use std::fs::create_dir_all;
use std::io::Write as _;
use std::path::Path;

/// Writes an encoder's file with a row per clip.
pub fn features(dir: &Path, file: &str, clips: &[&str], row: impl Fn(usize) -> Vec<f32>) {
    let path = dir.join(file);
    create_dir_all(path.parent().unwrap()).unwrap();
    let values: Vec<f32> = (0..clips.len()).flat_map(&row).collect();
    let matrix = Array2::from_shape_vec((clips.len(), values.len() / clips.len()), values).unwrap();
    let mut writer = NpzWriter::create(&path).unwrap();
    writer.matrix("X", matrix.view()).unwrap();
    writer.strings("filenames", clips).unwrap();
    writer.finish().unwrap();
}

/// A `.npy` file put together by hand, version 1.0.
pub fn npy(descriptor: &str, is_fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descriptor}', 'fortran_order': {is_fortran}, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

/// An `.npz` of arrays put together by hand.
pub fn archive(path: &Path, arrays: &[(&str, Vec<u8>)], compression: zip::CompressionMethod) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default().compression_method(compression);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}
