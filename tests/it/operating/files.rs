//! Each file of deploy/ against the tool that reads it.

use std::collections::BTreeSet;

use onhand_harness::watchers::tool;

use super::{read, repository};

fn run(name: &str, package: &str, args: &[&str]) -> String {
    tool(name, package, args).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_is_made_is_as_it_would_be_made() {
    run("python3", "python3", &["deploy/made.py", "--check"]);
}

#[test]
fn rules_and_scrapes_are_sound() {
    run("promtool", "prometheus", &["check", "config", "deploy/prometheus/prometheus.yml"]);
    for rules in ["recorded", "warning", "critical"] {
        let file = format!("deploy/prometheus/{rules}.rules.yml");
        run("promtool", "prometheus", &["check", "rules", "--lint=all", "--lint-fatal", &file]);
    }
}

/// Each alert, at each level: one case that fires, with its words, and one that stays quiet.
#[test]
fn alerts_fire_and_stay_quiet() {
    for cases in ["warning", "critical", "warning-hours", "critical-hours"] {
        run("promtool", "prometheus", &["test", "rules", &format!("deploy/prometheus/{cases}.test.yml")]);
    }
    for level in ["warning", "critical"] {
        let rules = read(&format!("deploy/prometheus/{level}.rules.yml"));
        let cases = read(&format!("deploy/prometheus/{level}.test.yml"))
            + &read(&format!("deploy/prometheus/{level}-hours.test.yml"));
        for name in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
            let named = |what: &str| cases.contains(&format!("name: {name} {level} {what}"));
            let watchdog = name == "Watchdog";
            assert!(watchdog || named("fires") && named("stays quiet"), "{name} {level} has no case");
        }
    }
}

/// The heading that GitHub would give this anchor.
fn anchors(markdown: &str) -> BTreeSet<String> {
    let headings = markdown.lines().filter_map(|line| line.strip_prefix("##"));
    let anchor = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().chars();
        let kept = kept.filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_alert_leads_into_the_runbook() {
    let anchors = anchors(&read("docs/runbook.md"));
    let mut led = BTreeSet::new();
    for level in ["warning", "critical"] {
        let rules = read(&format!("deploy/prometheus/{level}.rules.yml"));
        let alerts = rules.matches("- alert: ").count();
        let urls: Vec<&str> = rules.lines().filter(|line| line.contains("runbook_url:")).collect();
        assert_eq!(urls.len(), alerts, "each alert has one");
        for url in urls {
            let anchor = url.trim().trim_end_matches('"').rsplit_once('#').expect("an anchor").1;
            assert!(anchors.contains(anchor), "docs/runbook.md has no heading for {anchor}");
            led.insert(anchor.to_owned());
        }
    }
    println!("{} entries of the runbook are led to", led.len());
}

/// Who hears what.
#[test]
fn alerts_go_to_the_runbooks_people() {
    let config = repository().join("deploy/alertmanager/alertmanager.yml");
    let config = config.to_str().unwrap();
    run("amtool", "prometheus-alertmanager", &["check-config", config]);
    let routes = [
        ("alertname=Watchdog severity=none", "dead-man"),
        ("alertname=InventoryServiceHighLatency severity=critical", "critical,escalation"),
        ("alertname=InventoryServiceHighLatency severity=warning", "warnings"),
        ("alertname=OutboxGrowing severity=critical", "critical,escalation,data"),
        ("alertname=OutboxGrowing severity=warning", "data"),
        ("alertname=SilencesActive severity=critical", "critical,escalation"),
        ("alertname=ofSomebodyElse", "warnings"),
    ];
    for (labels, receivers) in routes {
        let file = format!("--config.file={config}");
        let verify = format!("--verify.receivers={receivers}");
        let mut args = vec!["config", "routes", "test", &file, &verify];
        args.extend(labels.split(' '));
        run("amtool", "prometheus-alertmanager", &args);
    }
}

/// `verify` answers 0 for a key that it does not know, unless it is told not to.
#[test]
fn units_of_systemd_are_sound_and_hardened() {
    let units = ["onhand-console", "onhand-edge", "onhand-origin", "onhand-migrate"]
        .map(|unit| format!("deploy/systemd/{unit}.service"));
    for unit in &units {
        // What a machine that has no such program or user would complain of is no fault of the file.
        let text = read(unit).replace("/usr/bin/onhand", "/usr/bin/true");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(unit.rsplit('/').next().unwrap());
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        run("systemd-analyze", "systemd", &["verify", "--recursive-errors=one", "--man=no", file]);
        run("systemd-analyze", "systemd", &["security", "--offline=true", "--threshold=20", file]);
    }
}

/// What the server itself says of them is in `make test-deploy`.
#[test]
fn overlays_are_made_and_name_one_image() {
    for overlay in ["one-region", "two-regions/eu", "two-regions/us"] {
        let made = run("kubectl", "kubectl", &["kustomize", &format!("deploy/kubernetes/overlays/{overlay}")]);
        let images: BTreeSet<&str> = made.lines().filter_map(|line| line.trim().strip_prefix("image: ")).collect();
        assert_eq!(images.len(), 1, "{overlay}: {images:?}");
        for kept in
            ["name: inventory-service", "readOnlyRootFilesystem: true", "runAsNonRoot: true", "maxUnavailable: 0"]
        {
            assert!(made.contains(kept), "{overlay} lacks {kept}");
        }
    }
}

/// A configuration that the pods' own init step would refuse stops every roll-out.
#[test]
fn the_pods_configuration_passes_their_init_step() {
    let keys = tempfile::tempdir().unwrap();
    let onhand = env!("CARGO_BIN_EXE_onhand");
    run(onhand, "onhand", &["token", "keygen", "--out", keys.path().join("onhand").to_str().unwrap()]);
    let text = read("deploy/kubernetes/base/onhand.toml").replace("/etc/onhand/keys", keys.path().to_str().unwrap());
    let file = keys.path().join("onhand.toml");
    let check = |text: &str| {
        let text = text.replace("/etc/onhand/edge/token", keys.path().join("onhand.pub.pem").to_str().unwrap());
        std::fs::write(&file, text).unwrap();
        let mut check = std::process::Command::new(onhand);
        check.env_clear().args(["check", "--offline", "--config", file.to_str().unwrap()]);
        check.env("KAFKA_ADDR", "nowhere:9092").env("REDIS_ADDR", "nowhere:6379");
        let output = check.env("DATABASE_URL", "postgres://x:y@nowhere/onhand?sslmode=require").output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (good, said) = check(&text);
    assert!(good, "no other system is asked: {said}");
    let (good, said) = check(&text.replace("partitions = 24", "partitons = 24"));
    assert!(!good && said.contains("kafka.partitons"), "{said}");
}

/// As the tools of containers read it: an unknown key, a service that is not there, no health check.
#[test]
fn the_compose_file_is_sound() {
    let check = repository().join("target/tools/bin/compose-check");
    assert!(check.exists(), "{} is missing; deploy/test/tools.sh builds it", check.display());
    run(check.to_str().unwrap(), "deploy/test/tools.sh", &["deploy/compose.yaml"]);
}
