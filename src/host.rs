//! The machine around the program: files, locks, memory, terminal.
//! It may not know kernels, pools or models.

pub(crate) mod claim;
pub(crate) mod files;
pub(crate) mod fnv;
pub(crate) mod input;
pub(crate) mod system;
pub mod ui;
