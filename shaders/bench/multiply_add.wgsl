// sums = Σ of 8 chains x ← factor · x + term of length 4 · rounds: measures the throughput of multiply-adds
//
// line (2): factor, term → sums (lanes). Chain c of lane i starts at i % 64 + c. Twin: src/bench/multiply_add.rs.

struct Params { lanes: u32, rounds: u32 }

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(2) var<storage, read> line: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let i = linear_index(group, groups, lane, 64u);
    if i >= p.lanes { return; }
    let factor = vec4(line[0]);
    let term = vec4(line[1]);
    // Eight chains hide the latency and stay in the 16 vector registers of a software driver.
    var a = vec4(f32(i % 64u)) + vec4(0.0, 1.0, 2.0, 3.0);
    var b = a + 4.0;
    for (var round = 0u; round < p.rounds; round++) {
        a = fma(a, factor, term);
        b = fma(b, factor, term);
        a = fma(a, factor, term);
        b = fma(b, factor, term);
        a = fma(a, factor, term);
        b = fma(b, factor, term);
        a = fma(a, factor, term);
        b = fma(b, factor, term);
    }
    sums[i] = dot(a + b, vec4(1.0));
}
