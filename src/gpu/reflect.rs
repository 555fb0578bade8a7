//! Reflection of a WGSL text: bindings by name, workgroup size, tile. Panics if it differs from the declaration.

use crate::gpu::tiles::Tiles;
use crate::kernel::{Kernel, Role};
use wgpu::naga;

pub(crate) struct Reflection {
    pub bindings: Vec<Binding>,
    pub workgroup_size: [u32; 3],
    /// `TILE_COLUMNS` and `TILE_ROWS`: outputs of a workgroup of a matrix product; `None` for other kernels
    pub tile: Option<[u32; 2]>,
}

pub(crate) struct Binding {
    pub name: String,
    pub index: u32,
    /// `None` for a uniform
    pub role: Option<Role>,
}

impl Binding {
    pub fn layout(&self, no_uniforms: bool) -> wgpu::BindGroupLayoutEntry {
        let ty = match self.role {
            None if no_uniforms => wgpu::BufferBindingType::Storage { read_only: true },
            None => wgpu::BufferBindingType::Uniform,
            Some(role) => wgpu::BufferBindingType::Storage { read_only: role == Role::Read },
        };
        wgpu::BindGroupLayoutEntry {
            binding: self.index,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        }
    }
}

impl Reflection {
    pub fn of(kernel: &Kernel, tiles: &Tiles) -> Self {
        let module = kernel.parse(tiles);
        let mut bindings: Vec<_> = module
            .global_variables
            .iter()
            .filter_map(|(_, variable)| Some(binding(kernel, &module, variable, variable.binding?)))
            .collect();
        bindings.sort_by_key(|binding| binding.index);
        let bound = bindings.iter().filter(|binding| binding.role.is_some()).count();
        assert_eq!(bound, kernel.slots.len(), "{}: WGSL and declaration differ in their buffers", kernel.name);
        let constant = |name: &str| {
            let (_, constant) = module.constants.iter().find(|(_, constant)| constant.name.as_deref() == Some(name))?;
            match module.global_expressions[constant.init] {
                naga::Expression::Literal(naga::Literal::U32(value)) => Some(value),
                ref other => panic!("{}: {name} is {other:?}, not a u32", kernel.name),
            }
        };
        let tile = constant("TILE_COLUMNS").zip(constant("TILE_ROWS")).map(|(columns, rows)| [columns, rows]);
        Self { bindings, workgroup_size: module.entry_points[0].workgroup_size, tile }
    }
}

fn binding(
    kernel: &Kernel,
    module: &naga::Module,
    variable: &naga::GlobalVariable,
    slot: naga::ResourceBinding,
) -> Binding {
    let name = variable.name.clone().expect("WGSL names its globals");
    assert_eq!(slot.group, 0, "{}: {name} is not in @group(0)", kernel.name);
    let role = match (&module.types[variable.ty].inner, variable.space) {
        (naga::TypeInner::Struct { members, .. }, naga::AddressSpace::Uniform) => {
            if name == "p" {
                let found: Vec<_> =
                    members.iter().map(|m| (m.name.as_deref().unwrap_or(""), scalar(module, m.ty))).collect();
                assert_eq!(found, kernel.params, "{}: Params differ", kernel.name);
            } else {
                assert_eq!(name, "step", "{}: only `p` and `step` are uniforms", kernel.name);
            }
            None
        }
        (naga::TypeInner::Array { base, .. }, naga::AddressSpace::Storage { access }) => {
            let declared = kernel.slots.iter().find(|declared| declared.name == name);
            let declared = declared.unwrap_or_else(|| panic!("{}: buffer {name} is not declared", kernel.name));
            assert_eq!(declared.element, scalar(module, *base), "{}: type of {name}", kernel.name);
            let writes = access.contains(naga::StorageAccess::STORE);
            assert_eq!(writes, declared.role != Role::Read, "{}: role of {name}", kernel.name);
            Some(declared.role)
        }
        other => panic!("{}: {name} is neither a parameter struct nor an array: {other:?}", kernel.name),
    };
    Binding { name, index: slot.binding, role }
}

