// Index of an invocation in a launch that is split over x and y (Grid::Threads).
fn linear_index(group: vec3<u32>, groups: vec3<u32>, lane: u32, size: u32) -> u32 {
    return (group.y * groups.x + group.x) * size + lane;
}

