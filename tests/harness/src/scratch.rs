//! A temporary directory that is removed whatever happens to this process.

use std::{
    fs,
    io::Write,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use crate::Error;

/// Waits for a line, which this process sends when it drops the directory, or for the end of its input, when this
/// process dies in any way, including `kill -9`. The servers inside are then being killed too (see `spawn`), so it
/// tries several times; but their own children, such as a PostgreSQL backend in a long query, can be found only by
/// their working directory.
const REAPER: &str = r#"
read -r _ || for process in /proc/[0-9]*; do
  case "$(readlink "$process/cwd")" in "$1"|"$1"/*) kill -9 "${process#/proc/}" ;; esac
done
for _ in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" 2>/dev/null; [ -e "$1" ] || exit 0; sleep 0.3; done
"#;

pub(crate) struct Scratch {
    path: PathBuf,
    reaper: Child,
}

impl Scratch {
    pub(crate) fn new() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("onhand-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir(&path).map_err(Error::file("cannot create", &path))?;
        // Servers that run as another user must reach their own directories inside; its name is secret enough.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o711)).map_err(Error::file("cannot open up", &path))?;
        let reaper = Command::new("sh")
            .args(["-c", REAPER, "onhand-reaper"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0) // a Ctrl-C at the terminal must not end it before its work
            .spawn()
            .map_err(Error::file("cannot watch over", &path))?;
        Ok(Self { path, reaper })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn dir(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        fs::create_dir(&path).map_err(Error::file("cannot create", &path))?;
        Ok(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        fs::write(&path, text).map_err(Error::file("cannot write", &path))?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.reaper.stdin.take() {
            let _ = pipe.write_all(b"\n");
        }
        // Usually milliseconds; a reaper that needs longer goes on by itself.
        for _ in 0..50 {
            if !matches!(self.reaper.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}
