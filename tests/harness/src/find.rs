//! Where the servers' programs are. A missing one fails with the command that installs it;
//! nothing is ever skipped.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::Error;

/// The repository's root, fixed when the harness was built.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the sources the harness was built from")
}

/// A program on the PATH, or in the directories that an unprivileged PATH leaves out.
pub(crate) fn program(name: &str, package: &str) -> Result<PathBuf, Error> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(usual)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
        .ok_or_else(|| missing(name, package))
}

/// PostgreSQL's server programs: Debian keeps them off the PATH, one directory for each version.
pub(crate) fn postgres(name: &str) -> Result<PathBuf, Error> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    versions
        .map(|entry| entry.path())
        .filter(|path| version(path) >= Some(15) && path.join("bin").join(name).is_file())
        .max_by_key(|path| version(path))
        .map(|path| path.join("bin").join(name))
        .map_or_else(|| program(name, "postgresql"), Ok)
}

/// The class path of Apache Kafka: the one of `KAFKA_HOME`, else the jars that `tests/setup.sh` fetched.
pub(crate) fn kafka_classpath() -> Result<String, Error> {
    let libs = match env::var_os("KAFKA_HOME") {
        Some(home) => PathBuf::from(home).join("libs"),
        None => repository().join("target/kafka-libs"),
    };
    let is_kafka = |name: &str| name.starts_with("kafka_2.13-") && name.ends_with(".jar");
    let mut names = std::fs::read_dir(&libs).into_iter().flatten().flatten();
    if names.any(|entry| entry.file_name().to_str().is_some_and(is_kafka)) {
        return Ok(format!("{}/*", libs.display()));
    }
    let what = format!("Apache Kafka (looked for kafka_2.13-*.jar in {})", libs.display());
    Err(Error::Missing { what, install: "tests/setup.sh".to_owned() })
}

fn missing(name: &str, package: &str) -> Error {
    let install = format!("apt-get install -y {package}   (or tests/setup.sh, which installs all that the tests need)");
    Error::Missing { what: name.to_owned(), install }
}
