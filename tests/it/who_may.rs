//! Who may make which call: the contract's table against every route of both processes, and each cell
//! of it tried.
//!
//! The routes are the ones that the routers are made of. Who may is written down here once more, as
//! the contract says it, so that the routers' own table cannot vouch for itself.

use std::collections::BTreeMap;

use onhand_harness::{Client, Node, Reply, Tokens, World};
use onhand_http::auth::{Access, Routed, Scope};
use serde_json::{Value, json};

/// The contract's words: the scopes that may, of the six there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// No token is needed.
    Anyone,
    /// No token is needed, or one for a storefront where `auth.public_reads = false`.
    Readers,
    /// Storefront, and each above it.
    Storefronts,
    /// Fulfilment, and each above it.
    Fulfilment,
    /// Operator and admin.
    Operators,
    Admins,
    /// Edges; and operators, who have all of `/internal/api`.
    Edges,
    /// Alerting, and operators likewise.
    Alerting,
}

use Who::{Admins, Alerting, Anyone, Edges, Fulfilment, Operators, Readers, Storefronts};

impl Who {
    fn may(self) -> &'static [&'static str] {
        match self {
            Anyone | Readers => &["storefront", "fulfilment", "operator", "admin", "edge", "alerting"],
            Storefronts => &["storefront", "fulfilment", "operator", "admin"],
            Fulfilment => &["fulfilment", "operator", "admin"],
            Operators => &["operator", "admin"],
            Admins => &["admin"],
            Edges => &["edge", "operator", "admin"],
            Alerting => &["alerting", "operator", "admin"],
        }
    }

    fn needs_token(self, public_reads: bool) -> bool {
        !(self == Anyone || self == Readers && public_reads)
    }

    /// What the router's table must say.
    fn access(self) -> Access {
        match self {
            Anyone => Access::Anyone,
            Readers => Access::Reader,
            Storefronts => Access::Token(Scope::Storefront),
            Fulfilment => Access::Token(Scope::Fulfilment),
            Operators => Access::Token(Scope::Operator),
            Admins => Access::Token(Scope::Admin),
            Edges => Access::Token(Scope::Edge),
            Alerting => Access::Token(Scope::Alerting),
        }
    }
}

type Expected = [(&'static str, &'static str, Who)];

const EDGE: [(&str, &str, Who); 21] = [
    ("GET", "/", Anyone),
    ("GET", "/v1/availability/{sku}", Readers),
    ("GET", "/v1/availability/query", Readers),
    ("POST", "/v1/availability/query", Readers),
    ("POST", "/v1/quotes", Readers),
    ("GET", "/v1/stream", Readers),
    ("POST", "/v1/reservations", Storefronts),
    ("GET", "/v1/reservations/{id}", Storefronts),
    ("POST", "/v1/reservations/{id}/extend", Storefronts),
    ("POST", "/v1/reservations/{id}/confirm", Storefronts),
    ("POST", "/v1/reservations/{id}/cancel", Storefronts),
    ("POST", "/v1/reservations/{id}/fulfil", Fulfilment),
    ("POST", "/v1/reservations/{id}/return", Fulfilment),
    ("POST", "/v1/orders", Storefronts),
    ("GET", "/v1/orders/{id}", Storefronts),
    ("GET", "/v1/orders/{id}/stream", Storefronts),
    ("GET", "/v1/reservations", Storefronts),
    ("PUT", "/v1/reservations/{id}/lines", Storefronts),
    ("POST", "/v1/reservations/{id}/reallocate", Operators),
    ("GET", "/health", Anyone),
    ("GET", "/openapi.json", Anyone),
];

