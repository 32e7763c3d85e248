//! Sends signals to a process and all its descendants: PostgreSQL's backends have sessions of their own, so a process
//! group does not reach them.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

fn parent_and_state(pid: i32) -> Option<(i32, char)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything, so count from its end.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

/// `root` first.
fn members(root: i32) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parents: Vec<(i32, i32)> = pids.filter_map(|pid| Some((pid, parent_and_state(pid)?.0))).collect();
    let mut tree = vec![root];
    let mut next = 0;
    while next < tree.len() {
        let parent = tree[next];
        tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    tree
}

pub(crate) fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // An error means that it is already gone, as the caller wants.
        let _ = kill_process(pid, signal);
    }
}

fn send_all(root: i32, signal: Signal) -> Vec<i32> {
    let pids = members(root);
    pids.iter().for_each(|pid| send(*pid, signal));
    pids
}

/// Stops the root first, so that it does not fork while its children are searched for.
pub(crate) fn stop(root: i32) {
    send(root, Signal::STOP);
    send_all(root, Signal::STOP);
}

pub(crate) fn resume(root: i32) {
    send_all(root, Signal::CONT);
}

/// Kills all, and waits until the descendants are gone (the caller reaps the root).
pub(crate) fn kill(root: i32) {
    stop(root);
    let pids = send_all(root, Signal::KILL);
    let dead = |pid: &i32| parent_and_state(*pid).is_none_or(|(_, state)| matches!(state, 'Z' | 'X'));
    let deadline = Instant::now() + Duration::from_secs(5);
    while !pids.iter().all(dead) && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
}
