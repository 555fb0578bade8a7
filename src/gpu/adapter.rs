//! The machine's adapters: their order, their kinds, and the limits that blendfuse requires.

use anyhow::{Result, bail};

/// Returns every adapter of the machine: discrete, integrated, other, then software. Queries GL only if no other backend has
/// hardware: it lists the same cards again, and prints its own errors without a display.
pub fn all() -> Vec<wgpu::Adapter> {
    let mut adapters = of(wgpu::Backends::PRIMARY);
    if adapters.iter().all(|adapter| is_software(&adapter.get_info())) {
        let software = !adapters.is_empty();
        let gl = of(wgpu::Backends::GL).into_iter();
        // GL's software renderer is the same driver as Vulkan's.
        adapters.extend(gl.filter(|adapter| !software || !is_software(&adapter.get_info())));
    }
    adapters.sort_by_key(|adapter| rank(&adapter.get_info()));
    adapters
}

fn of(backends: wgpu::Backends) -> Vec<wgpu::Adapter> {
    let descriptor =
        wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle_from_env() };
    pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(backends))
}

/// Returns true for drivers that compute on the CPU (lavapipe, SwiftShader, WARP, llvmpipe).
pub fn is_software(info: &wgpu::AdapterInfo) -> bool {
    let name = format!("{} {}", info.name, info.driver).to_lowercase();
    info.device_type == wgpu::DeviceType::Cpu
        || ["llvmpipe", "swiftshader", "softpipe", "basic render"].iter().any(|software| name.contains(software))
}

/// Returns true for Mesa's lavapipe.
pub fn is_lavapipe(info: &wgpu::AdapterInfo) -> bool {
    info.backend == wgpu::Backend::Vulkan && info.name.contains("llvmpipe")
}

/// Returns true for drivers that recompile a kernel when its uniforms change. Lavapipe inlines uniforms that control loops
/// (`lvp_inline_uniforms`): tests/golden.rs took 17 s with uniforms and 1 s with storage buffers.
pub fn recompiles_for_uniforms(info: &wgpu::AdapterInfo) -> bool {
    is_lavapipe(info)
}

/// Hardware adapters in the order in which `auto` and `gpu` try them: discrete, integrated, virtual.
pub fn hardware(adapters: &[wgpu::Adapter]) -> impl Iterator<Item = &wgpu::Adapter> {
    adapters.iter().filter(|adapter| !is_software(&adapter.get_info()))
}

/// Returns true if blendfuse can run on the adapter.
pub fn is_usable(adapter: &wgpu::Adapter) -> bool {
    required_limits("", &adapter.limits()).is_ok()
}

fn rank(info: &wgpu::AdapterInfo) -> u32 {
    match info.device_type {
        _ if is_software(info) => 4,
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        _ => 3,
    }
}

/// Returns the limits to request: WebGPU's defaults, and the adapter's largest storage binding.
///
/// # Errors
/// The name of the first compute limit below WebGPU's default.
pub fn required_limits(name: &str, found: &wgpu::Limits) -> Result<wgpu::Limits> {
    // Rendering limits are irrelevant here, and old drivers are below some defaults: request no more than the adapter has.
    let limits = wgpu::Limits {
        max_storage_buffer_binding_size: found.max_storage_buffer_binding_size,
        max_buffer_size: found.max_buffer_size,
        ..wgpu::Limits::default().using_resolution(found.clone()).or_worse_values_from(found)
    };
    let default = wgpu::Limits::default();
    let needs = [
        (
            "max_storage_buffers_per_shader_stage",
            found.max_storage_buffers_per_shader_stage,
            default.max_storage_buffers_per_shader_stage,
        ),
        (
            "max_compute_invocations_per_workgroup",
            found.max_compute_invocations_per_workgroup,
            default.max_compute_invocations_per_workgroup,
        ),
        ("max_compute_workgroup_size_x", found.max_compute_workgroup_size_x, default.max_compute_workgroup_size_x),
        (
            "max_compute_workgroup_storage_size",
            found.max_compute_workgroup_storage_size,
            default.max_compute_workgroup_storage_size,
        ),
        (
            "max_compute_workgroups_per_dimension",
            found.max_compute_workgroups_per_dimension,
            default.max_compute_workgroups_per_dimension,
        ),
    ];
    for (limit, found, needed) in needs {
        if found < needed {
            bail!(
                "{name}: found limit {limit} = {found}, expected at least {needed}; choose another device (`blendfuse devices`) or --device cpu"
            );
        }
    }
    let (binding, needed) = (found.max_storage_buffer_binding_size, default.max_storage_buffer_binding_size);
    if binding < needed {
        bail!(
            "{name}: found limit max_storage_buffer_binding_size = {binding}, expected at least {needed}; choose another device (`blendfuse devices`) or --device cpu"
        );
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::required_limits;

    #[test]
    fn a_limit_that_is_too_small_is_named() {
        let limits = wgpu::Limits::default();
        assert!(required_limits("card", &limits).is_ok());
        let few = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..limits.clone() };
        let message = required_limits("card", &few).expect_err("4 are too few").to_string();
        assert!(
            message.starts_with("card: found limit max_storage_buffers_per_shader_stage = 4, expected at least 8;"),
            "{message}"
        );
        let small = wgpu::Limits { max_storage_buffer_binding_size: 1 << 20, ..limits };
        let message = required_limits("card", &small).expect_err("1 MiB is too small").to_string();
        assert!(message.contains("max_storage_buffer_binding_size = 1048576"), "{message}");
    }
}
