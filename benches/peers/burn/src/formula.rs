//! Values by formula, identical in every peer, so that their results can be compared.
//! `benches/peers/torch_peer.py` has the same functions.

use burn::tensor::{Device, Tensor, TensorData};

/// A tensor of the given shape with values uniform over ±bound.
pub fn tensor<const D: usize>(name: &str, shape: [usize; D], bound: f64, device: &Device) -> Tensor<D> {
    let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|i| value(seed(name), i, bound)).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// As `tensor`, in burn's shape of weights (inputs, outputs), from values in PyTorch's (outputs, inputs).
pub fn transposed(name: &str, inputs: usize, outputs: usize, bound: f64, device: &Device) -> Tensor<2> {
    let at = |i: usize| value(seed(name), i % outputs * inputs + i / outputs, bound);
    let values: Vec<f32> = (0..inputs * outputs).map(at).collect();
    Tensor::from_data(TensorData::new(values, [inputs, outputs]), device)
}

/// Soft targets (rows, classes): every third row is one emotion, the others are 70/30.
pub fn targets(rows: usize, classes: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0f32; rows * classes];
    for row in 0..rows {
        let (first, blend) = (row % classes, row % 3 != 0);
        values[row * classes + first] = if blend { 0.7 } else { 1.0 };
        if blend {
            values[row * classes + (first + 1 + row / classes % (classes - 1)) % classes] = 0.3;
        }
    }
    Tensor::from_data(TensorData::new(values, [rows, classes]), device)
}

/// The rows of one step, all different.
pub fn batch(step: usize, batch: usize, rows: usize) -> Vec<i32> {
    (0..batch).map(|i| ((step * batch + i) * 7919 % rows) as i32).collect()
}

/// 32-bit FNV-1a.
fn seed(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Element i of the tensor: a 32-bit mix (Wellons' lowbias32) of its index and the seed.
fn value(seed: u32, i: usize, bound: f64) -> f32 {
    let mut x = (i as u32).wrapping_add(seed);
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    x ^= x >> 16;
    ((f64::from(x >> 8) / f64::from(1u32 << 23) - 1.0) * bound) as f32
}
