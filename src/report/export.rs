//! Figures and tables as files: SVG and PDF, CSV and LaTeX, under stable names.
//!
//! `html!` renders to text immediately. Figures and tables therefore register here while the page is rendered, so that all of
//! them can be saved.

pub mod csv;
mod font;
pub mod latex;
mod pdf;
pub mod svg;
pub mod uri;

use super::chart::Drawing;
use crate::host::files::write_atomically;
use crate::host::outputs;
use anyhow::{Context as _, Result, bail};
use std::cell::RefCell;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A figure or a table of a report.
pub struct Exhibit {
    /// File name without extension: `fig-importance-by-modality`, `table-scores`
    pub name: String,
    pub(super) content: Content,
}

/// Contents of the files.
pub enum Content {
    Figure(Drawing),
    Table { csv: String, latex: String },
}

#[derive(Default)]
struct Notes {
    /// Part of the page that is being rendered, for the names
    part: Option<String>,
    exhibits: Vec<Exhibit>,
}

thread_local! {
    static NOTES: RefCell<Notes> = RefCell::default();
}

/// Renders a page; returns it with its figures and tables.
pub fn collect<T>(make: impl FnOnce() -> T) -> (T, Vec<Exhibit>) {
    NOTES.set(Notes::default());
    let made = make();
    (made, NOTES.take().exhibits)
}

/// Renders a part of a page; the names of its figures and tables end with `part`.
pub fn within<T>(part: &str, make: impl FnOnce() -> T) -> T {
    let before = NOTES.with_borrow_mut(|notes| notes.part.replace(slug(part)));
    let made = make();
    NOTES.with_borrow_mut(|notes| notes.part = before);
    made
}

/// Renders one of several parts as [`within`]; a single part adds no name.
pub fn within_one_of<T>(parts: usize, part: &str, make: impl FnOnce() -> T) -> T {
    if parts > 1 { within(part, make) } else { make() }
}

/// Registers a figure or a table and returns its unique name.
pub fn note(stem: &str, content: Content) -> String {
    NOTES.with_borrow_mut(|notes| {
        let name = match &notes.part {
            // Some titles already begin with the part's name.
            Some(part) if !stem.starts_with(&format!("fig-{part}-")) => format!("{stem}-{part}"),
            _ => stem.to_owned(),
        };
        let taken = |name: &String| notes.exhibits.iter().any(|exhibit| exhibit.name == *name);
        let numbered = (2..).map(|i| format!("{name}-{i}"));
        let name = [name.clone()].into_iter().chain(numbered).find(|name| !taken(name)).expect("numbers do not end");
        notes.exhibits.push(Exhibit { name: name.clone(), content });
        name
    })
}

/// Returns `fig-importance-by-modality` for `Figure 3: importance by modality`: only titles for BlEmoRE's labels have the
/// paper's numbers, so names omit them.
pub fn figure_stem(title: &str) -> String {
    let numbered = title.strip_prefix("Figure ").and_then(|rest| rest.split_once(": "));
    let numbered = numbered.filter(|(number, _)| number.parse::<usize>().is_ok());
    format!("fig-{}", slug(numbered.map_or(title, |(_, rest)| rest)))
}

/// Reduces a text to lower-case letters, digits and hyphens.
pub fn slug(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    if words.is_empty() { "unnamed".into() } else { words.join("-") }
}

/// The files of [`write()`].
pub struct Written {
    /// Paths of the files
    pub files: Vec<PathBuf>,
    /// Differences from the page
    pub warnings: Vec<String>,
}

/// Writes two files for each figure and table; `force` overwrites existing files.
///
/// # Errors
/// An existing file without `force` (nothing is written), or a file that cannot be written.
pub fn write(exhibits: &[Exhibit], folder: &Path, inputs: &[(&str, PathBuf)], force: bool) -> Result<Written> {
    let path = |exhibit: &Exhibit, extension: &str| folder.join(format!("{}.{extension}", exhibit.name));
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut warnings = Vec::new();
    for exhibit in exhibits {
        match &exhibit.content {
            Content::Figure(drawing) => {
                let pdf = pdf::write(drawing);
                if !pdf.unknown.is_empty() {
                    let unknown: String = pdf.unknown.iter().collect();
                    let path = path(exhibit, "pdf");
                    warnings.push(format!(
                        "{}: the standard PDF fonts lack {unknown}, shown as \"?\"; use the SVG file instead",
                        path.display()
                    ));
                }
                files.push((path(exhibit, "svg"), svg::file(drawing).into_bytes()));
                files.push((path(exhibit, "pdf"), pdf.bytes));
            }
            Content::Table { csv, latex } => {
                files.push((path(exhibit, "csv"), csv.clone().into_bytes()));
                files.push((path(exhibit, "tex"), latex.clone().into_bytes()));
            }
        }
    }
    let existing: Vec<&PathBuf> = files.iter().map(|(path, _)| path).filter(|path| !force && path.exists()).collect();
    if let Some(first) = existing.first() {
        let others = if existing.len() > 1 { format!(" and {} more", existing.len() - 1) } else { String::new() };
        bail!("{}{others}: found existing files, expected none; overwrite them with --force", first.display());
    }
    if folder.exists() {
        let outputs: Vec<(&str, &Path)> = files.iter().map(|(path, _)| ("--figures", path.as_path())).collect();
        outputs::check(&outputs, inputs, force)?;
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot be created", folder.display()))?;
    for (path, bytes) in &files {
        write_atomically(path, |file| Ok(file.write_all(bytes)?))?;
    }
    Ok(Written { files: files.into_iter().map(|(path, _)| path).collect(), warnings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_and_are_unique() {
        assert_eq!(figure_stem("Figure 3: importance by modality"), "fig-importance-by-modality");
        assert_eq!(figure_stem("Importance by modality"), "fig-importance-by-modality");
        assert_eq!(figure_stem("Temperature τ"), "fig-temperature");
        let ((), exhibits) = collect(|| {
            for part in ["cv", "CV!", "ü"] {
                within(part, || note("fig-loss", Content::Figure(Drawing::default())));
            }
            note("fig-loss", Content::Figure(Drawing::default()));
        });
        let ((), own) = collect(|| {
            within("cv", || note("fig-cv-run-by-run", Content::Figure(Drawing::default())));
        });
        assert_eq!(own[0].name, "fig-cv-run-by-run");
        let names: Vec<String> = exhibits.into_iter().map(|exhibit| exhibit.name).collect();
        assert_eq!(names, ["fig-loss-cv", "fig-loss-cv-2", "fig-loss-unnamed", "fig-loss"]);
    }
}
