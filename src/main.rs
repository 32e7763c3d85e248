//! Parses the command line, loads the configuration and calls a library's run(). It has no logic of its own.

#![allow(clippy::print_stdout)] // this crate is the command, and stdout is its answer

mod bench;
mod failover;
mod command;
mod config;
mod keys;
mod logging;
mod openapi;

mod progress;
mod tiers;
mod tls;
mod replay;
mod audit;
mod sale;

use std::process::ExitCode;

use clap::Parser;

/// Requests are allocated on one thread and freed on another, and then glibc's allocator makes threads wait.
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
