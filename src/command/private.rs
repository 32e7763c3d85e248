//! Files that only their owner may read: keys, tokens, and the database of `onhand dev`.

use std::{
    fs::{DirBuilder, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

const OWNER_ONLY: u32 = 0o600;
const OWNER_ONLY_DIR: u32 = 0o700;

/// Never overwrites a key that is in use. The file gets exactly `mode`, whatever the umask.
pub(super) fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{}: exists already, and was not changed", path.display()),
        _ => format!("{}: {error}", path.display()),
    };
    let open = OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(path);
    let mut file = open.map_err(failed)?;
    file.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// Replaces a file completely or not at all, by a new file, because others may have the old one open with wider rights.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.as_file().set_permissions(Permissions::from_mode(OWNER_ONLY))?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Removes others' rights to a file, if it exists.
pub(super) fn close(path: &Path) -> io::Result<()> {
    match std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Makes a folder for our files if it is missing. An existing folder keeps its rights if it holds anything other than
/// `ours`: it may be a project's own.
pub(super) fn folder(dir: &Path, ours: impl Fn(&str) -> bool) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(OWNER_ONLY_DIR).create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => {
            let mut others = std::fs::read_dir(dir)?.filter_map(Result::ok);
            if others.any(|entry| !entry.file_name().to_str().is_some_and(&ours)) {
                return Ok(());
            }
        }
        made => made?,
    }
    std::fs::set_permissions(dir, Permissions::from_mode(OWNER_ONLY_DIR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn wide(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, Permissions::from_mode(0o666)).unwrap();
    }

    #[test]
    fn a_file_with_wider_rights_is_replaced_not_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        wide(&path, "old");
        let mut held = std::fs::File::open(&path).unwrap();
        replace(&path, "new").unwrap();
        assert_eq!((mode(&path), std::fs::read_to_string(&path).unwrap().as_str()), (0o600, "new"));
        let mut seen = String::new();
        io::Read::read_to_string(&mut held, &mut seen).unwrap();
        assert_eq!(seen, "old", "whoever had it open has not the new one");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_key_that_is_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key.pem");
        write_new(&path, "one", 0o600).unwrap();
        assert!(write_new(&path, "two", 0o600).unwrap_err().contains("was not changed"));
        assert_eq!((mode(&path), std::fs::read_to_string(&path).unwrap().as_str()), (0o600, "one"));
    }

    #[test]
    fn a_folder_is_closed_where_nothing_else_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let (ours, project) = (dir.path().join("a/ours"), dir.path().join("project"));
        folder(&ours, |_| true).unwrap();
        assert_eq!((mode(&ours), mode(&dir.path().join("a")) & 0o700), (0o700, 0o700));
        std::fs::set_permissions(&ours, Permissions::from_mode(0o755)).unwrap();
        wide(&ours.join("onhand.db"), "");
        folder(&ours, |name| name == "onhand.db").unwrap();
        assert_eq!(mode(&ours), 0o700);
        std::fs::create_dir(&project).unwrap();
        std::fs::set_permissions(&project, Permissions::from_mode(0o755)).unwrap();
        wide(&project.join("Cargo.toml"), "");
        folder(&project, |name| name == "onhand.db").unwrap();
        assert_eq!(mode(&project), 0o755, "it is somebody's");
        close(&project.join("Cargo.toml")).unwrap();
        close(&project.join("missing")).unwrap();
        assert_eq!(mode(&project.join("Cargo.toml")), 0o600);
    }
}
