//! Pushing: whatever a backend, a network, a disk or a signal does, a sealed batch arrives once, in order, or is kept
//! where a person finds it. Each test proves from the backend's own log that its fault happened.

mod answers;
mod breaker;
mod days;
pub(crate) mod desk;
mod ends;
mod half_life;
mod network;
mod pulled;
mod room;
mod split;
mod stubborn;
mod token;
mod told;
