//! What every part of the page is made of: sections, figures, tables, code to copy.

use super::experiment::Experiment;
use crate::scores::Spread;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

/// A part of the page with its place in the table of contents.
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub body: Markup,
}

/// The whole page, with its style and its few lines of script inside.
pub fn page(title: &str, lead: &str, sections: &[Section]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · blendfuse report" }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                a.skip href="#main" { "To the report" }
                nav aria-label="Contents" {
                    b.brand { "blendfuse" }
                    ol { @for section in sections { li { a href=(format!("#{}", section.id)) { (section.title) } } } }
                    button #theme type="button" { "light or dark" }
                }
                main #main {
                    h1 { (title) }
                    p.lead { (lead) }
                    @for section in sections {
                        section #(section.id) aria-labelledby=(format!("{}-title", section.id)) {
                            h2 id=(format!("{}-title", section.id)) { (section.title) }
                            (section.body)
                        }
                    }
                }
                div #tip role="status" hidden {}
                script { (PreEscaped(include_str!("page.js"))) }
            }
        }
    };
    page.into_string()
}

/// A drawing under what it shows.
pub fn figure(title: &str, caption: impl Render, body: Markup) -> Markup {
    html! {
        figure {
            figcaption { b { (title) } " " (caption) }
            div.scroll tabindex="0" role="group" aria-label=(title) { (body) }
        }
    }
}

/// Figures side by side as far as there is room.
pub struct Grid(pub Vec<Markup>);

impl Render for Grid {
    fn render(&self) -> Markup {
        html! { div.grid { @for part in &self.0 { (part) } } }
    }
}

/// The same, for wider figures.
pub struct WideGrid(pub Vec<Markup>);

impl Render for WideGrid {
    fn render(&self) -> Markup {
        html! { div.grid.wide { @for part in &self.0 { (part) } } }
    }
}

/// Which colour is which experiment; nothing to say of a single one.
pub fn legend(experiments: &[&Experiment]) -> Markup {
    html! {
        @if experiments.len() > 1 {
            p.legend { @for (i, experiment) in experiments.iter().enumerate() { span { i class=(format!("chip s{i}")) {} (experiment.name) } } }
        }
    }
}

/// Part of the page about one experiment: its name stands above where there are several.
pub fn each(experiments: &[&Experiment], part: impl Fn(&Experiment) -> Option<Markup>) -> Markup {
    html! {
        @for (i, experiment) in experiments.iter().enumerate() {
            @if let Some(body) = part(experiment) {
                @if experiments.len() > 1 { h3.of { i class=(format!("chip s{i}")) {} (experiment.name) } }
                (body)
            }
        }
    }
}

/// What stands in a table, and by what it is sorted.
pub enum Cell {
    Text(String),
    Count(usize),
    /// To three decimals
    Number(f64),
    /// To five decimals
    Precise(f64),
    Spread(Spread),
    None,
}

impl Cell {
    pub fn number(value: Option<f64>) -> Self {
        value.map_or(Self::None, Self::Number)
    }

    pub fn spread(value: Option<Spread>) -> Self {
        value.map_or(Self::None, Self::Spread)
    }

    fn key(&self) -> Option<f64> {
        match self {
            Self::Text(_) => None,
            Self::Count(value) => Some(*value as f64),
            Self::Number(value) | Self::Precise(value) => Some(*value),
            Self::Spread(spread) => Some(spread.mean),
            // Below everything that has a value.
            Self::None => Some(-1e9),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(value) => value.to_string(),
            Self::Number(value) => format!("{value:.3}"),
            Self::Precise(value) => format!("{value:.5}"),
            Self::Spread(spread) => spread.text(),
            Self::None => "–".into(),
        }
    }
}

impl Render for Cell {
    fn render(&self) -> Markup {
        match self.key() {
            Some(key) => html! { td.n data-v=(key) { (self.text()) } },
            None => html! { td { (self.text()) } },
        }
    }
}

/// A table that sorts by a click on a column's head.
pub struct Table<'a> {
    pub caption: &'a str,
    /// Names over several columns: (name, columns); none where empty
    pub groups: &'a [(&'a str, usize)],
    pub columns: &'a [&'a str],
    pub rows: Vec<Row>,
}

pub struct Row {
    pub cells: Vec<Cell>,
    pub strong: bool,
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Self {
        Self { cells, strong: false }
    }
}

impl Render for Table<'_> {
    fn render(&self) -> Markup {
        let number =
            |column: usize| self.rows.iter().any(|row| row.cells.get(column).is_some_and(|cell| cell.key().is_some()));
        html! {
            div.scroll tabindex="0" role="group" aria-label=(self.caption) {
                table.sort {
                    caption { (self.caption) }
                    thead {
                        @if !self.groups.is_empty() {
                            tr { @for (name, columns) in self.groups { th.group colspan=(columns) scope="colgroup" { (name) } } }
                        }
                        tr { @for (i, name) in self.columns.iter().enumerate() { th scope="col" class=[number(i).then_some("n")] { (name) } } }
                    }
                    tbody {
                        @for row in &self.rows {
                            tr class=[row.strong.then_some("strong")] { @for cell in &row.cells { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

/// A table that is folded away until asked for.
pub fn folded(what: &str, body: impl Render) -> Markup {
    html! { details { summary { (what) } (body) } }
}

/// A command with a button that copies it.
pub fn command(text: &str) -> Markup {
    html! { div.command { pre { code { (text) } } button.copy type="button" { "copy" } } }
}

/// `3 min 20 s`
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{seconds:.1} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
