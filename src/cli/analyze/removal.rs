//! Terminal table of the score and loss after removing encoders.

use super::align;
use super::contributions::signed;
use crate::analysis::{Removal, RemovalOrder};
use crate::outln;
use comfy_table::{Table, presets};

pub fn print(removals: &[Removal]) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header([
        "encoders removed",
        "score lost, random",
        "highest weight first",
        "loss added, random",
        "highest weight first",
    ]);
    for random in removals.iter().filter(|one| one.order == RemovalOrder::Random) {
        let by_weight = removals.iter().find(|one| one.order == RemovalOrder::Weight && one.removed == random.removed);
        let weight = |of: fn(&Removal) -> String| by_weight.map_or("–".to_owned(), of);
        table.add_row([
            random.removed.to_string(),
            signed(random.lost.score),
            weight(|one| signed(one.lost.score)),
            signed(random.lost.loss),
            weight(|one| signed(one.lost.loss)),
        ]);
    }
    align(&mut table, 0);
    outln!("{table}\n");
}
