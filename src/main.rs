//! Parses, loads the configuration, calls a library's run(). No logic of its own.

#![allow(clippy::print_stdout)] // this crate is the command: stdout is its answer

mod command;
mod config;
mod keys;
mod logging;
mod replay;

use std::process::ExitCode;

use clap::Parser;

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
