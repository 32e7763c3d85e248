//! Which core a process runs on, and how much it has used, for benchmarks.

use std::{process::Command, time::Duration};

/// Keeps this process, and those that it starts from now on, on one core.
pub fn stay_on(core: usize) {
    run("taskset", &["-a", "-c", "-p", &core.to_string(), &std::process::id().to_string()]);
}

/// Runs a process before its neighbours whenever it has work (SCHED_FIFO): on a machine with two cores, a node shares a
/// core with servers that would otherwise have their own machines.
pub fn favour(pid: i32) {
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        run("chrt", &["--fifo", "-p", "5", &task.file_name().to_string_lossy()]);
    }
}

fn run(program: &str, args: &[&str]) {
    let done = Command::new(program).args(args).output();
    let done = done.unwrap_or_else(|error| panic!("{program} (in the package util-linux): {error}"));
    assert!(done.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// Processor time of a process and of its living children.
pub fn cpu_time(pid: i32) -> Duration {
    // In hundredths of a second, as in Linux's /proc.
    let own = stat(pid).map_or(0, |ticks| ticks * 10);
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_ascii_whitespace().filter_map(|child| child.parse().ok());
    Duration::from_millis(own) + children.map(cpu_time).sum::<Duration>()
}

/// utime and stime: the 14th and 15th field, counted after the name in parentheses.
fn stat(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// Resident memory of a process, in bytes.
pub fn resident(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.expect("a process tells its resident memory") * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_time_and_memory() {
        let own = std::process::id() as i32;
        let before = cpu_time(own);
        while cpu_time(own) < before + Duration::from_millis(20) {
            std::hint::black_box((0..100_000_u64).sum::<u64>());
        }
        assert!(resident(own) > 1 << 20);
    }
}
