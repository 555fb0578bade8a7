//! Which folders have the same labels: only their scores stand on one axis and in one order.

use super::experiment::Experiment;
use super::export;
use super::folder::Folder;
use crate::scoring::metrics::Task;
use maud::{Markup, html};

/// Folders of the same classes, all with or all without blends of two.
pub struct Group<'a> {
    pub folders: Vec<&'a Folder>,
    pub experiments: Vec<&'a Experiment>,
    /// What the labels of all of them can give; `None` where no file tells any
    pub task: Option<Task>,
    classes: usize,
}

/// In the order of their first folders; a folder of unknown labels stands with the first one.
pub fn groups(folders: &[Folder]) -> Vec<Group<'_>> {
    let mut groups: Vec<(Option<(Vec<&String>, bool)>, Group)> = Vec::new();
    for folder in folders {
        let key = folder.task.map(|task| {
            let mut classes: Vec<&String> = folder.classes.iter().collect();
            classes.sort();
            (classes, task.pairs > 0)
        });
        let same = |other: &Option<_>| key.is_none() || other.is_none() || *other == key;
        let place = groups.iter().position(|(other, _)| same(other)).unwrap_or_else(|| {
            groups.push((None, Group { folders: Vec::new(), experiments: Vec::new(), task: None, classes: 0 }));
            groups.len() - 1
        });
        let (known, group) = &mut groups[place];
        group.folders.push(folder);
        group.experiments.extend(&folder.experiment);
        group.task = [group.task, folder.task].into_iter().flatten().reduce(both);
        group.classes = group.classes.max(folder.classes.len());
        *known = known.take().or(key);
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// What two sets of labels can give together.
fn both(a: Task, b: Task) -> Task {
    Task { blemore: a.blemore || b.blemore, pairs: a.pairs.max(b.pairs), larger: a.larger.max(b.larger) }
}

impl Group<'_> {
    /// `cv, baselines (10 classes, one per clip)`
    pub fn name(&self) -> String {
        let labels = match self.task {
            None => "unknown labels".into(),
            Some(task) if task.blemore && task.pairs > 0 => "BlEmoRE's emotions and blends".into(),
            Some(task) if task.has_blends() => format!("{} classes and blends", self.classes),
            Some(_) => format!("{} classes, one per clip", self.classes),
        };
        format!("{} ({labels})", self.folder_names().join(", "))
    }

    fn folder_names(&self) -> Vec<&str> {
        self.folders.iter().map(|folder| folder.name.as_str()).collect()
    }

    /// Unknown labels are taken for BlEmoRE's.
    pub fn is_blemore(&self) -> bool {
        self.task.is_none_or(|task| task.blemore)
    }

    /// The experiment is one of these folders'.
    pub fn has(&self, experiment: &Experiment) -> bool {
        self.experiments.iter().any(|own| std::ptr::eq(*own, experiment))
    }
}

/// Part of the page about scores: group by group, each under its name where there are several.
pub fn each_group(groups: &[Group], part: impl Fn(&Group) -> Markup) -> Markup {
    if let [one] = groups {
        return part(one);
    }
    html! {
        @for group in groups {
            @let body = export::within(&group.folder_names().join(" "), || part(group));
            @if !body.0.is_empty() { h3 { (group.name()) } (body) }
        }
    }
}

/// What to know of several groups.
pub fn warning(groups: &[Group]) -> Markup {
    let names: Vec<String> = groups.iter().map(Group::name).collect();
    html! {
        @if names.len() > 1 {
            p.alert { b { "Not comparable, other labels: " } (names.join("; ")) ". Each is scored by the metrics of its own labels and shown apart; a score of \
                       one says nothing about a score of another." }
        }
    }
}
