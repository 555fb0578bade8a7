//! `model.safetensors`: named tensors in torch layout, with everything needed to use them. The same contents give the same
//! bytes.

mod fingerprint;
mod header;

pub use crate::data::EncoderInfo;
pub use fingerprint::fingerprint;
pub use header::{FORMAT, Header};

use crate::host::files::write_atomically;
use crate::host::input::open_regular;
use crate::model::features::Scaler;
use crate::model::layout::{Place, Tensor};
use crate::model::{Dims, Model};
use anyhow::{Context as _, Result, bail};
use header::{broken, unreadable};
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// A checkpoint in memory.
pub struct Checkpoint {
    /// Its metadata
    pub header: Header,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

/// Named values in any order.
pub type Snapshot = Vec<(Tensor, Vec<f32>)>;

impl Model {
    /// Reads every tensor of the checkpoint from the device.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn snapshot(&self, scaler: &Scaler) -> Result<Snapshot> {
        let tensors = self.layout.tensors.iter();
        tensors.map(|tensor| Ok((tensor.clone(), self.values(tensor, scaler)?))).collect()
    }

    /// Reads Adam's moments, named `adam.m.` or `adam.v.` and the tensor's name.
    ///
    /// # Errors
    /// If the device is lost.
    pub fn moments(&self) -> Result<Snapshot> {
        let training = self.training.as_ref().expect("the model was made for training");
        let mut snapshot = Vec::new();
        for (prefix, moments) in [("adam.m", &training.m), ("adam.v", &training.v)] {
            for tensor in &self.layout.tensors {
                if let Some((buffer, offset)) = moments.place(tensor.place) {
                    let named = Tensor { name: format!("{prefix}.{}", tensor.name), ..tensor.clone() };
                    snapshot.push((named, self.engine.read(buffer, offset, tensor.len())?));
                }
            }
        }
        Ok(snapshot)
    }

    /// Restores the weights and running statistics of a snapshot, without its standardisation.
    pub fn restore(&self, snapshot: &Snapshot) {
        for (tensor, values) in snapshot {
            if tensor.place != Place::Scaler {
                self.set(tensor, values);
            }
        }
    }

    /// Loads weights and running statistics from a checkpoint.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape.
    pub fn load(&self, checkpoint: &Checkpoint) -> Result<()> {
        for tensor in &self.layout.tensors {
            if tensor.place != Place::Scaler {
                self.set(tensor, checkpoint.get(&tensor.name, &tensor.shape)?);
            }
        }
        Ok(())
    }

    /// Loads Adam's moments from a `last.safetensors`.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape.
    pub fn load_moments(&self, checkpoint: &Checkpoint) -> Result<()> {
        if let Some(training) = &self.training {
            for (prefix, moments) in [("adam.m", &training.m), ("adam.v", &training.v)] {
                for tensor in &self.layout.tensors {
                    if let Some((buffer, offset)) = moments.place(tensor.place) {
                        let name = format!("{prefix}.{}", tensor.name);
                        self.engine.write(buffer, offset, checkpoint.get(&name, &tensor.shape)?);
                    }
                }
            }
        }
        Ok(())
    }

    fn values(&self, tensor: &Tensor, scaler: &Scaler) -> Result<Vec<f32>> {
        if let Some((buffer, offset)) = self.place(tensor.place) {
            return self.engine.read(buffer, offset, tensor.len());
        }
        assert_eq!(tensor.place, Place::Scaler);
        let mut parts = tensor.name.split('.').skip(1);
        let k: usize = parts.next().and_then(|k| k.parse().ok()).expect("standardize.{k}.mean|std");
        Ok(if parts.next() == Some("mean") { scaler.mean[k].clone() } else { scaler.std[k].clone() })
    }
}

impl Checkpoint {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is not a safetensors file, has another format version, or its metadata cannot be parsed.
    pub fn read(path: &Path) -> Result<Self> {
        let (mut file, size) = open_regular(path).with_context(|| unreadable(path))?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(usize::try_from(size)?).with_context(|| unreadable(path))?;
        file.read_to_end(&mut bytes).with_context(|| unreadable(path))?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).with_context(|| broken(path))?;
        let file = SafeTensors::deserialize(&bytes).with_context(|| broken(path))?;
        let header = Header::of(&metadata.metadata().clone().unwrap_or_default(), path)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            if view.dtype() != safetensors::Dtype::F32 {
                bail!("{}: tensor {name} is {:?}, expected F32", path.display(), view.dtype());
            }
            tensors.insert(name, (view.shape().to_vec(), bytemuck::pod_collect_to_vec(view.data())));
        }
        Ok(Self { header, tensors })
    }

    /// Values of the tensor of that name.
    ///
    /// # Errors
    /// If it is missing or has another shape.
    pub fn get(&self, name: &str, shape: &[usize]) -> Result<&[f32]> {
        match self.tensors.get(name) {
            Some((found, values)) if found == shape => Ok(values),
            Some((found, _)) => bail!(
                "checkpoint tensor {name}: found shape {found:?}, expected {shape:?}; use the [model] sizes of the checkpoint"
            ),
            None => bail!(
                "checkpoint tensor {name} is missing; expected shape {shape:?}; use a checkpoint of the same kind of network"
            ),
        }
    }

    /// The standardisation of its training.
    ///
    /// # Errors
    /// As [`Checkpoint::get`].
    pub fn scaler(&self) -> Result<Scaler> {
        let mut scaler = Scaler::default();
        for (k, encoder) in self.header.encoders.iter().enumerate() {
            scaler.mean.push(self.get(&format!("standardize.{k}.mean"), &[encoder.width])?.to_vec());
            scaler.std.push(self.get(&format!("standardize.{k}.std"), &[encoder.width])?.to_vec());
        }
        Ok(scaler)
    }

    /// Sizes and variants of its network.
    ///
    /// # Errors
    /// As [`Dims::new`].
    pub fn dims(&self) -> Result<Dims> {
        self.header.dims()
    }
}

/// Writes a file atomically. Formats the header itself, since its order must not depend on a hash map.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, header: &Header, tensors: &Snapshot) -> Result<()> {
    let mut metadata = serde_json::Map::new();
    let mut put = |key: &str, value: String| metadata.insert(key.into(), value.into());
    put("format", FORMAT.into());
    put("encoders", serde_json::to_string(&header.encoders)?);
    put("classes", serde_json::to_string(&header.classes)?);
    put("neutral", serde_json::to_string(&header.neutral)?);
    put("config", serde_json::to_string(&header.config)?);
    put("thresholds", serde_json::to_string(&header.thresholds)?);
    if let Some(resume) = &header.resume {
        put("resume", resume.clone());
    }
    let mut entries = serde_json::Map::new();
    entries.insert("__metadata__".into(), metadata.into());
    let mut offset = 0;
    let mut sorted: Vec<_> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    for (tensor, values) in &sorted {
        let end = offset + 4 * values.len();
        let entry = serde_json::json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, end] });
        entries.insert(tensor.name.clone(), entry);
        offset = end;
    }
    let mut text = serde_json::to_string(&entries)?;
    // The data begin at a multiple of 8 bytes.
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    write_atomically(path, |file| {
        file.write_all(&(text.len() as u64).to_le_bytes())?;
        file.write_all(text.as_bytes())?;
        for (_, values) in &sorted {
            file.write_all(bytemuck::cast_slice(values))?;
        }
        Ok(())
    })
}
