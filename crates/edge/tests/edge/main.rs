//! Tests of the edge over real HTTP and real gRPC, with a fake control plane that records its calls and answers as the test
//! says.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod support;

mod account;
mod browsers;
mod checkup;
mod cross_origin;
mod endpoints;
mod failures;
mod languages;
mod limits;
mod registration;
mod repetition;
mod routing;
mod surfaces;
mod token;
mod unread_bodies;
mod verification;
