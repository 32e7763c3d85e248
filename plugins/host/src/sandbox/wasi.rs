//! The empty WASI, for guests whose toolchain needs one (JavaScript, Python, C): no files, no network, no environment,
//! a clock that always shows the request's time, and the same random numbers for each call. What they print goes to the
//! rule's log. All other calls trap.

use wasmtime::{
    StoreContextMut,
    component::{
        Component, Linker, Resource, Val,
        types::{ComponentInstance, ComponentItem},
    },
};

use crate::sandbox::call_state::{CallState, Level};

/// How many bytes a guest may print, or get as random numbers, at once.
const AT_ONCE: u64 = 4096;

type Context<'a> = StoreContextMut<'a, CallState>;
type WasiResults = wasmtime::Result<Vec<Val>>;

/// Defines the functions of `wasi:…` that a component imports, or nothing if it imports none.
pub(crate) fn add(linker: &mut Linker<CallState>, component: &Component) -> wasmtime::Result<()> {
    let engine = component.engine().clone();
    let world = component.component_type();
    let mut wanted = false;
    let mut others = false;
    for (name, item) in world.imports(&engine) {
        if let (true, ComponentItem::ComponentInstance(instance)) = (name.starts_with("wasi:"), &item.ty) {
            wanted = true;
            interface(linker, name, instance, &engine)?;
        } else if !name.starts_with("onhand:rules/") {
            others = true;
        }
    }
    // Other imports must not be stubbed: linking then names them.
    if wanted && !others {
        linker.define_unknown_imports_as_traps(component)?;
    }
    Ok(())
}

fn interface(
    linker: &mut Linker<CallState>,
    name: &str,
    instance: &ComponentInstance,
    engine: &wasmtime::Engine,
) -> wasmtime::Result<()> {
    let plain = name.split('@').next().unwrap_or(name).to_owned();
    let mut linker = linker.instance(name)?;
    for (function, item) in instance.exports(engine) {
        if !matches!(item.ty, ComponentItem::ComponentFunc(_)) || !is_known(&plain, function) {
            continue;
        }
        let (plain, called) = (plain.clone(), function.to_owned());
        linker.func_new(function, move |mut store, _, given, results| {
            for (result, answer) in results.iter_mut().zip(answer(&mut store, &plain, &called, given)?) {
                *result = answer;
            }
            // Borrowed values end with the call.
            given
                .iter()
                .filter_map(|val| if let Val::Resource(lent) = val { Some(*lent) } else { None })
                .try_for_each(|lent| lent.resource_drop(&mut store))
        })?;
    }
    Ok(())
}

fn is_known(interface: &str, function: &str) -> bool {
    match interface {
        "wasi:cli/environment" | "wasi:cli/exit" | "wasi:cli/stdin" | "wasi:cli/stdout" | "wasi:cli/stderr" => true,
        "wasi:cli/terminal-stdin" | "wasi:cli/terminal-stdout" | "wasi:cli/terminal-stderr" => true,
        "wasi:clocks/wall-clock" | "wasi:clocks/monotonic-clock" => true,
        "wasi:random/random" | "wasi:random/insecure" | "wasi:random/insecure-seed" => true,
        "wasi:filesystem/preopens" => function == "get-directories",
        "wasi:filesystem/types" => function == "filesystem-error-code",
        "wasi:io/poll" => matches!(function, "[method]pollable.ready" | "[method]pollable.block"),
        "wasi:io/streams" => STREAMS.contains(&function),
        _ => false,
    }
}

const STREAMS: [&str; 8] = [
    "[method]output-stream.check-write",
    "[method]output-stream.write",
    "[method]output-stream.blocking-write-and-flush",
    "[method]output-stream.flush",
    "[method]output-stream.blocking-flush",
    "[method]output-stream.subscribe",
    "[method]input-stream.read",
    "[method]input-stream.blocking-read",
];

