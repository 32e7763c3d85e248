//! Compiling, within limits of time and memory.
//!
//! Cranelift cannot be stopped, and a component that is small as a file may be large once compiled. So a process of its
//! own compiles it first, under limits (ADR 0021); only if that succeeds is it compiled here.

use std::{
    io::{self, Read, Write},
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use onhand_http::setting::Size;
use rustix::process::{Resource, Rlimit, setrlimit};
use wasmtime::{Engine, component::Component};

use crate::{
    config::Config,
    sandbox::{engine, fault::ComponentFault},
};

/// The time between checks of the process that compiles.
const LOOK: Duration = Duration::from_millis(5);
/// The most bytes that are read of that process's output.
const MESSAGE_BYTES: u64 = 4096;

pub(crate) fn component(config: &Config, engine: &Engine, bytes: &[u8]) -> Result<Component, ComponentFault> {
    if let Some(compiler) = &config.compiler {
        try_elsewhere(compiler, config, bytes)?;
    }
    Component::new(engine, bytes).map_err(|error| ComponentFault::Invalid(format!("{error:#}")))
}

fn try_elsewhere(compiler: &Path, config: &Config, bytes: &[u8]) -> Result<(), ComponentFault> {
    let can_not = |error: io::Error| ComponentFault::Compile(format!("{} can't be run: {error}", compiler.display()));
    let seconds = config.compile_time.0.as_secs_f64().ceil() as u64;
    let mut child = Command::new(compiler)
        .args(["compile-rule", &config.compile_memory.0.to_string(), &seconds.to_string()])
        .arg(config.memory.0.max(config.max_memory.0).to_string())
        // It needs nothing of our environment; and mimalloc must not reserve more at its start than the limit allows.
        .env_clear()
        .env("MIMALLOC_ARENA_EAGER_COMMIT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(can_not)?;
    // If the child dies before it has read everything, its exit status says why.
    drop(child.stdin.take().map(|mut stdin| stdin.write_all(bytes)));
    let deadline = Instant::now() + config.compile_time.0;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(can_not)? {
            break status;
        }
        if Instant::now() >= deadline {
            child.kill().and_then(|()| child.wait()).map_err(can_not)?;
            return Err(ComponentFault::Compile(format!(
                "it took longer than rules.compile_time, {}; components in Python usually need `compile_time = \"5m\"`",
                humantime(config.compile_time.0)
            )));
        }
        thread::sleep(LOOK);
    };
    if status.success() {
        return Ok(());
    }
    let mut message = String::new();
    let stderr = child.stderr.take().map(|stderr| stderr.take(MESSAGE_BYTES).read_to_string(&mut message));
    drop(stderr);
    match status.code() {
        Some(INVALID) => Err(ComponentFault::Invalid(message.trim().to_owned())),
        _ => Err(ComponentFault::Compile(format!(
            "it took more than rules.compile_memory ({}) or rules.compile_time: {status} {}",
            config.compile_memory.0,
            message.lines().next().unwrap_or_default()
        ))),
    }
}

fn humantime(span: Duration) -> String {
    format!("{} s", span.as_secs_f64())
}

/// The exit code for a component that does not compile, whatever it may use.
const INVALID: i32 = 3;

/// What [`Config::compiler`] does with its arguments after `compile-rule`: applies their limits to itself and compiles
/// the component on its standard input. The result is thrown away; only the trial matters.
pub fn try_compiling(arguments: &[String]) -> ExitCode {
    let numbers: Option<Vec<u64>> = arguments.iter().map(|argument| argument.parse().ok()).collect();
    let Some([memory, seconds, guest]) = numbers.as_deref() else {
        eprintln!("compile-rule MEMORY_BYTES SECONDS GUEST_MEMORY_BYTES < COMPONENT");
        return ExitCode::FAILURE;
    };
    match compile_within(Size(*memory), *seconds, *guest) {
        Ok(Ok(_)) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("{error:#}");
            ExitCode::from(INVALID as u8)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compile_within(memory: Size, seconds: u64, guest: u64) -> io::Result<wasmtime::Result<Component>> {
    let limit = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    limit(Resource::Data, memory.0)?;
    limit(Resource::Cpu, seconds)?;
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let guest = usize::try_from(guest).unwrap_or(usize::MAX);
    Ok(Engine::new(&engine::compiling(guest)).and_then(|engine| Component::new(&engine, bytes)))
}
