//! numpy's files: archives (`.npz`) of matrices of floats and arrays of text, read as a stream and written to the same
//! bytes each time, and single matrices (`.npy`).

mod array;
mod header;
mod npy;
mod read;
mod write;

pub(crate) use array::{no_memory, zeros};
pub use npy::NpyReader;
pub use read::NpzReader;
pub use write::NpzWriter;

/// What makes an archive of features readable, for error messages.
pub(crate) const RESAVE: &str = "np.savez(path, X=X, filenames=np.asarray(filenames, dtype=str))";
