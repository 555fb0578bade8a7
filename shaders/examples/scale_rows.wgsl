// y = factor · row_scale x
//
// x (B, F), row_scale (B) → y (B, F). Source: the tutorial of docs/kernels.md.

struct Params { rows: u32, width: u32, factor: f32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> x: array<f32>; // (B, F)
@group(0) @binding(3) var<storage, read> row_scale: array<f32>; // (B)
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // (B, F)

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = linear_index(group, groups, lane, 64u);
    if i >= p.rows * p.width { return; }
    y[i] = p.factor * row_scale[i / p.width] * x[i];
}
