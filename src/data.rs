//! From files to a [`Pool`]: clips with labels and folds, and one feature matrix per encoder with aligned rows.
//! It may not know kernels or models. [`aggregate`] makes rows from frame features, [`synth`] makes synthetic pools.

pub mod aggregate;
pub mod encoders;
pub(crate) mod finite;
mod fold_choice;
pub mod folds;
mod info;
pub mod labels;
pub(crate) mod load;
pub mod missing;
mod modality;
pub(crate) mod names;
pub mod npz;
pub mod pool;
mod reading;
pub mod scan;
pub mod source;
pub mod standardize;
pub mod synth;
pub mod truth;
pub(crate) mod warnings;

pub use fold_choice::{FoldChoice, Parts};
pub use info::{DataInfo, FoldInfo};
pub use missing::Missing;
pub use modality::Modality;
pub use pool::{
    CONCATENATION, Clip, Encoder, EncoderInfo, LoadOptions, Pool, Reading, Split, fill_missing, shared_groups, targets,
};