const EDGE_MANAGEMENT: [(&str, &str, Who); 19] = [
    ("GET", "/health", Anyone),
    ("GET", "/metrics", Anyone),
    ("GET", "/actuator", Anyone),
    ("GET", "/actuator/", Anyone),
    ("GET", "/actuator/prometheus", Anyone),
    ("GET", "/actuator/health", Anyone),
    ("GET", "/actuator/health/liveness", Anyone),
    ("GET", "/actuator/health/readiness", Anyone),
    ("GET", "/actuator/info", Anyone),
    ("GET", "/actuator/metrics", Anyone),
    ("GET", "/actuator/metrics/{name}", Anyone),
    ("GET", "/actuator/loggers", Anyone),
    ("GET", "/actuator/loggers/{name}", Anyone),
    ("POST", "/actuator/loggers/{name}", Operators),
    ("GET", "/actuator/rules", Anyone),
    ("GET", "/actuator/explain/{name}", Anyone),
    ("POST", "/actuator/caches/clearAll", Operators),
    ("DELETE", "/actuator/caches/l1", Operators),
    ("POST", "/internal/api/inventory/warm-cache", Operators),
];

const ORIGIN: [(&str, &str, Who); 74] = [
    ("GET", "/openapi.json", Anyone),
    ("GET", "/inventory/health", Anyone),
    ("POST", "/v1/reservations", Storefronts),
    ("GET", "/v1/reservations/{id}", Storefronts),
    ("POST", "/v1/reservations/{id}/extend", Storefronts),
    ("POST", "/v1/reservations/{id}/confirm", Storefronts),
    ("POST", "/v1/reservations/{id}/cancel", Storefronts),
    ("POST", "/v1/reservations/{id}/fulfil", Fulfilment),
    ("POST", "/v1/reservations/{id}/return", Fulfilment),
    ("POST", "/v1/orders", Storefronts),
    ("GET", "/v1/orders", Operators),
    ("GET", "/v1/orders/{id}", Storefronts),
    ("GET", "/v1/orders/{id}/stream", Storefronts),
    ("GET", "/internal/api/orders/standing", Edges),
    ("GET", "/internal/api/orders/lanes", Operators),
    ("POST", "/internal/api/orders/lanes/{lane}/pause", Operators),
    ("POST", "/internal/api/orders/lanes/{lane}/resume", Operators),
    ("GET", "/internal/api/orders/dlq", Operators),
    ("GET", "/internal/api/orders/dlq/summary", Operators),
    ("POST", "/internal/api/orders/dlq/replay", Operators),
    ("GET", "/internal/api/orders/dlq/replays/{id}", Operators),
    ("POST", "/internal/api/orders/dlq/replays/{id}/stop", Operators),
    ("POST", "/internal/api/orders/dlq/discard", Operators),
    ("GET", "/v1/reservations", Storefronts),
    ("PUT", "/v1/reservations/{id}/lines", Storefronts),
    ("POST", "/v1/reservations/{id}/reallocate", Operators),
    ("GET", "/inventory/stock", Operators),
    ("GET", "/inventory/ledger", Operators),
    ("GET", "/inventory/locations", Operators),
    ("GET", "/inventory/channels", Operators),
    ("DELETE", "/inventory/locations/{id}", Admins),
    ("DELETE", "/inventory/channels/{id}", Admins),
    ("GET", "/inventory/products", Storefronts),
    ("GET", "/inventory/products/{sku}", Operators),
    ("PUT", "/inventory/products/{sku}", Admins),
    ("DELETE", "/inventory/products/{sku}", Admins),
    ("PUT", "/inventory/products/{sku}/stock", Admins),
    ("POST", "/inventory/products/{sku}/adjustments", Operators),
    ("PUT", "/inventory/products/{sku}/policy", Operators),
    ("GET", "/inventory/products/{sku}/ledger", Operators),
    ("POST", "/inventory/transfers", Operators),
    ("GET", "/inventory/locations/{id}", Operators),
    ("PUT", "/inventory/locations/{id}", Admins),
    ("GET", "/inventory/channels/{id}", Operators),
    ("PUT", "/inventory/channels/{id}", Admins),
    ("POST", "/inventory/imports", Operators),
    ("GET", "/inventory/rules", Operators),
    ("GET", "/inventory/rules/{rule}/releases", Operators),
    ("POST", "/inventory/rules/{rule}/releases", Admins),
    ("GET", "/inventory/rules/{rule}/rollback", Operators),
    ("POST", "/inventory/rules/{rule}/rollback", Admins),
    ("POST", "/inventory/admin/maintenance", Admins),
    ("POST", "/internal/api/facts", Edges),
    ("GET", "/internal/api/topology", Edges),
    ("GET", "/internal/api/most-held", Edges),
    ("GET", "/internal/api/rules/manifests/{rule}", Edges),
    ("GET", "/internal/api/rules/releases/{digest}", Edges),
    ("GET", "/internal/api/reservations/{id}/trace", Operators),
    ("GET", "/internal/api/audit", Operators),
    ("POST", "/internal/api/audit", Operators),
    ("GET", "/internal/api/users", Admins),
    ("POST", "/internal/api/users", Admins),
    ("POST", "/internal/api/users/invitations", Admins),
    ("POST", "/internal/api/users/verify", Admins),
    ("GET", "/internal/api/users/{name}", Admins),
    ("PUT", "/internal/api/users/{name}/role", Admins),
    ("POST", "/internal/api/users/{name}/sign-out", Admins),
    ("DELETE", "/internal/api/users/{name}", Admins),
    ("POST", "/internal/api/alerting/heartbeat", Alerting),
    ("GET", "/internal/api/inventory/low-stock", Operators),
    ("GET", "/internal/api/inventory/stuck-reservations", Operators),
    ("POST", "/internal/api/inventory/reconcile", Operators),
    ("POST", "/internal/api/inventory/release-expired-reservations", Operators),
    ("POST", "/internal/api/inventory/trigger-restock-notifications", Operators),
];

