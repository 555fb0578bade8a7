//! What the operating system reports about this machine and its processes.

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

/// Bytes left under the memory limit of a container; its reclaimable file cache counts as free.
fn free_in_container() -> Option<u64> {
    let read = |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/memory.{name}")).ok();
    let limit: u64 = read("max")?.trim().parse().ok()?; // "max" without a limit
    let taken: u64 = read("current")?.trim().parse().ok()?;
    let cache = read("stat")?.lines().find_map(|line| line.strip_prefix("inactive_file ")?.parse::<u64>().ok())?;
    Some(limit.saturating_sub(taken.saturating_sub(cache)))
}

/// Name of this machine, or `unknown-host`. Letters, digits and hyphens only, so that it can be part of a file name.
pub fn hostname() -> String {
    let file = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let variable = || ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let command = || {
        let output = std::process::Command::new("hostname").output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let name = file.or_else(variable).or_else(command).unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.trim().chars().take(64).map(plain).collect();
    if name.is_empty() { "unknown-host".into() } else { name }
}

/// Identifies the scope of process ids: boot id and pid namespace. Empty if the system does not report them.
pub fn pid_space() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned());
    format!("{} {}", boot.trim(), namespace.unwrap_or_default()).trim().to_owned()
}

/// A process of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Process {
    /// Running; its start time in the system's notation distinguishes it from later processes with the same id
    Running(String),
    /// Ended or never started
    Ended,
    /// The system does not report it
    Unknown,
}

/// Returns the state of a process of this machine.
pub fn process(pid: u32) -> Process {
    if cfg!(target_os = "linux") {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return Process::Ended };
        // The name in parentheses may contain anything; state and start time are fields 3 and 22.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        return match (fields.first(), fields.get(19)) {
            (Some(&("Z" | "X")), _) => Process::Ended,
            (_, Some(start)) => Process::Running((*start).to_owned()),
            _ => Process::Unknown,
        };
    }
    if cfg!(unix) {
        let Ok(output) = std::process::Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output()
        else {
            return Process::Unknown;
        };
        let start = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        return if start.is_empty() { Process::Ended } else { Process::Running(start) };
    }
    Process::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_process_is_known_by_its_start() {
        let own = process(std::process::id());
        assert!(matches!(&own, Process::Running(start) if !start.is_empty()), "{own:?}");
        assert_eq!(own, process(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().expect("a process");
        child.wait().expect("it ends");
        assert_eq!(process(child.id()), Process::Ended);
    }

    #[test]
    fn the_host_name_can_be_part_of_a_file_name() {
        let name = hostname();
        assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
    }
}
