//! Tables as CSV: values in full precision, mean and standard deviation in separate columns, empty cells for missing values.

use crate::report::table::{Cell, Column, Table};

pub fn file(table: &Table) -> String {
    let columns = table.shown();
    let has_spread = |column: &Column| {
        let mut cells = table.rows.iter().map(|row| &row.cells[column.place]);
        cells.any(|cell| matches!(cell, Cell::Spread(spread) if spread.std.is_some()))
    };
    let spread: Vec<bool> = columns.iter().map(has_spread).collect();
    let mut lines = vec![Vec::new()];
    for (column, spread) in columns.iter().zip(&spread) {
        let name = [column.group, column.name].join(" ").trim().to_owned();
        let name = if name.is_empty() { "name".to_owned() } else { name };
        let std = spread.then(|| format!("{name} std"));
        lines[0].extend([Some(name), std].into_iter().flatten());
    }
    for row in &table.rows {
        let mut line = Vec::new();
        for (column, spread) in columns.iter().zip(&spread) {
            let (value, std) = values(&row.cells[column.place]);
            line.push(value);
            line.extend(spread.then_some(std));
        }
        lines.push(line);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.write_record(line).expect("rows of a table are of one length");
    }
    String::from_utf8(writer.into_inner().expect("memory is written to")).expect("cells are text")
}

/// Returns value and standard deviation.
fn values(cell: &Cell) -> (String, String) {
    match cell {
        Cell::Text(text) if text == "–" => Default::default(),
        Cell::Text(text) => (text.clone(), String::new()),
        Cell::Count(value) => (value.to_string(), String::new()),
        Cell::Number(value) | Cell::Precise(value) => (value.to_string(), String::new()),
        Cell::Spread(spread) => (spread.mean.to_string(), spread.std.map(|std| std.to_string()).unwrap_or_default()),
        Cell::None => Default::default(),
    }
}
