//! Tables as LaTeX: a plain `tabular` without packages.

use crate::report::table::{Cell, Table, groups};

pub fn file(table: &Table) -> String {
    let columns = table.shown();
    let layout: String = columns.iter().map(|column| if column.numeric { 'r' } else { 'l' }).collect();
    let mut lines =
        vec![format!("% {}", table.caption.replace(['\n', '\r'], " ")), format!("\\begin{{tabular}}{{{layout}}}")];
    lines.push("\\hline".into());
    let groups = groups(&columns);
    if !groups.is_empty() {
        let cell = |(name, count): &(&str, usize)| match (*count, name.is_empty()) {
            (count, true) => " & ".repeat(count - 1),
            (count, false) => format!("\\multicolumn{{{count}}}{{c}}{{{}}}", escaped(name)),
        };
        lines.push(line(groups.iter().map(cell)));
        let mut first = 1;
        let mut rules = String::new();
        for (name, count) in &groups {
            if !name.is_empty() {
                rules += &format!("\\cline{{{first}-{}}}", first + count - 1);
            }
            first += count;
        }
        lines.push(rules);
    }
    lines.push(line(columns.iter().map(|column| escaped(column.name))));
    lines.push("\\hline".into());
    for row in &table.rows {
        lines.push(line(columns.iter().map(|column| text(&row.cells[column.place]))));
    }
    lines.extend(["\\hline".into(), "\\end{tabular}".into(), String::new()]);
    lines.join("\n")
}

/// Returns a row; braces keep a leading bracket from being parsed as an argument.
fn line(cells: impl Iterator<Item = String>) -> String {
    let line = cells.collect::<Vec<_>>().join(" & ");
    if line.starts_with('[') { format!("{{}}{line} \\\\") } else { format!("{line} \\\\") }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Spread(spread) => match spread.std {
            Some(std) => format!("${:.3} \\pm {std:.3}$", spread.mean),
            None => number(&cell.text()),
        },
        Cell::Text(text) => escaped(text),
        Cell::None => "--".into(),
        _ => number(&cell.text()),
    }
}

/// Typesets a number with a minus sign instead of a hyphen.
fn number(text: &str) -> String {
    if text.starts_with('-') { format!("${text}$") } else { text.to_owned() }
}

/// Greek letters and their names in LaTeX.
const GREEK: [(char, &str); 24] = [
    ('α', "alpha"),
    ('β', "beta"),
    ('γ', "gamma"),
    ('δ', "delta"),
    ('ε', "varepsilon"),
    ('ζ', "zeta"),
    ('η', "eta"),
    ('θ', "theta"),
    ('ι', "iota"),
    ('κ', "kappa"),
    ('λ', "lambda"),
    ('μ', "mu"),
    ('ν', "nu"),
    ('ξ', "xi"),
    ('π', "pi"),
    ('ρ', "rho"),
    ('σ', "sigma"),
    ('τ', "tau"),
    ('υ', "upsilon"),
    ('φ', "varphi"),
    ('χ', "chi"),
    ('ψ', "psi"),
    ('ω', "omega"),
    ('Δ', "Delta"),
];

/// Escapes text for LaTeX.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', c]),
            '\\' => escaped += "\\textbackslash{}",
            '~' => escaped += "\\textasciitilde{}",
            '^' => escaped += "\\textasciicircum{}",
            '<' => escaped += "\\textless{}",
            '>' => escaped += "\\textgreater{}",
            '|' => escaped += "\\textbar{}",
            '"' => escaped += "\\textquotedbl{}",
            '–' => escaped += "--",
            '—' => escaped += "---",
            '…' => escaped += "\\ldots{}",
            '±' => escaped += "$\\pm$",
            '×' => escaped += "$\\times$",
            '≤' => escaped += "$\\leq$",
            '≥' => escaped += "$\\geq$",
            '→' => escaped += "$\\to$",
            '−' => escaped += "$-$",
            '\u{a0}' => escaped.push('~'),
            c if c.is_control() => escaped.push(' '),
            c => match GREEK.iter().find(|(letter, _)| *letter == c) {
                Some((_, name)) => escaped += &format!("$\\{name}$"),
                None => escaped.push(c),
            },
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::Row;
    use crate::scoring::scores::Spread;

    #[test]
    fn every_special_character_is_escaped() {
        let all = r#"50 % of $x_1 & {y}^2 # ~ \ <a> | – ± τ é"#;
        let expected = r"50 \% of \$x\_1 \& \{y\}\textasciicircum{}2 \# \textasciitilde{} \textbackslash{} \textless{}a\textgreater{} \textbar{} -- $\pm$ $\tau$ é";
        assert_eq!(escaped(all), expected);
    }

    #[test]
    fn a_table_with_groups() {
        let spread = Cell::Spread(Spread { mean: 0.5, std: Some(0.25) });
        let table = Table {
            name: "scores",
            caption: "Mean.",
            groups: &[("", 2), ("official", 2), ("honest", 1)],
            columns: &["method", "runs", "presence", "mean", "mean"],
            rows: vec![
                vec![Cell::Text("[a_b]".into()), Cell::Count(3), spread, Cell::Number(-0.125), Cell::None].into(),
                Row {
                    cells: vec![Cell::Text("c".into()), Cell::None, Cell::None, Cell::None, Cell::None],
                    strong: true,
                },
            ],
        };
        let expected = r"% Mean.
\begin{tabular}{lrrr}
\hline
 &  & \multicolumn{2}{c}{official} \\
\cline{3-4}
method & runs & presence & mean \\
\hline
{}[a\_b] & 3 & $0.500 \pm 0.250$ & $-0.125$ \\
c & -- & -- & -- \\
\hline
\end{tabular}
";
        assert_eq!(file(&table), expected);
    }
}
