//! Tables as HTML.

use super::{Cell, LONG, SHOWN, Table, groups};
use crate::report::export::{self, Content, uri};
use maud::{Markup, Render, html};

impl Render for Cell {
    fn render(&self) -> Markup {
        match self.key() {
            Some(key) => html! { td.n data-v=(key) { (self.text()) } },
            None => html! { td { (self.text()) } },
        }
    }
}

/// Renders nothing for a table without rows.
impl Render for Table<'_> {
    fn render(&self) -> Markup {
        if self.rows.is_empty() {
            return html! {};
        }
        let (csv, latex) = (export::csv::file(self), export::latex::file(self));
        let save = |name: &str| uri::link(&format!("{name}.csv"), "text/csv;charset=utf-8", "CSV", &csv);
        let name =
            export::note(&format!("table-{}", export::slug(self.name)), Content::Table { csv: csv.clone(), latex });
        let columns = self.shown();
        let hidden = self.rows.iter().skip(SHOWN).filter(|row| !row.strong).count();
        html! {
            div.table {
                div.scroll tabindex="0" role="group" aria-label=(self.caption) {
                    table.sort {
                        caption { (self.caption) }
                        thead {
                            @let groups = groups(&columns);
                            @if !groups.is_empty() {
                                tr { @for (name, columns) in groups { th.group colspan=(columns) scope="colgroup" { (name) } } }
                            }
                            tr { @for column in &columns { th scope="col" class=[column.numeric.then_some("n")] { (column.name) } } }
                        }
                        tbody {
                            @for row in &self.rows {
                                tr class=[row.strong.then_some("strong")] { @for column in &columns { (row.cells[column.place]) } }
                            }
                        }
                    }
                }
                p.tools {
                    @if self.rows.len() > LONG && hidden > 0 {
                        label.all { input type="checkbox"; " show all " (self.rows.len()) " rows" }
                    }
                    (save(&name))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Row;
    use super::*;

    fn page(rows: usize, strong: usize) -> String {
        let row = |i| Row { cells: vec![Cell::Count(i), Cell::None, Cell::Number(0.5)], strong: i >= rows - strong };
        let (groups, columns) = ([("", 1), ("a", 1), ("b", 1)], ["n", "nothing", "half"]);
        let rows = (0..rows).map(row).collect();
        Table { name: "t", caption: "Caption.", groups: &groups, columns: &columns, rows }.render().into_string()
    }

    #[test]
    fn a_long_table_shows_all_on_request() {
        assert!(
            page(11, 0).contains("show all 11 rows") && page(11, 0).matches("<tr").count() == 2 + 11,
            "all are there"
        );
        assert!(!page(10, 0).contains("show all"));
        assert!(!page(11, 3).contains("show all"), "emphasised rows are never hidden");
        assert!(include_str!("../page.css").contains(&format!("tr:nth-child(n+{}):not(.strong)", SHOWN + 1)));
    }

    #[test]
    fn a_column_without_values_is_left_out_with_its_group() {
        let page = page(2, 0);
        assert!(!page.contains("nothing") && !page.contains(">a<") && page.contains(">b<"), "{page}");
    }

    #[test]
    fn a_table_without_rows_is_nothing() {
        let table = Table { name: "t", caption: "Caption.", groups: &[], columns: &["a"], rows: Vec::new() };
        assert!(table.render().0.is_empty());
    }
}
