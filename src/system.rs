//! What the operating system tells about this machine.

/// Bytes of memory that this process can still take; `None` where the system does not say (only Linux does, in
/// `/proc/meminfo`).
pub fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
    };
    let free = field("MemAvailable:")? + field("SwapFree:")?;
    // A container may have less; what it has taken already is mostly cache that it would give back.
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    Some(free.min(group.and_then(|max| max.trim().parse().ok()).unwrap_or(u64::MAX)))
}
