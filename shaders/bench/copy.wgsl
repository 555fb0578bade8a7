// copied = source: measures the bandwidth of memory
//
// Both (length), four elements per invocation. Twin: src/bench/copy.rs.

struct Params { length: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> copied: array<vec4<f32>>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = linear_index(group, groups, lane, 256u);
    if i >= p.length / 4u { return; }
    copied[i] = source[i];
}
