//! `make bench-import`: a large file into a real origin over PostgreSQL and Kafka.
//!
//! Everything runs on this machine, including the sender. Memory is the origin's resident set.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use onhand_harness::{Error, World, cores::resident};
use tokio::process::Command;

/// Import a large file into an origin on real servers, and print its speed and memory.
#[derive(Parser)]
struct Args {
    /// SKUs in the file
    #[arg(long, default_value_t = 100_000)]
    skus: u32,
    /// Rows for each SKU, one for each location
    #[arg(long, default_value_t = 5)]
    locations: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-import: {error}");
            ExitCode::FAILURE
        }
    }
}

fn failed(what: &str) -> impl FnOnce(std::io::Error) -> Error {
    move |error| Error::Refused(format!("{what}: {error}"))
}

#[allow(clippy::print_stdout)] // the figures are the answer
async fn bench(args: &Args) -> Result<(), Error> {
    eprintln!("bench-import: starting PostgreSQL, Kafka and an origin");
    let world = World::start().edges(0).origins(1).dedicated().try_ready().await?;
    for location in 0..args.locations {
        world.location(&format!("w{location}"), 0).await;
    }
    let dir = std::env::temp_dir().join(format!("onhand-bench-{}", std::process::id()));
    fs::create_dir_all(&dir).map_err(failed("cannot make"))?;
    // The JVM of a broker that has just started compiles during the first two.
    let cold = File { series: 'C', add: 1, bad: false };
    let file = File { series: 'S', ..cold };
    let runs: [(&str, &[&str], File); 7] = [
        ("create=true, onto an empty database, servers just started", &["--create"], cold),
        ("mode=set, every quantity another, servers just started", &[], File { add: 2, ..cold }),
        ("create=true, other SKUs", &["--create"], file),
        ("mode=set, every quantity another", &[], File { add: 2, ..file }),
        ("mode=set, every quantity the same", &[], File { add: 2, ..file }),
        ("mode=set with a bad row, abort", &[], File { add: 3, bad: true, ..file }),
        ("mode=set with a bad row, skip", &["--on-error", "skip"], File { add: 3, bad: true, ..file }),
    ];
    println!("{} rows: {} SKUs at {} locations", args.skus * args.locations, args.skus, args.locations);
    for (name, more, file) in runs {
        let file = file.write(&dir, args).map_err(failed("cannot write in"))?;
        println!("{name}: {}", run(&world, &file, more, args.skus * args.locations).await?);
        drained(&world).await;
    }
    fs::remove_dir_all(&dir).map_err(failed("cannot remove"))
}

#[derive(Clone, Copy)]
struct File {
    /// The first letter of its SKUs.
    series: char,
    /// Added to every quantity, so that it differs from before.
    add: u32,
    /// Whether the row in the middle is wrong.
    bad: bool,
}

impl File {
    fn write(self, dir: &Path, args: &Args) -> std::io::Result<PathBuf> {
        let path = dir.join("stock.csv");
        let mut file = std::io::BufWriter::new(fs::File::create(&path)?);
        writeln!(file, "sku,location,quantity,name,brand,price,currency")?;
        let Self { series, add, bad } = self;
        for sku in 0..args.skus {
            for location in 0..args.locations {
                let wrong = bad && sku == args.skus / 2 && location == 0;
                let quantity = if wrong { "many".to_owned() } else { (sku % 1000 + add).to_string() };
                let (price, brand) = (100 + sku % 9900, sku % 300);
                writeln!(
                    file,
                    "{series}KU-{sku:07},w{location},{quantity},Thing number {sku},Brand {brand},{price},GBP"
                )?;
            }
        }
        file.flush()?;
        Ok(path)
    }
}

async fn run(world: &World, file: &Path, more: &[&str], rows: u32) -> Result<String, Error> {
    let memory = Memory::watch(world.origin(0).pid().unwrap_or_default());
    let began = Instant::now();
    let mut command = Command::new(world.binary());
    command.arg("import").arg(file).args(["--origin", &world.origin(0).url()]).args(more);
    let output = command.env("ONHAND_TOKEN_ADMIN", &world.tokens.admin).output().await;
    let output = output.map_err(failed("cannot run"))?;
    let seconds = began.elapsed().as_secs_f64();
    let (early, peak) = memory.stop().await;
    let said = String::from_utf8_lossy(&output.stdout);
    if said.is_empty() {
        return Err(Error::Refused(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let said: Vec<&str> = said.lines().take(2).collect();
    let rate = f64::from(rows) / seconds;
    Ok(format!(
        "{seconds:.1} s, {rate:.0} rows/s; {early} MiB after a tenth of the time, {peak} MiB at most\n    {}",
        said.join("\n    ")
    ))
}

/// Waits until the outbox is empty for the next run, and prints how long that took.
async fn drained(world: &World) {
    let began = Instant::now();
    while world.sql("SELECT count(*) FROM outbox").await[0].get::<_, i64>(0) > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("    all published {:.1} s later", began.elapsed().as_secs_f64());
}

/// Samples of a process's resident set.
struct Memory {
    samples: Arc<Mutex<Vec<u64>>>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Memory {
    fn watch(pid: i32) -> Self {
        let (samples, stop) = (Arc::<Mutex<Vec<u64>>>::default(), Arc::<AtomicBool>::default());
        let (into, until) = (Arc::clone(&samples), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            while !until.load(Ordering::Relaxed) {
                into.lock().expect("no panic under this lock").push(resident(pid) >> 20);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        Self { samples, stop, task }
    }

    /// The most within the first tenth of the time, and within all of it, in MiB.
    async fn stop(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.task.await);
        let samples = self.samples.lock().expect("no panic under this lock");
        let most = |part: &[u64]| part.iter().copied().max().unwrap_or_default();
        (most(&samples[..samples.len().div_ceil(10)]), most(&samples))
    }
}
