//! Work on a thread of its own.

use tokio::{runtime, sync::oneshot};

/// Runs `work` on a thread and a runtime of its own, so that it does not wait for other tasks; ends when the work ends
/// or panics. If dropped, it drops the work at its next await.
pub(crate) async fn own(name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
    let (_stop, stopped) = oneshot::channel::<()>();
    let (done, ended) = oneshot::channel();
    let run = move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            tokio::select! {
                () = work => {}
                _ = stopped => {}
            }
        });
        drop(done);
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread");
    let _either_way = ended.await as Result<(), _>;
}
