//! Tiles of matrix kernels: variants of shaders/shared/matmul.wgsl with bit-identical results and different speed.

use crate::kernel::{Kernel, Puts};
use std::borrow::Cow;
use wgpu::naga;

/// The default text; hardware uses it until another was measured to be faster.
const TILED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/matmul.wgsl"));
const BROADCAST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/matmul_broadcast.wgsl"));

/// A way to divide a matrix product among workgroups and lanes.
#[derive(Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Rows × columns of the outputs of a workgroup, then of a lane
    pub name: &'static str,
    text: &'static str,
    /// Constants of the text whose values are replaced
    constants: &'static [(&'static str, u32)],
    /// Required subgroup size of texts that use subgroup broadcasts
    pub subgroup: Option<u32>,
}

/// All tiles, the default first.
pub static ALL: [Tiles; 6] = [
    Tiles { name: "64x64/4x4", text: TILED, constants: &[], subgroup: None },
    Tiles { name: "128x64/8x4", text: TILED, constants: &[("TILE_ROWS", 128), ("LANE_ROWS", 8)], subgroup: None },
    // For batches of 32 rows, and for so few outputs that large tiles would leave a GPU partly idle
    Tiles { name: "32x64/4x4", text: TILED, constants: &[("TILE_ROWS", 32)], subgroup: None },
    Tiles { name: "32x32/4x4", text: TILED, constants: &[("TILE_ROWS", 32), ("TILE_COLUMNS", 32)], subgroup: None },
    Tiles { name: "32x64/32x8", text: BROADCAST, constants: &[], subgroup: Some(8) },
    Tiles {
        name: "16x32/16x4",
        text: BROADCAST,
        constants: &[("TILE_ROWS", 16), ("TILE_COLUMNS", 32)],
        subgroup: Some(8),
    },
];

/// The tiles of the text of matmul.wgsl itself.
#[cfg(test)]
pub static DEFAULT: &Tiles = &ALL[0];

impl Tiles {
    /// The tiles of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|tiles| tiles.name == name)
    }

    /// Returns true if a lane puts adjacent columns consecutively.
    pub fn puts_neighbours(&self) -> bool {
        self.text == TILED
    }

    /// Applies these tiles to a shared text of a kernel: changes matmul.wgsl only.
    pub fn of(&self, shared: &'static str) -> Cow<'static, str> {
        if shared != TILED {
            return shared.into();
        }
        let mut text = self.text.to_owned();
        for (name, value) in self.constants {
            let stated = format!("const {name} = ");
            let start =
                text.find(&stated).unwrap_or_else(|| panic!("no constant {name} in the tiles' text")) + stated.len();
            let end = start + text[start..].find(';').expect("the constant ends");
            text.replace_range(start..end, &format!("{value}u"));
        }
        text.into()
    }

    /// Returns true for the text of shaders/shared/matmul.wgsl.
    pub fn is_product(shared: &str) -> bool {
        shared == TILED
    }
}

impl Kernel {
    /// The complete WGSL text: shared files, then the kernel's own.
    pub(crate) fn text(&self, tiles: &Tiles) -> String {
        self.shared.iter().map(|&shared| tiles.of(shared)).chain([self.source.into()]).collect()
    }

    /// Returns true for matrix products, the only kernels with tiles.
    pub(crate) fn is_product(&self) -> bool {
        self.shared.iter().any(|shared| Tiles::is_product(shared))
    }

    /// Returns true if the kernel supports the tiles: one that packs adjacent columns into a word needs both in one lane.
    pub(crate) fn supports(&self, tiles: &Tiles) -> bool {
        tiles.puts_neighbours() || self.puts == Puts::Values
    }

    /// Parses the text; panics with naga's message if it is invalid.
    pub(crate) fn parse(&self, tiles: &Tiles) -> naga::Module {
        let text = self.text(tiles);
        naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|e| panic!("{}", e.emit_to_string_with_path(&text, self.name)))
    }
}