fn scalar(module: &naga::Module, ty: naga::Handle<naga::Type>) -> &'static str {
    match module.types[ty].inner {
        naga::TypeInner::Scalar(naga::Scalar::F32) => "f32",
        naga::TypeInner::Scalar(naga::Scalar::U32) => "u32",
        // Buffers whose kernels load four elements at once
        naga::TypeInner::Vector { size: naga::VectorSize::Quad, scalar: naga::Scalar::F32 } => "f32",
        ref other => panic!("found element type {other:?}, expected f32 or u32"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::tiles;
    use crate::{bench, kernels};

    /// Every WGSL text agrees with its declaration and stays within WebGPU's default limits; checked without a GPU.
    #[test]
    fn every_shader_is_declared_and_within_webgpus_limits() {
        let limits = wgpu::Limits::default();
        let mut declared: Vec<_> = kernels::ALL.iter().map(|kernel| kernel.name.to_owned()).collect();
        let products = kernels::ALL.iter().filter(|kernel| kernel.is_product());
        let variants = products.flat_map(|kernel| tiles::ALL[1..].iter().map(move |tiles| (*kernel, tiles)));
        let all = kernels::ALL.into_iter().chain([&bench::copy::KERNEL, &bench::multiply_add::KERNEL]);
        for (kernel, tiles) in all.map(|kernel| (kernel, tiles::DEFAULT)).chain(variants) {
            let reflection = Reflection::of(kernel, tiles);
            let module = kernel.parse(tiles);
            // Part of WebGPU without optional features
            let mut capabilities = naga::valid::Capabilities::SHADER_FLOAT16_IN_FLOAT32;
            capabilities.set(naga::valid::Capabilities::SUBGROUP, tiles.subgroup.is_some());
            naga::valid::Validator::new(naga::valid::ValidationFlags::all(), capabilities)
                .validate(&module)
                .unwrap_or_else(|error| panic!("{}: needs an optional feature: {error:?}", kernel.name));
            let invocations: u32 = reflection.workgroup_size.iter().product();
            assert!(invocations <= limits.max_compute_invocations_per_workgroup, "{}: {invocations}", kernel.name);
            let storage = kernel.slots.len() as u32;
            assert!(storage <= limits.max_storage_buffers_per_shader_stage, "{}: {storage} buffers", kernel.name);
            let mut sizes = naga::proc::Layouter::default();
            sizes.update(module.to_ctx()).expect("it was validated");
            let workgroup: u32 = module
                .global_variables
                .iter()
                .filter(|(_, variable)| variable.space == naga::AddressSpace::WorkGroup)
                .map(|(_, variable)| sizes[variable.ty].size)
                .sum();
            assert!(workgroup <= limits.max_compute_workgroup_storage_size, "{}: {workgroup} bytes", kernel.name);
        }
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders")).expect("the sources are here");
        let paths = files.map(|file| file.expect("readable").path());
        let mut written: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|extension| extension == "wgsl"))
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect();
        declared.sort();
        written.sort();
        assert_eq!(declared, written);
    }

    #[test]
    #[should_panic(expected = "Params differ")]
    fn other_parameters_are_caught() {
        let kernel = &kernels::fuse_input_grad::KERNEL;
        Reflection::of(
            &Kernel { params: &[("rows", "u32"), ("fused", "u32"), ("inner", "u32")], ..*kernel },
            tiles::DEFAULT,
        );
    }

    #[test]
    #[should_panic(expected = "role of dq")]
    fn another_role_is_caught() {
        let kernel = &kernels::fuse_input_grad::KERNEL;
        let source = kernel.source.replace("read_write> dq", "read> dq");
        Reflection::of(&Kernel { source: Box::leak(source.into_boxed_str()), ..*kernel }, tiles::DEFAULT);
    }
}
