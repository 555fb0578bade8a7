//! Building blocks of the page: sections, figures, tables, legends, commands.

use super::chart::{Drawing, Ink};
use super::experiment::Experiment;
use super::export::{self, Content, svg, uri};
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

pub use super::table::{Cell, Row, Table};

/// A section of the page with its entry in the table of contents.
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub body: Markup,
}

/// Renders the whole page, with style sheet and script inlined.
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
                a.skip href="#main" { "Skip to content" }
                nav aria-label="Contents" {
                    b.brand { "blendfuse" }
                    ol { @for section in sections { li { a href=(format!("#{}", section.id)) { (section.title) } } } }
                    button #theme type="button" { "toggle theme" }
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

/// Renders a drawing under title and caption, with a link that saves it; empty for an empty drawing.
pub fn figure(title: &str, caption: impl Render, drawing: Drawing) -> Markup {
    if drawing.is_empty() {
        return html! {};
    }
    let (body, file) = (drawing.render(), svg::file(&drawing));
    let name = export::note(&export::figure_stem(title), Content::Figure(drawing));
    html! {
        figure {
            figcaption { b { (title) } " " (caption) " " (uri::link(&format!("{name}.svg"), "image/svg+xml", "SVG", &file)) }
            div.scroll tabindex="0" role="group" aria-label=(title) { (body) }
        }
    }
}

/// Figures side by side.
pub struct Grid(pub Vec<Markup>);

impl Render for Grid {
    fn render(&self) -> Markup {
        html! { div.grid { @for part in &self.0 { (part) } } }
    }
}

/// Wide figures side by side.
pub struct WideGrid(pub Vec<Markup>);

impl Render for WideGrid {
    fn render(&self) -> Markup {
        html! { div.grid.wide { @for part in &self.0 { (part) } } }
    }
}

/// Returns the title of a figure that is also in the paper, with the paper's number for BlEmoRE's labels.
pub fn numbered(blemore: bool, number: usize, title: &str) -> String {
    if blemore { format!("Figure {number}: {title}") } else { capital(title) }
}

/// Capitalises the first letter, which is ASCII.
pub fn capital(title: &str) -> String {
    title[..1].to_uppercase() + &title[1..]
}

/// Renders the paper's finding, for BlEmoRE's labels only.
pub fn published(blemore: bool, text: &str) -> Markup {
    html! { @if blemore { span.paper { "Published: " (text) } } }
}

/// Legend of the experiments; empty if there is only one.
pub fn legend(experiments: &[&Experiment]) -> Markup {
    html! {
        @if experiments.len() > 1 {
            p.legend { @for experiment in experiments { span { i class=(format!("chip s{}", experiment.colour)) {} (experiment.name) } } }
        }
    }
}

/// Returns the key of a saved drawing: colours of experiments.
pub fn experiment_key(experiments: &[&Experiment], ink: fn(usize) -> Ink) -> Vec<(Ink, String)> {
    let named = experiments.iter().map(|experiment| (ink(experiment.colour), experiment.name.clone()));
    if experiments.len() > 1 { named.collect() } else { Vec::new() }
}

/// Renders a part of the page for each experiment, under its name if there are several.
pub fn each(experiments: &[&Experiment], part: impl Fn(&Experiment) -> Option<Markup>) -> Markup {
    html! {
        @for experiment in experiments {
            @let body = export::within_one_of(experiments.len(), &experiment.name, || part(experiment));
            @if let Some(body) = body.filter(|body| !body.0.is_empty()) {
                @if experiments.len() > 1 { h3.of { i class=(format!("chip s{}", experiment.colour)) {} (experiment.name) } }
                (body)
            }
        }
    }
}

/// Renders a collapsed block.
pub fn folded(what: &str, body: impl Render) -> Markup {
    html! { details { summary { (what) } (body) } }
}

/// Renders a command with a copy button.
pub fn command(text: &str) -> Markup {
    html! { div.command { pre { code { (text) } } button.copy type="button" { "copy" } } }
}

/// Formats a duration as `3 min 20 s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, _) => format!("{seconds:.1} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
