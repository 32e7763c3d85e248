//! `onhand bench` as a benchmark's load, on a core of its own.

use std::path::PathBuf;

use serde_json::Value;

use crate::{World, binary};

/// What `onhand bench` measured.
pub struct Load(Value);

impl World {
    /// Runs `onhand bench` with these arguments to its end, on `core` or on any core.
    pub async fn bench(&self, url: &str, core: Option<usize>, args: &str) -> Load {
        let file = PathBuf::from(format!("/tmp/onhand-bench-{}.json", uuid::Uuid::new_v4().simple()));
        let path = file.to_string_lossy().into_owned();
        let mut all = vec![self.binary().to_string_lossy().into_owned()];
        all.extend(["bench", "--edge", url, "--json", &path, "--token", &self.tokens.storefront].map(str::to_owned));
        all.extend(args.split_ascii_whitespace().map(str::to_owned));
        if self.is_encrypted() {
            all.extend(["--ca-file".to_owned(), self.authority().root().to_string_lossy().into_owned()]);
        }
        if let Some(core) = core {
            all.splice(0..0, ["taskset".to_owned(), "-c".to_owned(), core.to_string()]);
        }
        let ran = tokio::task::spawn_blocking(move || {
            let args: Vec<_> = all[1..].iter().map(String::as_str).collect();
            binary::run(all[0].as_ref(), &args)
        });
        ran.await.expect("a thread").unwrap_or_else(|error| panic!("{error}"));
        let text = std::fs::read_to_string(&file).expect("onhand bench writes its figures");
        let _gone_or_not = std::fs::remove_file(&file);
        Load(serde_json::from_str(&text).expect("JSON"))
    }
}

impl Load {
    pub fn answered(&self) -> f64 {
        self.0["answered"].as_f64().expect("a number")
    }

    /// All requests that were due, whatever their results.
    pub fn due(&self) -> f64 {
        let fates = ["answered", "failed", "unanswered", "unsent"];
        fates.into_iter().map(|fate| self.0[fate].as_f64().expect("a number")).sum()
    }

    pub fn per_second(&self) -> f64 {
        self.0["answered_per_s"].as_f64().expect("a number")
    }

    /// Answers of one kind with one status.
    pub fn status(&self, kind: &str, status: u16) -> f64 {
        let statuses = self.of(kind)["statuses"].as_array().cloned().unwrap_or_default();
        let of_status = statuses.iter().find(|pair| pair[0] == status);
        of_status.and_then(|pair| pair[1].as_f64()).unwrap_or_default()
    }

    /// Times of one kind of call in microseconds: `p50`, `p99`, `p999`, `max`.
    pub fn micros(&self, kind: &str, share: &str) -> f64 {
        self.of(kind)[share].as_f64().unwrap_or_default()
    }

    /// How much later than possible requests were sent, in microseconds.
    pub fn late(&self, share: &str) -> f64 {
        self.0["sent_late_us"][share].as_f64().unwrap_or_default()
    }

    fn of(&self, kind: &str) -> Value {
        let kinds = self.0["kinds"].as_array().cloned().unwrap_or_default();
        kinds.into_iter().find(|of| of["kind"] == kind).unwrap_or_default()
    }
}
