//! Calls other compilers.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::error::AuthorError;

/// Prints what runs, since some tools take minutes, and runs it with its errors on this terminal.
pub(super) fn run(what: &str, command: &mut Command) -> Result<(), AuthorError> {
    eprintln!("building with {what}");
    // stdout is for this command's answer, not for a tool's output.
    let output = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).output();
    match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => eprint!("{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => eprintln!("{error}"),
    }
    Err(AuthorError::Tool { command: shown(command) })
}

/// The command's output; `None` if there is no such program, or it fails.
pub(super) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

pub(super) fn there(program: &str) -> bool {
    ask(Command::new(program).arg("--version")).is_some()
}

fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    [name.to_string_lossy()].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}
