//! Each example's behaviour in the sandbox, and each limit with a rule that goes over it.

mod support;
mod shelf;

mod accounts;
mod answers;
mod examples;
mod fuzz;
mod hostile;
mod limits;
mod loading;
mod pricing;
mod pushed;
mod ranking;
mod releases;
mod sealed;
mod stages;
mod swaps;
mod wit;
mod wasi;
