//! Parses, loads the configuration, calls a library's run(). No logic of its own.

#![allow(clippy::print_stdout)] // this crate is the command: stdout is its answer

mod bench;
mod command;
mod config;
mod keys;
mod logging;

mod progress;
mod tiers;
mod replay;
mod audit;
mod sale;

use std::process::ExitCode;

use clap::Parser;

/// Requests are born on one thread and die on another, where glibc's allocator makes threads wait.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = command::Onhand::parse();
    match command.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("onhand: {error}");
            ExitCode::FAILURE
        }
    }
}