const ORIGIN_MANAGEMENT: [(&str, &str, Who); 15] = [
    ("GET", "/inventory/health", Anyone),
    ("GET", "/metrics", Anyone),
    ("GET", "/actuator", Anyone),
    ("GET", "/actuator/prometheus", Anyone),
    ("GET", "/actuator/health", Anyone),
    ("GET", "/actuator/health/liveness", Anyone),
    ("GET", "/actuator/health/readiness", Anyone),
    ("GET", "/actuator/info", Anyone),
    ("GET", "/actuator/metrics", Anyone),
    ("GET", "/actuator/metrics/{name}", Anyone),
    ("GET", "/actuator/loggers", Anyone),
    ("GET", "/actuator/loggers/{name}", Anyone),
    ("POST", "/actuator/loggers/{name}", Operators),
    ("GET", "/actuator/rules", Anyone),
    ("POST", "/actuator/restart-db-connections", Operators),
];

const APPLY: &str = r#"{"mode":"apply","counts":[{"sku":"matrix","location":"eu-1","on_hand":7}]}"#;

/// Calls of which a part needs more than its route: the query or the body tells.
const MORE: [(&str, &str, &str, Who); 7] = [
    ("/inventory/imports?mode=adjust", "text/csv", "sku,location,quantity\nmatrix,eu-1,1\n", Operators),
    ("/inventory/imports?mode=set", "text/csv", "sku,location,quantity\nmatrix,eu-1,1\n", Admins),
    ("/inventory/imports?mode=adjust&create=true", "text/csv", "sku,location,quantity\nmatrix,eu-1,1\n", Admins),
    // A dry run needs what the run needs.
    ("/inventory/imports?mode=set&dry_run=true", "text/csv", "sku,location,quantity\nmatrix,eu-1,1\n", Admins),
    ("/inventory/imports?mode=adjust&dry_run=true", "text/csv", "sku,location,quantity\nmatrix,eu-1,1\n", Operators),
    ("/internal/api/inventory/reconcile", "application/json", r#"{"mode":"report","counts":[]}"#, Operators),
    ("/internal/api/inventory/reconcile", "application/json", APPLY, Admins),
];

#[test]
fn every_route_has_the_contracts_scope() {
    let ([origin, origin_management], [edge, edge_management]) = (onhand_origin::routed(), onhand_edge::routed());
    let pairs: [(&str, &[Routed], &Expected); 4] = [
        ("origin", &origin, &ORIGIN),
        ("origin's management", &origin_management, &ORIGIN_MANAGEMENT),
        ("edge", &edge, &EDGE),
        ("edge's management", &edge_management, &EDGE_MANAGEMENT),
    ];
    for (listener, routed, expected) in pairs {
        let key = |method: &str, path: &str| format!("{method} {path}");
        let routed: BTreeMap<String, Access> =
            routed.iter().map(|route| (key(&route.method, route.path), route.access)).collect();
        let expected: BTreeMap<String, Access> =
            expected.iter().map(|(method, path, who)| (key(method, path), who.access())).collect();
        assert_eq!(routed, expected, "{listener}: the routes (left) against the contract's table");
    }
}

/// A listener, and what its calls are made of.
struct Listener<'a> {
    name: &'static str,
    url: String,
    calls: &'a Expected,
}

