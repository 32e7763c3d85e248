//! `onhand completions`.

use std::process::ExitCode;

use clap::CommandFactory;

#[derive(clap::Args)]
pub(crate) struct Args {
    shell: clap_complete::Shell,
}

impl Args {
    pub(super) fn run(&self) -> ExitCode {
        clap_complete::generate(self.shell, &mut super::Onhand::command(), "onhand", &mut std::io::stdout());
        ExitCode::SUCCESS
    }
}
