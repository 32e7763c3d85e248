//! Children that cannot outlive us.
//!
//! `setpriv --pdeathsig KILL` makes the kernel kill a child when its parent dies, however that happens. To the kernel
//! the parent is the **thread** that forked: a child spawned from a test's own thread, or from a runtime's worker,
//! would be killed as soon as that thread ends, in the middle of another test that shares the server. So one thread,
//! which lives as long as the process, spawns them all. (Setting the signal ourselves would need `pre_exec`, which is
//! unsafe.)

use std::{
    io,
    process::{Child, Command},
    sync::{LazyLock, Mutex, mpsc},
    thread,
};

struct Order {
    command: Command,
    answer: mpsc::Sender<io::Result<Child>>,
}

static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    let serve = move || {
        for mut order in inbox {
            let _ = order.answer.send(order.command.spawn());
        }
    };
    thread::Builder::new().name("spawner".to_owned()).spawn(serve).expect("a thread");
    Mutex::new(orders)
});

/// Spawns a command, which should come from [`bound`], from the thread that lives longest.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let (answer, answered) = mpsc::channel();
    let order = Order { command, answer };
    SPAWNER.lock().expect("no panic under this lock").send(order).expect("the spawner lives as long as we do");
    answered.recv().expect("the spawner answers")
}

/// `setpriv`, to which the caller adds the program: the child is killed when we die, and runs as another user if one is
/// given.
pub(crate) fn bound(user: Option<User>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let Some(User { uid, gid }) = user {
        command.arg(format!("--reuid={uid}")).arg(format!("--regid={gid}")).arg("--clear-groups");
    }
    command.arg("--");
    command
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    pub uid: u32,
    pub gid: u32,
}
