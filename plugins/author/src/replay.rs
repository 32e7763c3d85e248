//! `onhand rule replay`: repeats a captured call and compares the answers byte for byte.

use std::{fs, path::Path, time::Duration};

use onhand_rules::{CapturedCall, CapturedFault, Config, Verbatim};
use serde_json::{Value, json};

use crate::{
    cases::diff,
    component::{Component, PATIENCE},
    error::{At, AuthorError},
};

/// The answer of a captured call now, compared with the captured one.
pub struct ReplayResult {
    /// SHA-256 of the component that was captured, and of the one that ran now, in hex.
    pub captured: String,
    pub component: String,
    pub took: Duration,
    /// `None` if the bytes are the same.
    pub differs: Option<String>,
    /// Why the call failed, if it did.
    pub detail: Option<String>,
}

/// Repeats a captured call with a component.
///
/// # Errors
/// If the file or the component can't be read.
pub fn replay(capture: &Path, component: &Path, config: &Config) -> Result<ReplayResult, AuthorError> {
    let invalid =
        |error: serde_json::Error| AuthorError::Invalid { file: capture.to_owned(), fault: error.to_string() };
    let captured: CapturedCall = serde_json::from_slice(&fs::read(capture).at(capture)?).map_err(invalid)?;
    let input = captured.input().map_err(invalid)?;
    let trial = Component::read(component)?.trial(config)?;
    let ran = trial.run(&input, &captured.config, PATIENCE);
    let answer = captured.answer.as_ref().map(Verbatim::parse).transpose().map_err(invalid)?;
    let was = outcome(answer.as_ref(), captured.fault.as_ref());
    let now = match &ran.answer {
        Ok(answer) => json!({ "answer": answer }),
        Err(fault) => json!({ "fault": fault.reason.as_str() }),
    };
    // For a failure only the reason is compared, because a backtrace has addresses in it.
    let differs = (was != now).then(|| diff(&was, &now));
    let detail = ran.answer.err().map(|fault| fault.detail);
    let (captured, component) = (captured.component, trial.component().to_owned());
    Ok(ReplayResult { captured, component, took: ran.time, differs, detail })
}

fn outcome(answer: Option<&Value>, fault: Option<&CapturedFault>) -> Value {
    match fault {
        Some(fault) => json!({ "fault": fault.reason }),
        None => json!({ "answer": answer }),
    }
}
