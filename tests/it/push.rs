//! Pushing: whatever a backend, a network, a disk or a signal does, a sealed batch arrives once, in order, or is kept
//! where a person finds it. Each test proves from the backend's own log that its fault happened.

mod answers;
mod breaker;
mod desk;
mod ends;
mod network;
mod room;
mod split;
mod stubborn;
mod token;
mod told;
