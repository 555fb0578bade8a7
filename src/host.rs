//! The machine around the program: files, locks, memory, signals, terminal.
//! It may not know kernels, pools or models.

pub(crate) mod claim;
pub(crate) mod files;
pub(crate) mod fnv;
pub(crate) mod input;
pub(crate) mod outputs;
pub mod signals;
pub mod stop;
pub(crate) mod system;
pub mod ui;
