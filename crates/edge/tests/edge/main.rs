//! The edge as its callers see it: real HTTP on one side, real gRPC on the other, and behind that a control plane that
//! does what the test says and remembers what it was asked.

mod support;

mod account;
mod browsers;
mod cross_origin;
mod failures;
mod limits;
mod registration;
mod repetition;
mod routing;
mod surfaces;
mod token;
mod verification;
