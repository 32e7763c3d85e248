//! `compile-rule compile-rule MEMORY SECONDS GUEST_MEMORY`: what `onhand compile-rule` does, for the tests.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(2).collect();
    onhand_rules::try_compiling(&arguments)
}
