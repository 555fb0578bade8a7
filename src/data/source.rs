//! Where the rows of every encoder lie: the feature files of a pool's folder, their clips and widths, before any feature is read.

use super::Modality;
use super::encoders::{self, EncoderList};
use super::npz::NpzReader;
use crate::host::ui::count;
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// One encoder's files, not yet opened.
#[derive(Clone, Debug)]
pub struct Source {
    /// Name of the encoder
    pub name: String,
    /// Modality of the encoder
    pub modality: Modality,
    /// Of `features/`, `features/train/` and `features/test/`, those that have a file of this encoder.
    pub files: Vec<PathBuf>,
}

/// The feature files of a pool.
#[derive(Clone, Debug)]
pub struct Sources {
    /// K encoders in the pool's order.
    pub used: Vec<Source>,
    /// Encoders that have files but are left out, by `encoders.toml` or by choice.
    pub unused: Vec<String>,
}

/// The clips of one encoder's files, and how wide its features are.
#[derive(Clone, Debug)]
pub struct Index {
    /// D_k
    pub width: usize,
    /// For every file its clips, in the order of its rows.
    pub files: Vec<(PathBuf, Vec<String>)>,
}

impl Sources {
    /// Finds the feature files of the pool in `dir`.
    ///
    /// # Errors
    /// If the folder or its features are missing, or `encoders.toml` is bad or lists an encoder without files.
    pub fn find(dir: &Path) -> Result<Self> {
        let mut files = feature_files(dir)?;
        ensure!(
            !files.is_empty(),
            "{}: found no features, expected features/<encoder>.npz or features/train/<encoder>.npz; add them",
            dir.display()
        );
        let Some(list) = EncoderList::read(dir)? else {
            let source = |(name, files): (String, _)| Source { modality: encoders::modality(&name), name, files };
            return Ok(Self { used: files.into_iter().map(source).collect(), unused: Vec::new() });
        };
        let mut used = Vec::new();
        for entry in list.encoder {
            let name = encoders::name(&entry.name).to_owned();
            let Some(files) = files.remove(&name) else {
                bail!(
                    "{}: found encoder `{}` without a file, expected features/{1}.npz; have {:?}; correct the name",
                    dir.join("encoders.toml").display(),
                    entry.name,
                    files.keys()
                );
            };
            let modality = entry.modality.unwrap_or_else(|| encoders::modality(&name));
            used.push(Source { name, modality, files });
        }
        Ok(Self { used, unused: files.into_keys().collect() })
    }
}

impl Sources {
    /// Keeps the encoders of these names, in their order; all where no name is given.
    ///
    /// # Errors
    /// A name that is not there, or there twice.
    pub fn select(mut self, dir: &Path, names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Ok(self);
        }
        let mut used = Vec::new();
        for name in names.iter().map(|name| encoders::name(name)) {
            let Some(place) = self.used.iter().position(|source| source.name == name) else {
                ensure!(
                    !used.iter().any(|source: &Source| source.name == name),
                    "encoder `{name}` is chosen twice; name it once"
                );
                let have =
                    self.used.iter().chain(&used).map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
                bail!("{}: found no encoder `{name}`, have {have}; correct the name", dir.display());
            };
            used.push(self.used.remove(place));
        }
        let left = self.used.into_iter().map(|source| source.name);
        Ok(Self { used, unused: self.unused.into_iter().chain(left).collect() })
    }
}

impl Source {
    /// Reads the clips and the width from the encoder's files, and no features.
    ///
    /// # Errors
    /// If a file is not such an archive, has no columns, names a clip twice, or is as wide as none of the others.
    pub fn index(&self) -> Result<Index> {
        let mut width = None;
        let mut files = Vec::new();
        for path in &self.files {
            let path_name = path.display();
            let mut reader = NpzReader::open(path)?;
            let (rows, columns) = reader.shape("X")?;
            let names = reader.strings("filenames")?;
            ensure!(
                rows == names.len(),
                "{path_name}: found {} in `X` and {} in `filenames`, expected as many; save it again",
                count(rows, "row"),
                count(names.len(), "name")
            );
            ensure!(
                columns > 0,
                "{path_name}: found 0 columns in `X`, expected at least 1; remove the file or save it again"
            );
            let first = *width.get_or_insert(columns);
            ensure!(
                first == columns,
                "{path_name}: found {}, expected {first} as in {}; make both with the same encoder",
                count(columns, "column"),
                self.files[0].display()
            );
            files.push((path.clone(), names));
        }
        let index = Index { width: width.context("an encoder has at least one file")?, files };
        index.check_duplicates()?;
        Ok(index)
    }
}

impl Index {
    /// Every clip of the encoder, with the file it is in.
    pub fn names(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.files.iter().flat_map(|(path, names)| names.iter().map(|name| (path.as_path(), name.as_str())))
    }

    /// The file that holds a clip's row, and the row's number from 0; the front of the first file for a clip that has none.
    pub fn place_of(&self, clip: &str) -> (&Path, usize) {
        let place =
            self.files.iter().find_map(|(path, names)| Some((path, names.iter().position(|name| name == clip)?)));
        place.map_or((&self.files[0].0, 0), |(path, row)| (path, row))
    }

    fn check_duplicates(&self) -> Result<()> {
        let mut seen = HashMap::new();
        for (path, name) in self.names() {
            if let Some(first) = seen.insert(name, path) {
                bail!(
                    "{}: found clip `{name}` again (first in {}), expected every clip once; remove one of the rows",
                    path.display(),
                    first.display()
                );
            }
        }
        Ok(())
    }
}

/// The `.npz` files of a pool by encoder; hidden files, such as macOS leaves beside copies, are passed over.
fn feature_files(dir: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>> {
    ensure!(
        dir.is_dir(),
        "{}: found no such folder, expected a pool with features/ and its labels; correct the path",
        dir.display()
    );
    let features = dir.join("features");
    let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for folder in [features.clone(), features.join("train"), features.join("test")] {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&folder).with_context(|| format!("{}: cannot be listed", folder.display()))? {
            let path = entry.with_context(|| format!("{}: cannot be listed", folder.display()))?.path();
            if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz")) {
                continue;
            }
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
                bail!("{}: found a name that is not UTF-8, expected one that is; rename the file", path.display());
            };
            if !stem.starts_with('.') {
                files.entry(encoders::name(stem).to_owned()).or_default().push(path);
            }
        }
    }
    for (name, files) in &files {
        let other = files.iter().find(|path| path.file_stem() != files[0].file_stem());
        ensure!(
            other.is_none(),
            "found two files of encoder `{name}`, {} and {}, expected one (a trailing `{}` is not part of the name); rename \
             or remove one",
            files[0].display(),
            other.map_or(files[0].display(), |other| other.display()),
            encoders::SUFFIX
        );
    }
    Ok(files)
}
