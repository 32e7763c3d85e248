//! Apache Kafka itself, one KRaft broker and controller in one JVM. Its log survives `kill` and `start`.

mod secure;

use std::{
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
};

pub use self::secure::{Listener, PASSWORD};
use crate::{
    Authority, Error, Proxy, find,
    port::Port,
    process::{Process, Recipe},
    scratch::Scratch,
};

/// A Kafka broker.
pub struct Kafka {
    process: Process,
    port: Port,
    /// Listeners that advertise another port to their clients.
    detours: [Detour; DETOURS],
    /// Where it speaks TLS, if it does.
    tls_ports: Option<secure::Ports>,
    _controller: Port,
}

/// A Kafka client connects to the addresses in the brokers' metadata, whatever it was started with. So a client that
/// must use a proxy needs a listener that advertises the proxy's port.
struct Detour {
    port: Port,
    /// The port for a proxy, until somebody takes it.
    advertised: Mutex<Option<Port>>,
}

/// One for edges, one for origins.
const DETOURS: usize = 2;

impl std::ops::Deref for Kafka {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Kafka {
    /// `by`: signs its certificate; without it, the broker has no TLS.
    pub(crate) fn start_in(scratch: &Scratch, shared: bool, by: Option<&Authority>) -> Result<Self, Error> {
        let (port, controller) = (Port::reserve(), Port::reserve());
        let detours =
            [(); DETOURS].map(|()| Detour { port: Port::reserve(), advertised: Mutex::new(Some(Port::reserve())) });
        let logs = scratch.dir("kafka")?.join("log");
        let mut settings = properties(port.number, controller.number, &detours, &logs);
        let tls_ports = by.map(|_| secure::Ports::reserve());
        if let Some((by, ports)) = by.zip(tls_ports.as_ref()) {
            settings = secure::with_listeners(&settings, ports, by)?;
        }
        let settings = scratch.file("kafka/server.properties", &settings)?;
        let java = find::program("java", "default-jre-headless")?;
        let classpath = find::kafka_classpath()?;
        format_storage(&java, &classpath, &settings, if by.is_some() { &secure::USERS } else { &[] })?;
        let args = ["-Xmx384m", "-XX:+UseSerialGC", LOG_LEVEL, "-cp", &classpath, "kafka.Kafka"];
        let mut args: Vec<_> = args.map(Into::into).into();
        args.push(settings.into_os_string());
        let name = "kafka".to_owned();
        let recipe = Recipe { name, program: java, args, env: vec![], user: None, logs: scratch.path().to_owned() };
        let brokers = address(&port);
        let process = Process::new(recipe, shared, Box::new(move |_: &Path| answers(&brokers)));
        process.start_blocking()?;
        Ok(Self { process, port, detours, tls_ports, _controller: controller })
    }

    pub fn brokers(&self) -> String {
        address(&self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number
    }

    /// A proxy to this broker that its clients cannot bypass. Panics if none is left.
    pub(crate) async fn proxy(&self) -> Proxy {
        let lock = |detour: &Detour| detour.advertised.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut free = self.detours.iter().filter_map(|detour| Some((lock(detour)?, detour.port.number)));
        let (advertised, target) = free.next().expect("a listener for each proxy");
        Proxy::on(advertised, target).await
    }

    /// Creates a topic; panics unless it exists afterwards.
    pub async fn create_topic(&self, name: &str, partitions: i32, compacted: bool) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("a Kafka admin client");
        let policy = if compacted { "compact" } else { "delete" };
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1)).set("cleanup.policy", policy);
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
        let created =
            admin.create_topics([&topic], &options).await.unwrap_or_else(|error| panic!("topic {name}: {error}"));
        for result in created {
            result.unwrap_or_else(|(name, error)| panic!("topic {name}: {error}"));
        }
    }

    /// Deletes a topic with all that is in it.
    pub async fn delete_topic(&self, name: &str) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().expect("a Kafka admin client");
        let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
        let deleted = admin.delete_topics(&[name], &options).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        deleted.into_iter().for_each(|result| drop(result.unwrap_or_else(|(name, error)| panic!("{name}: {error}"))));
    }

    /// A client configuration that names this broker.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers());
        config
    }
}

const LOG_LEVEL: &str = "-Dorg.apache.logging.log4j.level=WARN";

fn address(port: &Port) -> String {
    format!("127.0.0.1:{}", port.number)
}

fn properties(port: u16, controller: u16, detours: &[Detour], logs: &Path) -> String {
    let detour = |index: usize, port: u16| format!(",DETOUR{index}://127.0.0.1:{port}");
    let (mut listeners, mut advertised, mut protocols) = (String::new(), String::new(), String::new());
    for (index, Detour { port, advertised: proxy }) in detours.iter().enumerate() {
        let proxy = proxy.lock().unwrap_or_else(PoisonError::into_inner);
        listeners += &detour(index, port.number);
        advertised += &detour(index, proxy.as_ref().expect("nobody has taken it yet").number);
        protocols += &format!(",DETOUR{index}:PLAINTEXT");
    }
    // The broker session is short, so that after a kill -9 the new run does not wait 9 s for the old one's to end.
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{advertised}
log.dirs={}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
",
        logs.display()
    )
}

/// `users`: the arguments that make its users.
fn format_storage(java: &Path, classpath: &str, settings: &Path, users: &[&str]) -> Result<(), Error> {
    let mut command = Command::new(java);
    command.args(["-XX:TieredStopAtLevel=1", "-cp", classpath, "kafka.tools.StorageTool", "format", "--standalone"]);
    command.args(["-t", "b25oYW5kLXRlc3Qta2Fma2", "-c"]).arg(settings).args(users);
    let done = command.output().map_err(Error::file("cannot run", java))?;
    if done.status.success() {
        return Ok(());
    }
    let output = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    Err(Error::Failed { program: "kafka.tools.StorageTool format".to_owned(), status: done.status.to_string(), output })
}

/// Whether the broker returns metadata: it listens before it serves.
fn answers(brokers: &str) -> bool {
    if std::net::TcpStream::connect(brokers).is_err() {
        return false;
    }
    let consumer: Result<BaseConsumer, _> = ClientConfig::new().set("bootstrap.servers", brokers).create();
    let metadata = consumer.and_then(|consumer| consumer.fetch_metadata(None, Duration::from_secs(2)));
    metadata.is_ok_and(|metadata| !metadata.brokers().is_empty())
}
