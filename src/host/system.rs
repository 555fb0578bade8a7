//! Free memory as the operating system reports it.

/// Bytes of memory that this process can still allocate; `None` on systems without `/proc/meminfo` (all but Linux).
pub fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
    };
    let free = field("MemAvailable:")? + field("SwapFree:")?;
    Some(free.min(free_in_container().unwrap_or(u64::MAX)))
}

/// Bytes left below a container's limit; its file cache counts as free, since the kernel reclaims it.
fn free_in_container() -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/memory.{name}")).ok();
    let limit: u64 = read("max")?.trim().parse().ok()?; // "max" without a limit
    let taken: u64 = read("current")?.trim().parse().ok()?;
    let cache = read("stat")?.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse::<u64>().ok())?;
    Some(limit.saturating_sub(taken.saturating_sub(cache)))
}