fn answer(store: &mut Context<'_>, interface: &str, function: &str, given: &[Val]) -> WasiResults {
    let done = || Val::Result(Ok(None));
    Ok(vec![match (interface, function) {
        ("wasi:cli/environment", "initial-cwd") => Val::Option(None),
        ("wasi:cli/environment", _) | ("wasi:filesystem/preopens", _) => Val::List(Vec::new()),
        ("wasi:cli/exit", _) => return Err(wasmtime::Error::msg("the rule exits")),
        ("wasi:cli/stdin" | "wasi:cli/stdout" | "wasi:cli/stderr", _) => resource(store)?,
        ("wasi:cli/terminal-stdin" | "wasi:cli/terminal-stdout" | "wasi:cli/terminal-stderr", _) => Val::Option(None),
        ("wasi:filesystem/types", _) => Val::Option(None),
        ("wasi:clocks/wall-clock", "resolution") => moment(1_000_000),
        ("wasi:clocks/wall-clock", _) => moment(nanoseconds(store)),
        ("wasi:clocks/monotonic-clock", "resolution") => Val::U64(1_000_000),
        ("wasi:clocks/monotonic-clock", "now") => Val::U64(nanoseconds(store)),
        ("wasi:clocks/monotonic-clock", _) | ("wasi:io/streams", "[method]output-stream.subscribe") => resource(store)?,
        ("wasi:io/poll", "[method]pollable.ready") => Val::Bool(true),
        ("wasi:io/poll", _) => return Ok(Vec::new()),
        ("wasi:random/insecure-seed", _) => Val::Tuple(vec![Val::U64(random(store)), Val::U64(random(store))]),
        ("wasi:random/random" | "wasi:random/insecure", _) => return drawn(store, given).map(|drawn| vec![drawn]),
        ("wasi:io/streams", "[method]output-stream.check-write") => Val::Result(Ok(Some(Box::new(Val::U64(AT_ONCE))))),
        ("wasi:io/streams", "[method]input-stream.read" | "[method]input-stream.blocking-read") => {
            Val::Result(Err(Some(Box::new(Val::Variant("closed".to_owned(), None)))))
        }
        ("wasi:io/streams", _) => {
            if let Some(Val::List(bytes)) = given.get(1) {
                print(store, bytes);
            }
            done()
        }
        _ => return Err(wasmtime::Error::msg(format!("{interface}#{function} is not available"))),
    }])
}

/// All resources are the same: there is nothing behind them.
fn resource(store: &mut Context<'_>) -> wasmtime::Result<Val> {
    Resource::<()>::new_own(0).try_into_resource_any(store).map(Val::Resource)
}

fn nanoseconds(store: &Context<'_>) -> u64 {
    u64::try_from(store.data().at.micros()).unwrap_or(0).saturating_mul(1000)
}

fn moment(nanoseconds: u64) -> Val {
    let part = |nanoseconds: u64| u32::try_from(nanoseconds).unwrap_or(0);
    Val::Record(vec![
        ("seconds".to_owned(), Val::U64(nanoseconds / 1_000_000_000)),
        ("nanoseconds".to_owned(), Val::U32(part(nanoseconds % 1_000_000_000))),
    ])
}

/// SplitMix64, with the same seed in each call.
fn random(store: &mut Context<'_>) -> u64 {
    let state = store.data_mut();
    state.random = state.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = state.random;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn drawn(store: &mut Context<'_>, given: &[Val]) -> wasmtime::Result<Val> {
    match given.first() {
        None => Ok(Val::U64(random(store))),
        Some(Val::U64(many)) if *many <= AT_ONCE => {
            Ok(Val::List((0..*many).map(|_| Val::U8(random(store) as u8)).collect()))
        }
        Some(_) => Err(wasmtime::Error::msg(format!("more than {AT_ONCE} random bytes at once"))),
    }
}

fn print(store: &mut Context<'_>, bytes: &[Val]) {
    let bytes: Vec<u8> =
        bytes.iter().filter_map(|byte| if let Val::U8(byte) = byte { Some(*byte) } else { None }).collect();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().filter(|line| !line.trim().is_empty()).for_each(|line| store.data_mut().keep(Level::Info, line));
}
