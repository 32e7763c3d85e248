//! A real Keycloak beside an origin: its tokens count, and go on counting while its keys are changed. `make test-keycloak`.

use std::{path::PathBuf, process::Stdio, time::Duration};

use onhand_harness::{World, eventually};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::onhand::Running;

/// Keycloak builds itself when it starts.
const START: Duration = Duration::from_secs(180);
const LOOK: Duration = Duration::from_secs(30);
const KEYS: &str = "org.keycloak.keys.KeyProvider";

/// A realm with a shop's client, whose service account is a shopper.
fn realm() -> Value {
    json!({
        "realm": "shop", "enabled": true,
        "roles": {"realm": [{"name": "shopper"}, {"name": "stock-operator"}]},
        "clients": [{
            "clientId": "storefront", "secret": "only-for-this-test", "publicClient": false,
            "serviceAccountsEnabled": true, "standardFlowEnabled": false,
            "protocolMappers": [{
                "name": "onhand", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
                "config": {"included.custom.audience": "onhand", "access.token.claim": "true"},
            }],
        }],
        "users": [{
            "username": "service-account-storefront", "enabled": true,
            "serviceAccountClientId": "storefront", "realmRoles": ["shopper"],
        }],
    })
}

struct Keycloak {
    child: Child,
    url: String,
    http: reqwest::Client,
    _data: tempfile::TempDir,
}

impl Drop for Keycloak {
    /// Its script starts other processes.
    fn drop(&mut self) {
        let group = self.child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(group) = group {
            let _gone_already = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Keycloak {
    async fn start() -> Self {
        let home = std::env::var("ONHAND_KEYCLOAK").expect("ONHAND_KEYCLOAK: run `make test-keycloak`, which sets it");
        let data = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-a").arg(format!("{home}/.")).arg(data.path()).status().await.unwrap();
        assert!(copied.success());
        let import: PathBuf = data.path().join("data/import");
        std::fs::create_dir_all(&import).unwrap();
        std::fs::write(import.join("shop.json"), realm().to_string()).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("bash");
        command.arg(data.path().join("bin/kc.sh")).args(["start-dev", "--import-realm", "--http-host=127.0.0.1"]);
        command.arg(format!("--http-port={port}")).env("KC_DB", "dev-mem").env("JAVA_OPTS_KC_HEAP", "-Xmx512m");
        command.envs([("KC_BOOTSTRAP_ADMIN_USERNAME", "root"), ("KC_BOOTSTRAP_ADMIN_PASSWORD", "root")]);
        command.process_group(0).stdout(Stdio::null()).stderr(Stdio::inherit());
        let child = command.spawn().unwrap();
        let (url, http) = (format!("http://127.0.0.1:{port}"), reqwest::Client::new());
        let keycloak = Self { child, url, http, _data: data };
        let certs = format!("{}/protocol/openid-connect/certs", keycloak.issuer());
        let there = async || keycloak.http.get(&certs).send().await.is_ok_and(|answer| answer.status().is_success());
        eventually!(START, there().await);
        keycloak
    }

    fn issuer(&self) -> String {
        format!("{}/realms/shop", self.url)
    }

    async fn token(&self, realm: &str, form: &[(&str, &str)]) -> String {
        let url = format!("{}/realms/{realm}/protocol/openid-connect/token", self.url);
        let form: Vec<String> = form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let call = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        let answer = call.body(form.join("&")).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn shopper(&self) -> String {
        let secret = ("client_secret", "only-for-this-test");
        self.token("shop", &[("grant_type", "client_credentials"), ("client_id", "storefront"), secret]).await
    }

    async fn admin(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let who = [("username", "root"), ("password", "root"), ("client_id", "admin-cli")];
        let token = self.token("master", &[&[("grant_type", "password")], &who[..]].concat()).await;
        let call = self.http.request(method, format!("{}/admin/realms/shop{path}", self.url)).bearer_auth(token);
        let call = body.into_iter().fold(call, |call, body| call.json(&body));
        let answer = call.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap_or_default()
    }

    /// Signs with a new key from now on.
    async fn add_key(&self) {
        let config = json!({"priority": ["200"], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]});
        let key = json!({"name": "new", "providerId": "rsa-generated", "providerType": KEYS, "config": config});
        self.admin(reqwest::Method::POST, "/components", Some(key)).await;
    }

    /// Takes every other key for signing out of the set.
    async fn withdraw_old_keys(&self) {
        let all = self.admin(reqwest::Method::GET, &format!("/components?type={KEYS}"), None).await;
        for key in all.as_array().unwrap().iter().filter(|key| key["name"] == "rsa-generated") {
            let mut key = key.clone();
            key["config"]["enabled"] = json!(["false"]);
            let path = format!("/components/{}", key["id"].as_str().unwrap());
            self.admin(reqwest::Method::PUT, &path, Some(key)).await;
        }
    }
}

async fn hold(origin: &str, token: &str, key: &str) -> u16 {
    let call = reqwest::Client::new().post(format!("{origin}/v1/reservations")).bearer_auth(token);
    let call = call.header("idempotency-key", key).json(&json!({"lines": [{"sku": "x", "quantity": 1}]}));
    call.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "fetches Keycloak: make test-keycloak"]
async fn its_tokens_count_while_its_keys_change() {
    let keycloak = Keycloak::start().await;
    let world = World::start().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 10).await;
    let issuer = keycloak.issuer();
    let issuers = format!(
        "[{{issuer = \"{issuer}\", audience = \"onhand\", jwks_url = \"{issuer}/protocol/openid-connect/certs\", \
         scopes = {{claim = \"realm_access.roles\", storefront = [\"shopper\"]}}}}]"
    );
    let origin = Running::origin(&world, &[("ONHAND_AUTH__ISSUERS", &issuers), ("ONHAND_AUTH__REFRESH", "1s")]).await;
    let api = origin.url("origin api");
    let old = keycloak.shopper().await;
    assert_eq!(hold(&api, &old, "old").await, 201);
    let operator = reqwest::Client::new().get(format!("{api}/inventory/locations/a")).bearer_auth(&old);
    assert_eq!(operator.send().await.unwrap().status(), 403, "a shopper is no operator");

    keycloak.add_key().await;
    let new = keycloak.shopper().await;
    eventually!(LOOK, hold(&api, &new, "new").await == 201);
    assert_eq!(hold(&api, &old, "old-too").await, 201, "the old key is still in the set");

    keycloak.withdraw_old_keys().await;
    eventually!(LOOK, hold(&api, &old, "old-again").await == 401);
    assert_eq!(hold(&api, &new, "new-again").await, 201);
    let actor = world.sql("SELECT actor FROM ledger ORDER BY id DESC LIMIT 1").await[0].get::<_, String>(0);
    assert_eq!(actor.len(), 36, "the service account's id, bare: {actor}");
}
