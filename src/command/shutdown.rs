//! SIGTERM and Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first signal after this call: a signal does not end the process any more, though nobody waits yet.
pub(super) fn requested() -> impl Future<Output = ()> {
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be listened for");
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT can be listened for");
    async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new calls are taken, and current ones are finished");
    }
}

/// Resolves once `stopped` holds true, or its sender is gone.
pub(super) async fn until(mut stopped: tokio::sync::watch::Receiver<bool>) {
    drop(stopped.wait_for(|stop| *stop).await);
}
