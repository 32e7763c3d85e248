//! Prometheus and Alertmanager, with the configuration that deploy/ ships: only addresses, secrets and waits are the
//! test's own.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{
    Client, Error, World, find,
    port::Port,
    process::{Process, Recipe},
    scratch::Scratch,
};

/// One of the two; it ends with its handle.
pub struct Watcher {
    process: Process,
    port: Port,
    _scratch: Scratch,
}

impl std::ops::Deref for Watcher {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// `text` with each replaced; panics where one is not there, for then the shipped file has changed.
fn replaced(text: &str, pairs: &[(&str, String)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old} is not in the shipped configuration");
        text.replace(old, new)
    })
}

fn shipped(path: &str) -> String {
    let path = find::repository().join("deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn targets<'a>(urls: impl Iterator<Item = &'a str>) -> String {
    let hosts: Vec<String> = urls.map(|url| format!("{:?}", url.split("//").last().unwrap_or_default())).collect();
    format!("[{}]", hosts.join(", "))
}

impl Watcher {
    /// Scrapes every node of the world once a second, and what is at `alertmanager`, which hears its alerts.
    pub async fn prometheus(world: &World, alertmanager: &str) -> Self {
        let edges: Vec<String> = world.edges().iter().map(crate::Node::management_url).collect();
        let origins: Vec<String> = world.origins().iter().map(crate::Node::management_url).collect();
        Self::prometheus_of(&edges, &origins, alertmanager).await
    }

    /// The same, of management listeners at these addresses.
    pub async fn prometheus_of(edges: &[String], origins: &[String], alertmanager: &str) -> Self {
        let port = Port::reserve();
        let config = replaced(
            &shipped("prometheus/prometheus.yml"),
            &[
                ("scrape_interval: 15s", "scrape_interval: 1s".to_owned()),
                ("evaluation_interval: 15s", "evaluation_interval: 1s".to_owned()),
                (r#"["edge-1:8081", "edge-2:8081"]"#, targets(edges.iter().map(String::as_str))),
                (r#"["origin-1:9090"]"#, targets(origins.iter().map(String::as_str))),
                (r#"["alertmanager:9093"]"#, targets([alertmanager].into_iter())),
                (r#"["localhost:9090"]"#, format!("[\"127.0.0.1:{}\"]", port.number)),
            ],
        );
        let scratch = Scratch::new().unwrap_or_else(|error| panic!("{error}"));
        for rules in ["recorded", "warning", "critical"] {
            let name = format!("{rules}.rules.yml");
            scratch.file(&name, &shipped(&format!("prometheus/{name}"))).expect("a file");
        }
        let file = scratch.file("prometheus.yml", &config).expect("a file");
        let args = [
            format!("--config.file={}", file.display()),
            format!("--web.listen-address=127.0.0.1:{}", port.number),
            format!("--storage.tsdb.path={}", scratch.path().join("data").display()),
            // Else whoever is not up at the first send hears nothing for a minute.
            "--rules.alert.resend-delay=1s".to_owned(),
        ];
        Self::start("prometheus", "prometheus", args.to_vec(), port, scratch).await
    }

    /// `receivers`: where the receivers of that name deliver, in place of PagerDuty and Slack; the dead man's switch
    /// among them.
    pub async fn alertmanager(receivers: &[(&str, String)], token: &str) -> Self {
        let port = Port::reserve();
        let scratch = Scratch::new().unwrap_or_else(|error| panic!("{error}"));
        scratch.file("alerting-token", token).expect("a file");
        let config = scratch.file("alertmanager.yml", &alertmanager(receivers, scratch.path())).expect("a file");
        let args = [
            format!("--config.file={}", config.display()),
            format!("--web.listen-address=127.0.0.1:{}", port.number),
            format!("--storage.path={}", scratch.path().join("data").display()),
            "--cluster.listen-address=".to_owned(),
        ];
        Self::start("alertmanager", "prometheus-alertmanager", args.to_vec(), port, scratch).await
    }

    async fn start(name: &str, program: &str, args: Vec<String>, port: Port, scratch: Scratch) -> Self {
        let number = port.number;
        let program = find::program(program, program).unwrap_or_else(|error| panic!("{error}"));
        let recipe = Recipe {
            name: name.to_owned(),
            program,
            args: args.into_iter().map(Into::into).collect(),
            env: vec![],
            user: None,
            logs: scratch.path().to_owned(),
        };
        let listens = move |_: &Path| TcpStream::connect(("127.0.0.1", number)).is_ok();
        let process = Process::new(recipe, false, Box::new(listens));
        process.start().await;
        Self { process, port, _scratch: scratch }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number)
    }

    pub fn client(&self) -> Client {
        Client::at(&self.url(), None)
    }

    /// Of Prometheus: what an expression answers now; the error's text where it is none.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let encoded = crate::encode(expression);
        let answer = self.client().get(&format!("/api/v1/query?query={encoded}")).await;
        if answer.status == 503 {
            return Err(answer.text()); // it is still starting, and says so in plain text
        }
        let answer = answer.json();
        match answer["data"]["result"].as_array() {
            Some(found) => Ok(found.clone()),
            None => Err(answer["error"].to_string()),
        }
    }

    /// Of Prometheus: the alerts that fire, as `NAME SEVERITY`.
    pub async fn firing(&self) -> Vec<String> {
        let found = self.query("ALERTS{alertstate=\"firing\"}").await.unwrap_or_default();
        let of = |alert: &Value, label: &str| alert["metric"][label].as_str().unwrap_or_default().to_owned();
        found.iter().map(|alert| format!("{} {}", of(alert, "alertname"), of(alert, "severity"))).collect()
    }
}

/// The shipped routes, with seconds for minutes and a webhook for each receiver.
fn alertmanager(receivers: &[(&str, String)], secrets: &Path) -> String {
    let text = shipped("alertmanager/alertmanager.yml");
    let (routes, _) = text.split_once("\nreceivers:").expect("receivers");
    let waits = [
        ("group_wait: 10s", "group_wait: 0s"),
        ("group_wait: 30m", "group_wait: 2s"),
        ("group_interval: 30s", "group_interval: 1s"),
        ("group_interval: 1m", "group_interval: 1s"),
        ("repeat_interval: 1m", "repeat_interval: 1s"),
    ];
    let waits = waits.map(|(old, new)| (old, new.to_owned()));
    let slack = ("  slack_api_url_file: /etc/alertmanager/secrets/slack-url\n", String::new());
    let mut config = replaced(&replaced(routes, &waits), &[slack]);
    config.push_str("\nreceivers:\n");
    let token: PathBuf = secrets.join("alerting-token");
    for (name, url) in receivers {
        config.push_str(&format!(
            "  - name: {name}\n    webhook_configs:\n      - url: {url}\n        http_config:\n          \
             authorization:\n            credentials_file: {}\n",
            token.display()
        ));
    }
    config
}

/// How long an alert may take from its cause to whoever is told, on a busy machine.
pub const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Runs a tool to its end; its output, or what it said where it failed.
pub fn tool(name: &str, package: &str, args: &[&str]) -> Result<String, Error> {
    let program = find::program(name, package)?;
    let mut command = std::process::Command::new(&program);
    let output = command.args(args).current_dir(find::repository()).output();
    let output = output.map_err(Error::file("cannot run", &program))?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{name} {}: {}\n{said}", args.join(" "), output.status);
    Ok(said)
}
