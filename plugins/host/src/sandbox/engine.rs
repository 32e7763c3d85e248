//! The engine: how components are compiled, and how long and how large a call may be.

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use onhand_http::setting::Span;
use onhand_wire::Timestamp;
use wasmtime::{
    Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolConcurrencyLimitError, PoolingAllocationConfig, Store,
    Trap,
};

use crate::{
    config::Config,
    sandbox::call_state::CallState,
    world::{
        fault::{Failure, Reason},
        limits::OUTPUT_BYTES,
    },
};

/// Concurrent calls. Calls are synchronous, so this bounds the threads that make them; a slot costs only address space
/// until it is used.
const CONCURRENT: u32 = 64;
/// A component has its own module and the small ones that wrap its imports; Python's has its libraries, each a module.
const CORE_INSTANCES: u32 = 64;
/// 1 in Rust and C; 3 with QuickJS.
const MEMORIES: u32 = 8;
/// How much of a call's memory a slot keeps and clears instead of returning it to the kernel: a call that touches no
/// more has no page faults.
const KEEP_RESIDENT: usize = 1 << 20;
pub(crate) const PAGE: usize = 64 << 10;
const TICK: Duration = Duration::from_millis(1);

pub(crate) struct Sandbox {
    pub(crate) engine: Engine,
}

/// Ticks of the clock, counted from the start of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticks(u64);

/// The limits of a call of one release.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) deadline: Ticks,
    /// Bytes.
    pub(crate) memory: usize,
}

impl Ticks {
    pub(crate) fn span(self) -> Duration {
        Duration::from_millis(self.0)
    }

    /// At least two ticks, because the first may come at once; see [`Config::deadline`].
    pub(crate) fn of(span: Span) -> Self {
        let whole = span.0.as_micros().div_ceil(TICK.as_micros());
        Self(u64::try_from(whole).unwrap_or(u64::MAX / 2).clamp(2, u64::MAX / 2))
    }
}

impl Sandbox {
    pub(crate) fn new(config: &Config) -> io::Result<Self> {
        Self::of(&pooled(config))
    }

    /// An engine that counts instructions, which takes extra time; for authors.
    pub(crate) fn counting(config: &Config) -> io::Result<Self> {
        Self::of(pooled(config).consume_fuel(true))
    }

    fn of(config: &wasmtime::Config) -> io::Result<Self> {
        let engine = Engine::new(config).map_err(io::Error::other)?;
        let weak = engine.weak();
        thread::Builder::new().name("rules-clock".into()).spawn(move || tick(&weak))?;
        Ok(Self { engine })
    }

    /// A store for one call. Its clock starts here, so instantiation counts.
    pub(crate) fn store(
        &self,
        settings: &Arc<BTreeMap<String, String>>,
        limits: Limits,
        at: Timestamp,
    ) -> Store<CallState> {
        let mut store = Store::new(&self.engine, CallState::new(limits.memory, settings.clone(), at));
        store.limiter(|state| state);
        store.set_epoch_deadline(limits.deadline.0);
        store.set_hostcall_fuel(OUTPUT_BYTES);
        store
    }
}

fn pooled(config: &Config) -> wasmtime::Config {
    // Room for the most that a release may ask for. This is only address space; each store has its own limit.
    let memory = usize::try_from(config.memory.0.max(config.max_memory.0)).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(CONCURRENT)
        .total_core_instances(CONCURRENT * CORE_INSTANCES)
        .total_memories(CONCURRENT * MEMORIES)
        .total_tables(CONCURRENT * CORE_INSTANCES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_tables_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        // The limit of each memory; the store limits all memories of a call together.
        .max_memory_size(memory)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        // Clears only the touched pages, if the kernel can tell (Linux 6.7): 22 µs a call -> 11.
        .pagemap_scan(Enabled::Auto);
    let mut config = compiling(memory);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// All settings that the compiled code depends on.
pub(crate) fn compiling(memory: usize) -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .concurrency_support(false)
        // On the loading thread only, so that requests keep their cores.
        .parallel_compilation(false)
        .epoch_interruption(true)
        // Code checks the bounds, not guard pages, so that a memory that has grown need not be protected again: 11 µs a
        // call -> 6, and no slower if a rule computes much. It also needs no signal handlers, and no 4 GiB of address
        // space for each slot.
        .signals_based_traps(false)
        .memory_reservation(memory.checked_next_multiple_of(PAGE).unwrap_or(memory) as u64)
        .memory_guard_size(0)
        // A call is a pure function of its input, on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

/// The clock: counts the milliseconds that have passed, including those that it overslept. Ends with the engine.
fn tick(engine: &EngineWeak) {
    let mut next = Instant::now();
    loop {
        next += TICK;
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let Some(engine) = engine.upgrade() else { return };
        engine.increment_epoch();
    }
}

/// Interprets an error of the call itself.
pub(crate) fn failure(error: &wasmtime::Error, state: &CallState) -> Failure {
    let detail = format!("{error:?}");
    let reason = match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => Reason::Deadline,
        _ if state.denied => Reason::Memory,
        None if error.is::<PoolConcurrencyLimitError>() => Reason::Busy,
        // Wasmtime has no public type for it; the test with a huge answer fails if the wording changes.
        None if detail.contains("fuel allocated for hostcalls") => Reason::TooLarge,
        _ => Reason::Trap,
    };
    Failure::new(reason, detail)
}