struct Matrix {
    world: World,
    /// For the paths that name one.
    reservation: String,
}

const SCOPES: [&str; 6] = ["storefront", "fulfilment", "operator", "admin", "edge", "alerting"];

fn token<'a>(tokens: &'a Tokens, scope: &str) -> &'a str {
    match scope {
        "storefront" => &tokens.storefront,
        "fulfilment" => &tokens.fulfilment,
        "operator" => &tokens.operator,
        "admin" => &tokens.admin,
        "edge" => &tokens.edge,
        _ => &tokens.alerting,
    }
}

impl Matrix {
    async fn open(public_reads: bool) -> Self {
        let world = World::start().env("ONHAND_AUTH__PUBLIC_READS", &public_reads.to_string()).ready().await;
        world.location("eu-1", 0).await;
        world.location("eu-2", 1).await;
        world.channel("web", &["eu-1", "eu-2"]).await;
        world.stock("matrix", "eu-1", 500).await;
        let hold = json!({"lines": [{"sku": "matrix", "quantity": 2}], "ttl_s": 86400});
        let admin = world.origin(0).client(&world.tokens.admin);
        let reservation =
            admin.post("/v1/reservations", hold).await.expect(201).json()["id"].as_str().unwrap().to_owned();
        Self { world, reservation }
    }

    fn listeners(&self) -> [Listener<'_>; 4] {
        let (edge, origin) = (self.world.edge(0), self.world.origin(0));
        let listener = |name, url, calls| Listener { name, url, calls };
        [
            listener("origin", origin.url(), &ORIGIN),
            listener("origin's management", origin.management_url(), &ORIGIN_MANAGEMENT),
            listener("edge", edge.url(), &EDGE),
            listener("edge's management", edge.management_url(), &EDGE_MANAGEMENT),
        ]
    }

    fn address(&self, path: &str) -> String {
        let names = [
            ("/explain/{name}", "/explain/matrix"),
            ("/metrics/{name}", "/metrics/process.uptime"),
            ("/loggers/{name}", "/loggers/onhand_origin::relay"),
            ("/locations/{id}", "/locations/eu-1"),
            ("/channels/{id}", "/channels/web"),
            ("/users/{name}", "/users/matrix"),
            ("{sku}", "matrix"),
            ("{lane}", "low"),
            ("{rule}", "matrix-rule"),
            ("{digest}", "0123abcd"),
            ("{id}", &self.reservation),
        ];
        let path = names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
        match path.as_str() {
            "/v1/stream" => path + "?sku=matrix",
            // What more it may need is in `MORE`.
            "/inventory/imports" => path + "?mode=adjust",
            "/v1/reservations" => path + "?order_ref=matrix",
            _ => path,
        }
    }

