//! The tuning cache: a JSON file per adapter, driver and blendfuse version in the user's cache folder.

use crate::gpu::tiles::Tiles;
use crate::host::files::write_json;
use crate::host::fnv::fnv1a;
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The cache file of one adapter, driver and version.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    valid_for: Identity,
}

/// What the measurements of a file apply to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    /// Version of blendfuse
    version: String,
    adapter: String,
    driver: String,
}

impl Identity {
    fn of(info: &wgpu::AdapterInfo, version: &str) -> Self {
        Self {
            version: version.into(),
            adapter: format!("{} ({}, {:04x}:{:04x})", info.name, info.backend, info.vendor, info.device),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        }
    }

    /// Returns a unique file name, so that two versions or drivers on one machine do not share a file.
    fn file(&self) -> String {
        let parts = [&self.version, &self.adapter, &self.driver];
        format!("{PREFIX}{:016x}.json", fnv1a(parts.iter().flat_map(|part| part.bytes().chain([0]))))
    }
}

#[derive(Serialize, Deserialize)]
struct Contents {
    #[serde(flatten)]
    identity: Identity,
    /// Names of the fastest tiles by product
    tiles: BTreeMap<String, String>,
}

/// Returns the platform's cache folder for blendfuse.
///
/// # Errors
/// If the environment variables that name it are not set.
pub fn folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library/Caches"))
    } else {
        set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))
    };
    Ok(base.context("found no cache folder; set XDG_CACHE_HOME, or use --no-tune")?.join("blendfuse"))
}

/// Deletes every cache file in `folder`, and returns their number.
///
/// # Errors
/// If a file cannot be deleted.
pub fn clear(folder: &Path) -> Result<usize> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        entries => entries.with_context(|| format!("{}: cannot be read", folder.display()))?,
    };
    let mut deleted = 0;
    for entry in entries {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX)) {
            std::fs::remove_file(&path).with_context(|| format!("{}: cannot be deleted", path.display()))?;
            deleted += 1;
        }
    }
    Ok(deleted)
}

const PREFIX: &str = "tiles-";

impl Cache {
    /// The cache file of an adapter in `folder`.
    pub fn new(folder: &Path, info: &wgpu::AdapterInfo) -> Self {
        let valid_for = Identity::of(info, env!("CARGO_PKG_VERSION"));
        Self { path: folder.join(valid_for.file()), valid_for }
    }

    /// Reads the chosen tiles by product; empty if there is no file.
    ///
    /// # Errors
    /// If it is damaged, or was written for another adapter, version or driver.
    pub fn read(&self) -> Result<BTreeMap<String, &'static Tiles>> {
        let path = self.path.display();
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            text => text.with_context(|| format!("{path}: the tuning cache cannot be read"))?,
        };
        let contents: Contents =
            serde_json::from_str(&text).with_context(|| format!("{path}: the tuning cache is damaged"))?;
        if contents.identity != self.valid_for {
            let Identity { version, driver, .. } = contents.identity;
            bail!("{path}: the tuning cache is stale: written by blendfuse {version} with driver {driver}");
        }
        let known = |(product, name): (String, String)| match Tiles::named(&name) {
            Some(tiles) => Ok((product, tiles)),
            None => bail!("{path}: the tuning cache is damaged: unknown tiles {name}"),
        };
        contents.tiles.into_iter().map(known).collect()
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, chosen: &BTreeMap<String, &'static Tiles>) -> Result<()> {
        let folder = self.path.parent().expect("a cache file is in a folder");
        std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
        let tiles = chosen.iter().map(|(product, tiles)| (product.clone(), tiles.name.to_owned())).collect();
        let contents = Contents { identity: self.valid_for.clone(), tiles };
        write_json(&self.path, &contents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_and_drivers_keep_files_of_their_own() {
        let identity = |version: &str, adapter: &str, driver: &str| {
            let [version, adapter, driver] = [version, adapter, driver].map(str::to_owned);
            Identity { version, adapter, driver }.file()
        };
        let file = identity("1.0", "card", "driver 7");
        assert_eq!(file, identity("1.0", "card", "driver 7"));
        for other in [("1.1", "card", "driver 7"), ("1.0", "card", "driver 8"), ("1.0", "cards", "driver 7")] {
            assert_ne!(file, identity(other.0, other.1, other.2));
        }
        assert!(file.starts_with(PREFIX) && file.ends_with(".json"), "{file}");
    }
}
