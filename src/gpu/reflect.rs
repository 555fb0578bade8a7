//! What a WGSL text itself says: bindings by name, workgroup size, tile. Panics where it and the declaration disagree.

use crate::kernel::{Kernel, Role};
use wgpu::naga;

pub(crate) struct Reflection {
    pub bindings: Vec<Binding>,
    pub workgroup_size: [u32; 3],
    /// `const TILE`: outputs per side of a workgroup's tile, where the kernel has one
    pub tile: Option<u32>,
}

pub(crate) struct Binding {
    pub name: String,
    pub index: u32,
    /// `None` for a uniform
    pub role: Option<Role>,
}

impl Binding {
    pub fn layout(&self) -> wgpu::BindGroupLayoutEntry {
        let ty = match self.role {
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
    pub fn of(kernel: &Kernel) -> Self {
        let module = kernel.parse();
        let mut bindings: Vec<_> = module
            .global_variables
            .iter()
            .filter_map(|(_, variable)| Some(binding(kernel, &module, variable, variable.binding?)))
            .collect();
        bindings.sort_by_key(|binding| binding.index);
        let bound = bindings.iter().filter(|binding| binding.role.is_some()).count();
        assert_eq!(bound, kernel.slots.len(), "{}: WGSL and declaration differ in their buffers", kernel.name);
        let tile = module.constants.iter().find(|(_, constant)| constant.name.as_deref() == Some("TILE"));
        let tile = tile.map(|(_, constant)| match module.global_expressions[constant.init] {
            naga::Expression::Literal(naga::Literal::U32(value)) => value,
            ref other => panic!("{}: TILE is {other:?}, not a u32", kernel.name),
        });
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
        // Buffers whose kernels load four at a time
        naga::TypeInner::Vector { size: naga::VectorSize::Quad, scalar: naga::Scalar::F32 } => "f32",
        ref other => panic!("only 4-byte scalars cross the host boundary, not {other:?}"),
    }
}
