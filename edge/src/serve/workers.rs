//! One runtime for each core for shoppers' connections: a connection stays with the runtime that it was dealt to.
//!
//! Tasks that never change threads need no work stealing and wake nobody. The feed, the loader and L2 run elsewhere,
//! and the kernel interleaves them (docs/adr/0019).

use std::{
    io,
    num::NonZeroUsize,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The number of serving threads; 0 means one for each core that the process may use.
pub(super) fn threads(wanted: usize) -> usize {
    let cores = || thread::available_parallelism().map_or(1, NonZeroUsize::get);
    if wanted == 0 { cores() } else { wanted }
}

/// Threads with a runtime each; when this is dropped, they end and their connections are cut off.
pub(super) struct Workers {
    handles: Vec<Handle>,
    _stop: Vec<oneshot::Sender<()>>,
    dealt: AtomicUsize,
}

impl Workers {
    pub(super) fn start(wanted: usize) -> io::Result<Self> {
        let started = (0..threads(wanted)).map(start).collect::<io::Result<Vec<_>>>()?;
        let (handles, stop) = started.into_iter().unzip();
        Ok(Self { handles, _stop: stop, dealt: AtomicUsize::new(0) })
    }

    /// The runtime for the next connection; each in turn.
    pub(super) fn next(&self) -> &Handle {
        &self.handles[self.dealt.fetch_add(1, Ordering::Relaxed) % self.handles.len()]
    }
}

fn start(number: usize) -> io::Result<(Handle, oneshot::Sender<()>)> {
    let (stop, stopped) = oneshot::channel::<()>();
    let (tell, told) = mpsc::channel();
    let run = move || {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(tell.send(Err(error))),
        };
        if tell.send(Ok(runtime.handle().clone())).is_ok() {
            let _ended_with_its_sender = runtime.block_on(stopped);
        }
    };
    thread::Builder::new().name(format!("serve-{number}")).spawn(run)?;
    let handle = told.recv().map_err(|_| io::Error::other("a serving thread ended at once"))??;
    Ok((handle, stop))
}
