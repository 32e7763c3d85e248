//! `[origin.imports]`: how much of the origin imports may use.

use onhand_http::setting::{Size, count_fault};
use onhand_wire::limits;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Imports {
    /// Imports under way at once, from the first byte of the file to the answer; one more is answered 503 overloaded.
    /// Each keeps its file in the system's temporary directory meanwhile.
    pub at_once: usize,
    /// Largest file, in bytes; a larger one is answered 413 too_large, and nothing is applied. The temporary directory
    /// needs room for `at_once` of them.
    pub max_bytes: Size,
}

impl Default for Imports {
    fn default() -> Self {
        Self { at_once: 4, max_bytes: Size(16 << 30) }
    }
}

impl Imports {
    /// What is wrong with it, key by key.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = count_fault("origin.imports.at_once", self.at_once == 0).into_iter().collect();
        if self.max_bytes.bytes() < limits::IMPORT_ROW_BYTES {
            faults.push("origin.imports.max_bytes: must be 64KiB or more, one row's".to_owned());
        }
        faults
    }
}
