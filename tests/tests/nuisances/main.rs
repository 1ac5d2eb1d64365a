//! Attacks and nuisances that only real browsers bring: pages without an origin, windows that close under the pointer, links
//! that are opened ahead of time, reloads, cookies that are not kept. Each is the successful flow with one thing changed; most
//! run in Chromium and in Firefox.

mod clickjacking;
mod cookies;
mod expired;
mod origins;
mod prefetch;
mod reloads;
mod scene;
mod schemes;
