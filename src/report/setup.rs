//! Section "Setup": commands, device, versions, configuration and data.

use super::experiment::Experiment;
use super::folder::Folder;
use super::page::{self, Cell, Row, Table, command, each, folded};
use super::setting::{Setting, modalities_unknown};
use crate::config::Config;
use maud::{Markup, html};

/// Renders the section; `own` is the command line that created the report.
pub fn section(folders: &[Folder], experiments: &[&Experiment], own: &str) -> Markup {
    html! {
        h3 { "Commands to reproduce" }
        @for folder in folders {
            p { (folder.name) " (" (folder.kind.word()) ")" }
            @match &folder.command {
                Some(text) => (command(text)),
                None => p.note { "Command not recorded." },
            }
        }
        p { "This report" }
        (command(own))
        (environment(folders))
        @if !experiments.is_empty() { h3 { "Configuration" } (configuration(experiments)) }
        (each(experiments, data))
    }
}

fn environment(folders: &[Folder]) -> Table<'_> {
    let row = |folder: &Folder| {
        let text =
            |text: Option<String>| Cell::Text(text.filter(|text| !text.is_empty()).unwrap_or_else(|| "–".into()));
        let device = folder.device.as_ref();
        Row::from(vec![
            Cell::Text(folder.name.clone()),
            Cell::Text(folder.kind.word().into()),
            text(device.map(|device| device.name.clone())),
            text(device.map(|device| {
                [&device.backend, &device.driver]
                    .map(String::as_str)
                    .into_iter()
                    .filter(|part| *part != "none")
                    .collect::<Vec<_>>()
                    .join(" ")
                    .trim()
                    .to_owned()
            })),
            text(folder.versions.as_ref().map(|versions| versions.blendfuse.clone())),
            text(folder.versions.as_ref().map(|versions| versions.wgpu.clone())),
            text(folder.seconds.map(page::duration)),
        ])
    };
    Table {
        name: "environment",
        caption: "Device, versions and wall time.",
        groups: &[],
        columns: &["folder", "kind", "device", "backend and driver", "blendfuse", "wgpu", "wall time"],
        rows: folders.iter().map(row).collect(),
    }
}

fn configuration(experiments: &[&Experiment]) -> Markup {
    let defaults =
        Setting { config: Config::default().to_toml().parse().unwrap_or_default(), encoders: Vec::new() }.flat();
    let flats: Vec<Vec<(String, String)>> = experiments.iter().map(|experiment| experiment.setting.flat()).collect();
    let mut keys: Vec<&String> = defaults.iter().map(|(key, _)| key).collect();
    for (key, _) in flats.iter().flatten() {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let value = |flat: &[(String, String)], key: &str| {
        flat.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    };
    let row = |key: &&String| {
        let values: Vec<Option<String>> = flats.iter().map(|flat| value(flat, key)).collect();
        let default = value(&defaults, key);
        let strong = values.iter().any(|value| value.is_some() && *value != default);
        let cells = [Some((*key).clone()), default].into_iter().chain(values);
        Row { cells: cells.map(|text| Cell::Text(text.unwrap_or_else(|| "–".into()))).collect(), strong }
    };
    let mut rows: Vec<Row> = keys.iter().map(row).collect();
    let changed = rows.iter().filter(|row| row.strong).count();
    // Changed keys first; the order is otherwise kept.
    rows.sort_by_key(|row| !row.strong);
    let names: Vec<&str> = ["key", "default"].into_iter().chain(experiments.iter().map(|e| e.name.as_str())).collect();
    let rest = rows.split_off(changed);
    let others = format!("{} keys at their default value", rest.len());
    html! {
        @if changed == 0 { p { "All keys have their default value." } }
        @else { (Table { name: "changed-keys", caption: "Keys changed from their default.", groups: &[], columns: &names, rows }) }
        @if !rest.is_empty() { (folded(&others, Table { name: "default-keys", caption: "Keys at their default value.", groups: &[], columns: &names, rows: rest })) }
    }
}

fn data(experiment: &Experiment) -> Option<Markup> {
    let encoders = &experiment.setting.encoders;
    let data = experiment.data.as_ref();
    let task = experiment.task();
    let (fold_columns, fold_caption) = match task.has_blends() {
        true => (&["fold", "clips", "blends"][..], "Clips and blends per fold."),
        false => (&["fold", "clips"][..], "Clips per fold."),
    };
    let classes = if task.blemore { "emotions" } else { "classes" };
    let fold = |fold: &crate::data::FoldInfo| {
        let counts = [Cell::Count(fold.fold as usize), Cell::Count(fold.clips), Cell::Count(fold.blends)];
        Row::from(counts.into_iter().take(fold_columns.len()).collect::<Vec<_>>())
    };
    let encoder = |encoder: &crate::data::EncoderInfo| {
        Row::from(vec![
            Cell::Text(encoder.name.clone()),
            if modalities_unknown(encoders) { Cell::None } else { Cell::Text(encoder.modality.to_string()) },
            Cell::Count(encoder.width),
        ])
    };
    let folds = data.map(|data| Table {
        name: "folds",
        caption: fold_caption,
        groups: &[],
        columns: fold_columns,
        rows: data.folds.iter().map(fold).collect(),
    });
    let widths = Table {
        name: "encoders",
        caption: "Encoders and the width of their features.",
        groups: &[],
        columns: &["encoder", "modality", "width"],
        rows: encoders.iter().map(encoder).collect(),
    };
    let name = data.map(|data| data.name.as_str());
    (!encoders.is_empty()).then(|| {
        folded("Data", html! {
            p {
                @if let Some(name) = name { "Pool " code { (name) } ": " }
                (encoders.len()) " encoders" @if !modalities_unknown(encoders) { " (" (experiment.setting.pool()) ")" } ", " (experiment.classes.len()) " " (classes) " (" (experiment.classes.join(", ")) ")"
                @if let Some(neutral) = experiment.neutral.and_then(|neutral| experiment.classes.get(neutral)) { "; " (neutral) " never blends" }
                "."
            }
            @if let Some(folds) = folds { (folds) }
            (widths)
        })
    })
}
