//! The tuning cache: one small JSON file per adapter, driver and version of blendfuse in the user's cache folder.

use crate::gpu::tiles::Tiles;
use crate::host::files::write_json;
use crate::host::fnv::fnv1a;
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file of one adapter with one driver.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    valid_for: Identity,
}

/// What measurements hold for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    /// Of blendfuse
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

    /// A name of its own, so that two versions or drivers on one machine keep what each of them measured.
    fn file(&self) -> String {
        let parts = [&self.version, &self.adapter, &self.driver];
        format!("{PREFIX}{:016x}.json", fnv1a(parts.iter().flat_map(|part| part.bytes().chain([0]))))
    }
}

#[derive(Serialize, Deserialize)]
struct Contents {
    #[serde(flatten)]
    identity: Identity,
    /// Names of tiles by product
    tiles: BTreeMap<String, String>,
}

/// Where caches are, by the platform's custom.
///
/// # Errors
/// Where the environment names no such place.
pub fn folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library/Caches"))
    } else {
        set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))
    };
    Ok(base.context("found no folder for caches; set XDG_CACHE_HOME, or use --no-tune")?.join("blendfuse"))
}

/// Deletes every file; how many there were.
///
/// # Errors
/// Where one cannot be deleted.
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
    /// The adapter's file in a folder.
    pub fn new(folder: &Path, info: &wgpu::AdapterInfo) -> Self {
        let valid_for = Identity::of(info, env!("CARGO_PKG_VERSION"));
        Self { path: folder.join(valid_for.file()), valid_for }
    }

    /// What it holds; nothing where there is no file.
    ///
    /// # Errors
    /// Where it is damaged, or says that it is of another adapter, version or driver than its name.
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
            bail!("{path}: the tuning cache is stale: it is of blendfuse {version} with driver {driver}");
        }
        let known = |(product, name): (String, String)| match Tiles::named(&name) {
            Some(tiles) => Ok((product, tiles)),
            None => bail!("{path}: the tuning cache is damaged: no tiles are called {name}"),
        };
        contents.tiles.into_iter().map(known).collect()
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, chosen: &BTreeMap<String, &'static Tiles>) -> Result<()> {
        let folder = self.path.parent().expect("it is in a folder");
        std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
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
