//! Tiles of matrix kernels: texts that can stand for shaders/shared/matmul.wgsl, equal in every bit and unlike in speed.

use crate::kernel::{Kernel, Puts};
use std::borrow::Cow;
use wgpu::naga;

/// The tile that a kernel's own text names; also what hardware takes until something faster was measured.
const TILED: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/matmul.wgsl"));
const BROADCAST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/matmul_broadcast.wgsl"));

/// One way to divide a matrix product among workgroups and lanes.
#[derive(Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Rows × columns of a workgroup's outputs, and how many of them a lane holds
    pub name: &'static str,
    text: &'static str,
    /// Constants of the text with other values than it states
    constants: &'static [(&'static str, u32)],
    /// The size that subgroups must have, for texts that hand elements round in one
    pub subgroup: Option<u32>,
}

pub static ALL: [Tiles; 6] = [
    Tiles { name: "64x64/4x4", text: TILED, constants: &[], subgroup: None },
    Tiles { name: "128x64/8x4", text: TILED, constants: &[("TILE_ROWS", 128), ("LANE_ROWS", 8)], subgroup: None },
    // For batches of 32 rows and for outputs so few that large tiles leave a GPU idle
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

pub static DEFAULT: &Tiles = &ALL[0];

impl Tiles {
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|tiles| tiles.name == name)
    }

    /// True where a lane puts neighbouring columns one after the other.
    pub fn puts_neighbours(&self) -> bool {
        self.text == TILED
    }

    /// One of a kernel's shared texts with these tiles: unchanged unless it is matmul.wgsl.
    pub fn of(&self, shared: &'static str) -> Cow<'static, str> {
        if shared != TILED {
            return shared.into();
        }
        let mut text = self.text.to_owned();
        for (name, value) in self.constants {
            let stated = format!("const {name} = ");
            let start = text.find(&stated).unwrap_or_else(|| panic!("matmul.wgsl has no {name}")) + stated.len();
            let end = start + text[start..].find(';').expect("the constant ends");
            text.replace_range(start..end, &format!("{value}u"));
        }
        text.into()
    }

    /// True for the text of shaders/shared/matmul.wgsl.
    pub fn is_product(shared: &str) -> bool {
        shared == TILED
    }
}

impl Kernel {
    /// The whole WGSL text: what it shares, then its own.
    pub fn text(&self, tiles: &Tiles) -> String {
        self.shared.iter().map(|&shared| tiles.of(shared)).chain([self.source.into()]).collect()
    }

    /// True where tiles make a difference.
    pub fn is_product(&self) -> bool {
        self.shared.iter().any(|shared| Tiles::is_product(shared))
    }

    /// True for tiles that the kernel can take: one that joins neighbouring columns in a word wants them in one lane.
    pub fn takes(&self, tiles: &Tiles) -> bool {
        tiles.puts_neighbours() || self.puts == Puts::Values
    }

    /// Parses the text; panics with the compiler's message, since the text is ours.
    pub fn parse(&self, tiles: &Tiles) -> naga::Module {
        let text = self.text(tiles);
        naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|e| panic!("{}", e.emit_to_string_with_path(&text, self.name)))
    }
}
