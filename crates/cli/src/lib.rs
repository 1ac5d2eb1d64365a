//! The command `lychgate` and the program `lychgate-control`.
//!
//! This crate chooses the engine and starts other processes. It decides nothing about authorizations: `dev` configures and
//! starts the other programs, and the operator's verbs are gRPC calls that every caller with the token can make.

mod command;
mod control;
mod dev;
mod engine;
mod health;
mod operator;
mod probe;
mod templates;

pub use command::main as lychgate;
pub use control::main as lychgate_control;
