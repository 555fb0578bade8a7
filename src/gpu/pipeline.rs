//! From a kernel to a dispatch: compiles once per choice of tiles, and binds buffers by name.

use super::Gpu;
use super::reflect::Reflection;
use super::tiles::Tiles;
use crate::kernel::buffer::AnyBuffer;
use crate::kernel::{Grid, Kernel};
use std::sync::Arc;

/// Largest number of workgroups along one dimension.
const MAX_GROUPS: usize = 65_535;

pub(super) struct Compiled {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    reflection: Reflection,
}

/// A bound kernel and its number of workgroups.
pub struct Dispatch {
    compiled: Arc<Compiled>,
    group: wgpu::BindGroup,
    workgroups: [u32; 3],
    /// With `grid`, for binding it again with other tiles
    params: wgpu::Buffer,
    grid: Grid,
}

impl Dispatch {
    pub(super) fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = self.workgroups;
        if self.workgroups.iter().all(|&n| n > 0) {
            pass.set_pipeline(&self.compiled.pipeline);
            pass.set_bind_group(0, &self.group, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }
}

impl Gpu {
    /// Binds a kernel to its parameters and buffers, by name.
    #[doc(hidden)]
    pub fn bind(&self, kernel: &'static Kernel, params: &[u8], buffers: &[AnyBuffer], grid: Grid) -> Dispatch {
        let uniform = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(kernel.name),
            size: params.len().next_multiple_of(16) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.queue.write_buffer(&uniform, 0, params);
        let tiles = self.choose_tiles(kernel, &uniform, buffers, grid);
        self.dispatch(kernel, tiles, &uniform, buffers, grid)
    }

    /// Binds a kernel with the given tiles.
    pub(crate) fn dispatch(
        &self,
        kernel: &'static Kernel,
        tiles: &'static Tiles,
        params: &wgpu::Buffer,
        buffers: &[AnyBuffer],
        grid: Grid,
    ) -> Dispatch {
        let compiled = self.compiled(kernel, tiles);
        let resource = |name: &str| match name {
            "p" => params.as_entire_binding(),
            "step" => self.step.as_entire_binding(),
            _ => {
                let slot = kernel.slots.iter().position(|slot| slot.name == name).expect("checked by reflection");
                buffers[slot].gpu().as_entire_binding()
            }
        };
        let entries: Vec<_> = compiled
            .reflection
            .bindings
            .iter()
            .map(|binding| wgpu::BindGroupEntry { binding: binding.index, resource: resource(&binding.name) })
            .collect();
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &compiled.layout,
            entries: &entries,
        });
        let workgroups = workgroups(kernel, &compiled.reflection, grid);
        Dispatch { compiled, group, workgroups, params: params.clone(), grid }
    }

    /// Binds the kernel of `dispatch` with other tiles.
    pub(crate) fn rebind(
        &self,
        kernel: &'static Kernel,
        dispatch: &Dispatch,
        tiles: &'static Tiles,
        buffers: &[AnyBuffer],
    ) -> Dispatch {
        self.dispatch(kernel, tiles, &dispatch.params, buffers, dispatch.grid)
    }

    fn compiled(&self, kernel: &'static Kernel, tiles: &'static Tiles) -> Arc<Compiled> {
        let mut pipelines = self.pipelines.lock().expect("no panic while compiling");
        let key = (kernel.name, if kernel.is_product() { tiles.name } else { "" });
        pipelines.entry(key).or_insert_with(|| Arc::new(self.compile(kernel, tiles))).clone()
    }

    fn compile(&self, kernel: &Kernel, tiles: &Tiles) -> Compiled {
        let reflection = Reflection::of(kernel, tiles);
        let mut text = kernel.text(tiles);
        if self.no_uniforms {
            text = text.replace("var<uniform>", "var<storage, read>");
        }
        let descriptor =
            wgpu::ShaderModuleDescriptor { label: Some(kernel.name), source: wgpu::ShaderSource::Wgsl(text.into()) };
        // SAFETY: the text is part of this crate: its loops end, and it stays within the declared lengths, which `call`
        // checks. wgpu's own checks keep drivers from unrolling loops over registers: products took 4 times as long.
        let module =
            unsafe { self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
        let entries: Vec<_> = reflection.bindings.iter().map(|binding| binding.layout(self.no_uniforms)).collect();
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name), entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(kernel.name),
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            // Every kernel writes workgroup memory before it reads it.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Compiled { pipeline, layout, reflection }
    }
}

fn workgroups(kernel: &Kernel, reflection: &Reflection, grid: Grid) -> [u32; 3] {
    let groups = match grid {
        Grid::Threads(threads) => {
            let [x, y, z] = reflection.workgroup_size.map(|size| size as usize);
            let groups = threads.div_ceil(x * y * z);
            // The kernel computes its index from num_workgroups: shaders/shared/linear_index.wgsl.
            let rows = groups.div_ceil(MAX_GROUPS).max(1);
            [groups.div_ceil(rows), rows, 1]
        }
        Grid::Tiles([columns, rows, count]) => {
            let tile = reflection.tile.unwrap_or_else(|| panic!("{}: no TILE_ROWS in its WGSL", kernel.name));
            [columns.div_ceil(tile[0] as usize), rows.div_ceil(tile[1] as usize), count]
        }
        Grid::Groups(groups) => groups,
    };
    assert!(
        groups.iter().all(|&n| n <= MAX_GROUPS),
        "{}: found {groups:?} workgroups, expected at most {MAX_GROUPS}",
        kernel.name
    );
    groups.map(|n| n as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adam on the paper's model has 69 million elements: more workgroups than fit in one dimension.
    #[test]
    fn long_launches_fold_over_two_dimensions() {
        let kernel = &crate::kernels::adam::KERNEL;
        let reflection = Reflection::of(kernel, crate::gpu::tiles::DEFAULT);
        for threads in [0, 1, 64, 65, 65_535 * 64, 65_535 * 64 + 1, 69_198_080] {
            let [x, y, z] = workgroups(kernel, &reflection, Grid::Threads(threads)).map(|n| n as usize);
            assert!(x <= MAX_GROUPS && y <= MAX_GROUPS && z == 1, "{threads}");
            assert!(x * y * 64 >= threads && x * y * 64 < threads + 64 * (y + 1), "{threads}: {x} × {y}");
        }
    }
}
