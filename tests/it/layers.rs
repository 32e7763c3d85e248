//! Invariant 5: edge and origin meet only in sdk/wire and plugins/host.

use std::process::Command;

#[test]
fn edge_and_origin_do_not_depend_on_each_other() {
    for (one, other) in [("onhand-edge", "onhand-origin"), ("onhand-origin", "onhand-edge")] {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["tree", "--offline", "-p", one, "--edges", "normal,build", "--prefix", "none"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let tree = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && tree.contains("onhand-wire"), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!tree.contains(other), "{one} depends on {other}");
    }
}
