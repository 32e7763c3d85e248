//! A share of a core for one process, by the kernel's cgroups (1 or 2). Needs root.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use onhand_harness::Error;

/// So short that the measurement does not show the wait for the next share.
const PERIOD_US: f64 = 4000.0;

pub(crate) struct Cage(PathBuf);

impl Cage {
    /// Limits a process to a share of one core, and moves this process to the other.
    pub(crate) fn hold(pid: i32, core: f64) -> Result<Self, Error> {
        let name = format!("onhand-drill-{}", std::process::id());
        let quota = (PERIOD_US * core).max(1000.0);
        let period = quota / core;
        let first = Path::new("/sys/fs/cgroup/cpu");
        let cage = if first.is_dir() {
            let cage = made(first.join(name))?;
            write(&cage.join("cpu.cfs_period_us"), &format!("{period:.0}"))?;
            write(&cage.join("cpu.cfs_quota_us"), &format!("{quota:.0}"))?;
            cage
        } else {
            let root = Path::new("/sys/fs/cgroup");
            write(&root.join("cgroup.subtree_control"), "+cpu")?;
            let cage = made(root.join(name))?;
            write(&cage.join("cpu.max"), &format!("{quota:.0} {period:.0}"))?;
            cage
        };
        write(&cage.join("cgroup.procs"), &pid.to_string())?;
        pin(pid, 1);
        favour(pid)?;
        pin(std::process::id() as i32, 0);
        Ok(Self(cage))
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        // It is empty only once the process is gone; the next run uses another.
        let parent = self.0.parent().map(|parent| parent.join("cgroup.procs"));
        let inside = fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default();
        for pid in inside.lines() {
            let _gone = parent.as_ref().map(|parent| fs::write(parent, pid));
        }
        let _left = fs::remove_dir(&self.0);
    }
}

fn made(path: PathBuf) -> Result<PathBuf, Error> {
    let refused = |error| Error::Refused(format!("{}: {error}; the drill needs root and cgroups", path.display()));
    fs::create_dir(&path).map_err(refused)?;
    Ok(path)
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    let refused = |error| Error::Refused(format!("{}: {error}; the drill needs root and cgroups", path.display()));
    fs::write(path, text).map_err(refused)
}

/// The other processes on its core (the origin, its database, Kafka) must not take any of its share.
fn favour(pid: i32) -> Result<(), Error> {
    let refused = |error| Error::Refused(format!("the edge's threads: {error}"));
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).map_err(refused)?;
    for task in tasks.flatten() {
        let first = Command::new("renice").args(["-n", "-20", "-p"]).arg(task.file_name()).output();
        if !first.is_ok_and(|first| first.status.success()) {
            return Err(Error::Refused("renice failed; the drill needs root".to_owned()));
        }
    }
    Ok(())
}

/// On a machine of one core everything stays where it is.
fn pin(pid: i32, core: usize) {
    let set = Command::new("taskset").args(["-apc", &core.to_string(), &pid.to_string()]).output();
    if !set.is_ok_and(|set| set.status.success()) {
        eprintln!("drill-overload: process {pid} is not held to core {core}");
    }
}
