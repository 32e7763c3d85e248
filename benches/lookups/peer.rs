//! The servers: the edge first, then the others, all with the same bodies.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use onhand_harness::{Cheap, Pair, World, catalogue_sku};

use crate::Args;

pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    pid: i32,
    /// None where the world runs it.
    child: Option<Child>,
    /// Its files; gone with it.
    dir: Option<PathBuf>,
}

impl Server {
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    pub(crate) fn redis(&self) -> bool {
        self.name == REDIS
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Varnish ends its worker only if it may.
            let _ = Command::new("kill").args(["-TERM", &self.pid.to_string()]).status();
            let _ = child.wait();
        }
        if let Some(dir) = &self.dir {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

const EDGE: &str = "Onhand edge";
const REDIS: &str = "Redis GET";

pub(crate) async fn start(world: &World, Args { skus, only, tls, .. }: &Args) -> Vec<Server> {
    let skus = *skus;
    let wanted = |name: &str| only.as_ref().is_none_or(|only| name.to_lowercase().starts_with(&only.to_lowercase()));
    let own =
        |name, url: String, pid: Option<i32>| Server { name, url, pid: pid.expect("it runs"), child: None, dir: None };
    let origin = world.edge(0).url();
    let mut servers = vec![own(EDGE, origin.clone(), world.edge(0).pid())];
    if *tls {
        servers.push(nginx(&origin, Some(&world.authority().here("nginx"))));
        return servers;
    }
    if wanted("bare hyper + moka") {
        servers.push(bare(&origin, skus));
    }
    if wanted("nginx proxy_cache") {
        servers.push(nginx(&origin, None));
    }
    if wanted("Varnish") {
        servers.push(varnish(&origin));
    }
    if wanted(REDIS) {
        fill_redis(world, &origin, skus).await;
        servers.push(own(REDIS, world.redis_url(), world.redis().pid()));
    }
    servers
}

fn bare(origin: &str, skus: usize) -> Server {
    let own = std::env::current_exe().expect("this executable");
    let built = own.parent().and_then(Path::parent).expect("target/release/deps").join("bare");
    assert!(built.is_file(), "{}: cargo build --release -p onhand-harness", built.display());
    let address = free_address();
    let mut command = bound(&built.to_string_lossy());
    command.args(["--listen", &address, "--from", origin, "--count", &skus.to_string()]);
    started("bare hyper + moka", &address, command, None)
}

/// As lean as it goes: no log, files kept open, connections to the origin kept.
fn nginx(origin: &str, tls: Option<&Pair>) -> Server {
    let (address, dir) = (free_address(), scratch("nginx"));
    let (scheme, origin) = origin.split_once("://").expect("an address");
    let at = dir.display();
    let (ssl, pair) = match tls {
        None => ("", String::new()),
        Some(Pair { cert, key }) => {
            (" ssl", format!("ssl_certificate {}; ssl_certificate_key {};", cert.display(), key.display()))
        }
    };
    let conf = format!(
        "user root; daemon off; master_process off; pid {at}/pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 1h;
  open_file_cache max=100000 inactive=1h; open_file_cache_valid 1h;
  proxy_cache_path {at}/cache levels=1:2 keys_zone=answers:64m max_size=4g inactive=1h;
  proxy_temp_path {at}/proxy; client_body_temp_path {at}/body;
  upstream origin {{ server {origin}; keepalive 16; }}
  server {{ listen {address}{ssl}; {pair} location / {{
    proxy_pass {scheme}://origin; proxy_http_version 1.1; proxy_set_header Connection \"\";
    proxy_cache answers; proxy_cache_valid 200 1h; proxy_ignore_headers Cache-Control;
  }} }}
}}"
    );
    std::fs::write(dir.join("nginx.conf"), conf).expect("nginx's configuration");
    let mut command = bound("nginx");
    command.arg("-p").arg(&dir).arg("-c").arg(dir.join("nginx.conf"));
    let mut server = started("nginx proxy_cache", &address, command, Some(dir));
    server.url = format!("{scheme}://{address}");
    server
}

fn varnish(origin: &str) -> Server {
    let (address, dir) = (free_address(), scratch("varnish"));
    let (host, port) = origin.trim_start_matches("http://").rsplit_once(':').expect("a port");
    let vcl = format!(
        "vcl 4.1;
backend default {{ .host = \"{host}\"; .port = \"{port}\"; }}
sub vcl_backend_response {{ set beresp.ttl = 1h; set beresp.uncacheable = false; return (deliver); }}"
    );
    std::fs::write(dir.join("default.vcl"), vcl).expect("Varnish's configuration");
    let mut command = bound("varnishd");
    command.args(["-F", "-j", "none", "-a", &address, "-s", "malloc,512m", "-f"]).arg(dir.join("default.vcl"));
    command.arg("-n").arg(dir.join("work"));
    started("Varnish", &address, command, Some(dir))
}

async fn fill_redis(world: &World, origin: &str, skus: usize) {
    let mut from = Cheap::connect(origin, "").await;
    let mut redis = world.redis_client().await;
    for number in 0..skus {
        let (_, body) = from.call("GET", &format!("/v1/availability/{}", catalogue_sku(number as u64)), "", "").await;
        // The name that redis-benchmark draws.
        let set: redis::RedisResult<()> =
            redis::cmd("SET").arg(format!("key:{number:012}")).arg(body).query_async(&mut redis).await;
        set.expect("Redis takes a value");
    }
}

/// How many were answered, and how many a second; keys are drawn alike, as redis-benchmark does it.
pub(crate) async fn ask_redis(world: &World, skus: usize, connections: usize, seconds: u64) -> (f64, f64) {
    let url = world.redis_url();
    let (address, database) = url.trim_start_matches("redis://").split_once('/').expect("a database");
    let port = address.rsplit_once(':').expect("a port").1;
    let requests = seconds * 60_000;
    let mut command = Command::new("taskset");
    command.args(["-c", &crate::GENERATOR.to_string(), "redis-benchmark", "-p", port, "--dbnum", database, "--csv"]);
    command.args(["-c", &connections.to_string(), "-n", &requests.to_string(), "-r", &skus.to_string()]);
    command.args(["GET", "key:__rand_int__"]);
    let done = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread");
    let text = String::from_utf8_lossy(&done.expect("redis-benchmark, of the package redis-tools").stdout).into_owned();
    let figures = text.lines().last().and_then(|line| line.split("\",\"").nth(1)?.trim_matches('"').parse().ok());
    (requests as f64, figures.unwrap_or_else(|| panic!("redis-benchmark said: {text}")))
}

/// Dies with us.
fn bound(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

fn started(name: &'static str, address: &str, mut command: Command, dir: Option<PathBuf>) -> Server {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("setpriv, of util-linux");
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        let ended = child.try_wait().expect("a child can be asked");
        assert!(ended.is_none(), "{name} ended with {ended:?}; tests/setup.sh bench installs it");
        assert!(began.elapsed() < Duration::from_secs(60), "{name} does not listen at {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Server { name, url: format!("http://{address}"), pid: child.id() as i32, child: Some(child), dir }
}

fn free_address() -> String {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    free.expect("a free port").to_string()
}

fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("onhand-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a temporary directory");
    dir
}
