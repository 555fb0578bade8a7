//! One module per file in `shaders/`, with the same name: declaration and CPU twin. [`ALL`] is in the order of a step.
//! They may not know models: which buffers a kernel gets is up to `model`.

/// The tutorial, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../docs/kernels.md")]
mod tutorial {}

pub mod adam;
pub mod batchnorm_backward;
pub mod batchnorm_forward;
pub mod batchnorm_infer;
pub mod embedding_grad;
pub mod encoder_mask;
pub mod fuse_activate;
pub mod fuse_forward;
pub mod fuse_input_grad;
pub mod fuse_update;
pub mod fuse_weight_grad;
pub mod gate_backward;
pub mod gate_forward;
pub mod gate_weight_grad;
pub mod head_backward;
pub mod head_forward;
pub mod head_input_grad;
pub mod head_weight_grad;
pub mod linear_forward;
pub mod linear_weight_grad;
pub mod loss;
pub mod mean_forward;
pub mod project_forward;
pub mod project_forward_half;
pub mod project_update;
pub mod project_update_half;
pub mod project_weight_grad;
pub mod shared;

/// Every kernel, in the order of its first call in a training step with a gate and a norm in the fusion. A step calls some
/// of them: in mixed precision, kernels that end in `_half` replace those before them; a step that stores its gradients calls
/// `fuse_weight_grad` and `project_weight_grad`, other steps `fuse_update` and `project_update`; `fuse_activate` is for the
/// fusion without a norm, `batchnorm_infer` for inference.
pub static ALL: [&crate::kernel::Kernel; 27] = [
    &encoder_mask::KERNEL,
    &project_forward::KERNEL,
    &project_forward_half::KERNEL,
    &batchnorm_forward::KERNEL,
    &batchnorm_infer::KERNEL,
    &linear_forward::KERNEL,
    &gate_forward::KERNEL,
    &mean_forward::KERNEL,
    &fuse_forward::KERNEL,
    &fuse_activate::KERNEL,
    &head_forward::KERNEL,
    &loss::KERNEL,
    &head_backward::KERNEL,
    &head_weight_grad::KERNEL,
    &linear_weight_grad::KERNEL,
    &head_input_grad::KERNEL,
    &batchnorm_backward::KERNEL,
    &fuse_input_grad::KERNEL,
    &gate_backward::KERNEL,
    &gate_weight_grad::KERNEL,
    &embedding_grad::KERNEL,
    &fuse_weight_grad::KERNEL,
    &project_weight_grad::KERNEL,
    &fuse_update::KERNEL,
    &project_update::KERNEL,
    &project_update_half::KERNEL,
    &adam::KERNEL,
];
