//! A server whose clock jumps.

use std::time::Duration;

use onhand_harness::{Clock, Servers, eventually};

#[tokio::test]
async fn postgres_lives_by_a_clock_that_jumps() {
    let servers = Servers::dedicated().await.unwrap();
    let (postgres, clock) = (&servers.postgres, Clock::new().unwrap());
    let ahead = async || -> f64 {
        let own = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        let rows = postgres.sql("postgres", "SELECT extract(epoch FROM clock_timestamp())::float8").await;
        rows[0].get::<_, f64>(0) - own
    };
    postgres.kill();
    postgres.live_by(Some(&clock));
    postgres.start().await;
    assert!(ahead().await.abs() < 5.0);
    for jump in [3600.0, -3600.0] {
        clock.jump(jump as i64);
        eventually!(Duration::from_secs(10), (ahead().await - jump).abs() < 5.0);
    }
}
