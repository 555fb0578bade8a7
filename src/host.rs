//! The machine around the program: files, locks, memory, terminal. It knows nothing of kernels, pools or models.

pub mod files;
pub mod fnv;
pub mod system;
pub mod ui;
