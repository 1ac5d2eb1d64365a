//! The operator's commands, and the control plane as a process.
//!
//! The one place that knows every engine by name, and the one that starts other processes. It talks to what it starts as
//! anybody would, by configuration file, gRPC and HTTP; no rule of an authorization is known here, but what of them can be
//! seen from outside. What an [`operator`] types is gRPC, as anybody may speak it who has the token.

pub mod control;
pub mod dev;
mod engine;
pub mod operator;
