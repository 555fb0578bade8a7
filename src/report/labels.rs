//! Groups of folders with the same labels; only scores within a group are comparable.

use super::experiment::Experiment;
use super::export;
use super::folder::Folder;
use crate::scoring::metrics::Task;
use maud::{Markup, html};

/// Folders with the same classes, all with or all without two-class blends.
pub struct Group<'a> {
    pub folders: Vec<&'a Folder>,
    pub experiments: Vec<&'a Experiment>,
    /// Kind of labels; `None` if unknown
    pub task: Option<Task>,
    classes: usize,
}

/// Sorted class names, and whether there are two-class blends; `None` if unknown.
type Labels<'a> = Option<(Vec<&'a String>, bool)>;

/// Groups folders by their labels, in the order of their first folders; folders of unknown labels join the first group.
pub fn groups(folders: &[Folder]) -> Vec<Group<'_>> {
    let mut groups: Vec<(Labels, Group)> = Vec::new();
    for folder in folders {
        let key = folder.task.map(|task| {
            let mut classes: Vec<&String> = folder.classes.iter().collect();
            classes.sort();
            (classes, task.pairs > 0)
        });
        let same = |other: &Labels| key.is_none() || other.is_none() || *other == key;
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

/// Merges two kinds of labels.
fn both(a: Task, b: Task) -> Task {
    Task { blemore: a.blemore || b.blemore, pairs: a.pairs.max(b.pairs), larger: a.larger.max(b.larger) }
}

impl Group<'_> {
    /// Returns `cv, baselines (10 classes, one per clip)`.
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

    /// Returns true for BlEmoRE's labels and for unknown ones.
    pub fn is_blemore(&self) -> bool {
        self.task.is_none_or(|task| task.blemore)
    }

    /// Returns true if the experiment belongs to a folder of the group.
    pub fn has(&self, experiment: &Experiment) -> bool {
        self.experiments.iter().any(|own| std::ptr::eq(*own, experiment))
    }
}

/// Renders a part of the page for each group, under its name if there are several.
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

/// Warning if there is more than one group.
pub fn warning(groups: &[Group]) -> Markup {
    let names: Vec<String> = groups.iter().map(Group::name).collect();
    html! {
        @if names.len() > 1 {
            p.alert { b { "Different labels, not comparable: " } (names.join("; ")) ". Each group is shown separately, with the metrics of its own labels." }
        }
    }
}