    /// A body that would do something, were the call allowed.
    fn body(path: &str) -> (&'static str, Vec<u8>) {
        let json = |value: Value| ("application/json", value.to_string().into_bytes());
        match path.rsplit('/').next().unwrap_or_default() {
            "facts" => ("application/msgpack", b"\x81\xa4skus\x91\xa6matrix".to_vec()),
            "imports" => ("text/csv", b"sku,location,quantity\nmatrix,eu-1,1\n".to_vec()),
            "query" => json(json!({"skus": ["matrix"]})),
            "orders" => json(json!({"lines": [{"sku": "matrix", "quantity": 1}]})),
            "discard" => json(json!({"cause": "matrix", "reason": "matrix"})),
            "quotes" => json(json!({"lines": [{"sku": "matrix", "quantity": 1}]})),
            "reservations" => json(json!({"lines": [{"sku": "matrix", "quantity": 1}]})),
            "audit" => json(json!({"kind": "level_changed", "what": "matrix"})),
            "users" => json(json!({"name": "matrix", "password": "twelve letters", "address": "192.0.2.1"})),
            "verify" => json(json!({"name": "matrix", "password": "twelve letters", "address": "192.0.2.1"})),
            "invitations" | "role" => json(json!({"role": "operator"})),
            "extend" => json(json!({"ttl_s": 90000})),
            "return" => json(json!({"lines": [{"line": 0, "quantity": 1}]})),
            "lines" => json(json!({"lines": [{"sku": "matrix", "quantity": 3}]})),
            "reallocate" => json(json!({"line": 0, "from": "eu-1", "to": "eu-2", "quantity": 1})),
            "stock" => json(json!({"location": "eu-1", "quantity": 400, "reason": "matrix"})),
            "adjustments" => json(json!({"location": "eu-1", "delta": 1, "kind": "found", "reason": "matrix"})),
            "policy" => json(json!({"safety_stock": 1})),
            "transfers" => {
                json(json!({"sku": "matrix", "from": "eu-1", "to": "eu-2", "quantity": 1, "reason": "matrix"}))
            }
            "maintenance" => json(json!({"maintenanceMode": false})),
            "{sku}" | "{id}" => json(json!({"name": "Another", "locations": ["eu-1"]})),
            "{name}" => json(json!({"configuredLevel": "TRACE"})),
            _ => json(json!({})),
        }
    }

    async fn call(&self, listener: &Listener<'_>, method: &str, path: &str, authorization: Option<&str>) -> Reply {
        let (media, body) = Self::body(path);
        let body = if method == "GET" { Vec::new() } else { body };
        self.send(&listener.url, method, &self.address(path), authorization, media, body).await
    }

    async fn send(
        &self,
        url: &str,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        media: &str,
        body: Vec<u8>,
    ) -> Reply {
        let mut call = Client::at(url, None).call(method.parse().unwrap(), path);
        // A refusal may leave the body unread, and the server then closes.
        call = call.header("connection", "close").key(&uuid::Uuid::new_v4().to_string());
        if let Some(authorization) = authorization {
            call = call.header("authorization", authorization);
        }
        if method != "GET" {
            call = call.header("content-type", media);
        }
        call.body_only(body).send_and_leave_streams().await
    }

    /// All that a call could have changed.
    async fn rows(&self) -> Vec<String> {
        let state = "(SELECT term, topology, maintenance, message FROM origin_state)";
        let all = [
            "products",
            "inventory_items",
            "reservations",
            "allocations",
            "ledger",
            "admin_log",
            "locations",
            "channels",
            "idempotency_keys",
            "rules",
            "rule_manifests",
            "rule_releases",
            "orders",
            "order_lanes",
            "alerting",
            "users",
            "invitations",
            state,
        ];
        let mut dump = Vec::new();
        for table in all {
            let rows = format!("SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM {table} t");
            dump.push(self.world.sql(&rows).await[0].get(0));
        }
        for node in [self.world.edge(0), self.world.origin(0)] {
            dump.push(loggers(node).await);
        }
        dump
    }
}

async fn loggers(node: &Node) -> String {
    node.management().get("/actuator/loggers").await.expect(200).text()
}

fn refused(reply: &Reply, status: u16, cell: &str) {
    let code = if status == 401 { "unauthenticated" } else { "forbidden" };
    let body = reply.json();
    assert_eq!((reply.status, body["code"].as_str()), (status, Some(code)), "{cell}: {}", reply.text());
}

/// Tokens that are none, of every kind that a caller might send.
fn malformed(tokens: &Tokens) -> Vec<String> {
    let (head, _) = tokens.admin.rsplit_once('.').unwrap();
    vec![
        "Bearer".to_owned(),
        "Bearer nonsense".to_owned(),
        format!("Basic {}", tokens.admin),
        tokens.admin.clone(),
        format!("Bearer {head}."),
        format!("Bearer {head}.c2lnbmVkIGJ5IG5vYm9keQ"),
    ]
}

