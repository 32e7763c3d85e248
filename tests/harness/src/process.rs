//! One process of a world: it can be started, killed, frozen and restarted, and its output is kept.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    Clock, Error,
    spawn::{self, User},
    tree,
};

/// How long a server may take to answer. Two busy cores are slow.
const START: Duration = Duration::from_secs(180);

/// How to run it, again after each kill: with the same port and the same data.
pub(crate) struct Recipe {
    pub name: String,
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env: Vec<(String, String)>,
    pub user: Option<User>,
    /// The directory for its output: `NAME.out` for the current run, and `NAME.log` for all runs.
    pub logs: PathBuf,
}

/// Checks whether the process is ready.
pub(crate) type Probe = Box<dyn Fn(&Path) -> bool + Send + Sync>;

struct Inner {
    recipe: Recipe,
    probe: Probe,
    /// Shared with other tests, which would not expect it to die.
    shared: bool,
    child: Mutex<Option<Child>>,
    /// More variables for later runs, besides the recipe's.
    env: Mutex<Vec<(String, String)>>,
}

/// A handle; the process is killed with the last one.
#[derive(Clone)]
pub struct Process(Arc<Inner>);

impl Process {
    pub(crate) fn new(recipe: Recipe, shared: bool, probe: Probe) -> Self {
        let (child, env) = (Mutex::new(None), Mutex::default());
        Self(Arc::new(Inner { recipe, probe, shared, child, env }))
    }

    pub fn name(&self) -> &str {
        &self.0.recipe.name
    }

    /// Starts it, or starts it again, and waits until it answers.
    pub async fn start(&self) {
        let process = self.clone();
        let started = tokio::task::spawn_blocking(move || process.start_blocking()).await;
        started.expect("no panic while starting").unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) fn start_blocking(&self) -> Result<(), Error> {
        {
            let mut child = self.child();
            assert!(child.is_none(), "{} runs already; kill or terminate it first", self.name());
            *child = Some(self.spawn()?);
        }
        self.wait_until_ready()
    }

    fn spawn(&self) -> Result<Child, Error> {
        let recipe = &self.0.recipe;
        let mut command = spawn::bound(recipe.user);
        // Only for the program, not for the whole command: shared memory of another user's process must belong to that
        // user.
        let env = self.env();
        if !env.is_empty() {
            command.arg("env").args(env.iter().map(|(name, value)| format!("{name}={value}")));
        }
        drop(env);
        command.arg(&recipe.program).args(&recipe.args);
        // Settings that the developer has made for their own onhand must not reach the world's.
        std::env::vars_os().filter(|(name, _)| steers(name)).for_each(|(name, _)| {
            command.env_remove(name);
        });
        command.envs(recipe.env.iter().cloned());
        command.current_dir(&recipe.logs).stdin(Stdio::null()).stdout(self.out_file()?).stderr(self.log_file()?);
        command.process_group(0); // we handle a Ctrl-C at the terminal ourselves
        spawn::spawn(command).map_err(Error::file("cannot run (setpriv is in the package util-linux)", &recipe.program))
    }

    fn wait_until_ready(&self) -> Result<(), Error> {
        let began = Instant::now();
        while !(self.0.probe)(&self.out_path()) {
            if let Some(status) = self.exit_status() {
                return Err(self.did_not_start(format!("it ended with {status}")));
            }
            if began.elapsed() > START {
                return Err(self.did_not_start(format!("not ready after {} s", START.as_secs())));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn did_not_start(&self, why: String) -> Error {
        Error::DidNotStart { name: self.name().to_owned(), why, log: self.log_tail(30) }
    }

    /// `kill -9`, for it and its children.
    pub fn kill(&self) {
        self.assert_own();
        end(self.child().take());
    }

    /// SIGSTOP: it keeps its connections and does not answer.
    pub fn freeze(&self) {
        self.assert_own();
        if let Some(pid) = self.pid() {
            tree::stop(pid);
        }
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        if let Some(pid) = self.pid() {
            tree::resume(pid);
        }
    }

    /// SIGTERM; panics if it has not ended within `within`.
    pub async fn terminate(&self, within: Duration) -> ExitStatus {
        self.assert_own();
        let pid = self.pid().unwrap_or_else(|| panic!("{} does not run", self.name()));
        tree::send(pid, Signal::TERM);
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.exit_status() {
                self.child().take();
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{} still runs {within:?} after SIGTERM\n{}",
                self.name(),
                self.log_tail(30)
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// `kill -9` and start again, on the same port and data.
    pub async fn restart(&self) {
        self.kill();
        self.start().await;
    }

    pub fn is_running(&self) -> bool {
        self.pid().is_some() && self.exit_status().is_none()
    }

    /// `None` while it is down.
    pub fn pid(&self) -> Option<i32> {
        self.child().as_ref().map(|child| child.id() as i32)
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        self.child().as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        // A panic elsewhere must not keep us from killing it.
        self.0.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn env(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.0.env.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From its next start on it uses this clock, or the machine's again for `None`.
    pub fn live_by(&self, clock: Option<&Clock>) {
        self.assert_own();
        *self.env() = clock.map(Clock::env).unwrap_or_default();
    }

    fn assert_own(&self) {
        assert!(!self.0.shared, "{} is shared with other tests: use World::start().dedicated()", self.name());
    }

    /// The current run's standard output.
    pub fn output(&self) -> String {
        fs::read_to_string(self.out_path()).unwrap_or_default()
    }

    /// The log of all its runs.
    pub fn log(&self) -> String {
        fs::read(self.log_path()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines of its output and log.
    pub fn log_tail(&self, lines: usize) -> String {
        let tail = |text: String| {
            let from = text.lines().count().saturating_sub(lines);
            text.lines().skip(from).map(|line| format!("  {line}\n")).collect::<String>()
        };
        format!("--- {} ---\n{}{}", self.name(), tail(self.output()), tail(self.log()))
    }

    fn out_path(&self) -> PathBuf {
        self.0.recipe.logs.join(format!("{}.out", self.name()))
    }

    fn log_path(&self) -> PathBuf {
        self.0.recipe.logs.join(format!("{}.log", self.name()))
    }

    fn out_file(&self) -> Result<File, Error> {
        File::create(self.out_path()).map_err(Error::file("cannot write", self.out_path()))
    }

    fn log_file(&self) -> Result<File, Error> {
        let open = OpenOptions::new().create(true).append(true).open(self.log_path());
        open.map_err(Error::file("cannot write", self.log_path()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        end(self.child.get_mut().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn steers(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let named = ["REDIS_ADDR", "KAFKA_ADDR", "DATABASE_URL", "LOG_LEVEL"].contains(&&*name);
    named || ["ONHAND_", "CIRCUIT_BREAKER_", "RATE_LIMIT_"].iter().any(|prefix| name.starts_with(prefix))
}

fn end(child: Option<Child>) {
    if let Some(mut child) = child {
        tree::kill(child.id() as i32);
        let _ = child.wait();
    }
}
