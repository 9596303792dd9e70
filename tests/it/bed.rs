//! The bed itself: a fault that does not happen makes every test that rests on it pass for nothing.

mod cluster;
mod home;
mod proxy;
mod stub;
mod warden;