async fn refusals(matrix: &Matrix, public_reads: bool) -> usize {
    let tokens = &matrix.world.tokens;
    let mut cells = 0;
    for listener in matrix.listeners() {
        for (method, path, who) in listener.calls {
            if !who.needs_token(public_reads) {
                continue;
            }
            let cell = |with: &str| format!("{} {method} {path} with {with}", listener.name);
            refused(&matrix.call(&listener, method, path, None).await, 401, &cell("no token"));
            for bad in malformed(tokens) {
                refused(&matrix.call(&listener, method, path, Some(&bad)).await, 401, &cell(&bad));
            }
            let may = if *who == Readers { Storefronts.may() } else { who.may() };
            for scope in SCOPES.into_iter().filter(|scope| !may.contains(scope)) {
                let bearer = format!("Bearer {}", token(tokens, scope));
                refused(&matrix.call(&listener, method, path, Some(&bearer)).await, 403, &cell(scope));
                cells += 1;
            }
        }
    }
    for (path, media, body, who) in MORE {
        for scope in SCOPES.into_iter().filter(|scope| !who.may().contains(scope)) {
            let bearer = format!("Bearer {}", token(tokens, scope));
            let url = matrix.world.origin(0).url();
            let reply = matrix.send(&url, "POST", path, Some(&bearer), media, body.as_bytes().to_vec()).await;
            refused(&reply, 403, &format!("{path} {body} with {scope}"));
            cells += 1;
        }
    }
    cells
}

/// Whatever becomes of the call: it was not for want of a token or a scope, and it has a handler.
async fn admissions(matrix: &Matrix, public_reads: bool) {
    let tokens = &matrix.world.tokens;
    for listener in matrix.listeners() {
        // What changes most comes last: the other calls need the item.
        let mut calls: Vec<_> = listener.calls.iter().collect();
        calls.sort_by_key(|(method, ..)| *method == "DELETE");
        for (method, path, who) in calls {
            let may = if *who == Readers && !public_reads { Storefronts.may() } else { who.may() };
            for scope in may {
                let bearer = format!("Bearer {}", token(tokens, scope));
                let reply = matrix.call(&listener, method, path, Some(&bearer)).await;
                let cell = format!("{} {method} {path} with {scope}: {}", listener.name, reply.status);
                assert!(!matches!(reply.status, 401 | 403 | 405), "{cell}");
                assert!(reply.status != 404 || !reply.text().contains("no such page"), "{cell}: {}", reply.text());
            }
            if !who.needs_token(public_reads) {
                let reply = matrix.call(&listener, method, path, None).await;
                assert!(
                    !matches!(reply.status, 401 | 403 | 405),
                    "{} {method} {path}: {}",
                    listener.name,
                    reply.status
                );
            }
        }
    }
    for (path, media, body, who) in MORE {
        for scope in who.may() {
            let bearer = format!("Bearer {}", token(tokens, scope));
            let url = matrix.world.origin(0).url();
            let reply = matrix.send(&url, "POST", path, Some(&bearer), media, body.as_bytes().to_vec()).await;
            assert_eq!(reply.status, 200, "{path} {body} with {scope}: {}", reply.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_cell_of_scopes_and_calls_is_as_the_contract_says() {
    let matrix = Matrix::open(true).await;
    let before = matrix.rows().await;
    let cells = refusals(&matrix, true).await;
    assert_eq!(matrix.rows().await, before, "a refused call wrote something");
    println!("{cells} cells were refused for their scope");
    admissions(&matrix, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_lookups_need_a_storefronts_token() {
    let matrix = Matrix::open(false).await;
    let before = matrix.rows().await;
    refusals(&matrix, false).await;
    assert_eq!(matrix.rows().await, before, "a refused call wrote something");
    let readers: Vec<_> = EDGE.into_iter().filter(|(.., who)| *who == Readers).collect();
    let edge = &matrix.listeners()[2];
    for (method, path, _) in readers {
        for scope in Storefronts.may() {
            let bearer = format!("Bearer {}", token(&matrix.world.tokens, scope));
            let reply = matrix.call(edge, method, path, Some(&bearer)).await;
            assert!(matches!(reply.status, 200 | 404), "{method} {path} with {scope}: {}", reply.status);
        }
    }
}
