//! PostgreSQL at its worst: locked, dropped, refusing, silent, slow, full. Each test proves from the server's log, its
//! activity or the proxy's log that the fault happened, and looks at what a run made of it.

mod authid;
mod budget;
mod catalogs;
mod columns;
mod dead;
mod discovery;
mod gone;
mod locks;
mod managed;
mod many;
mod names;
mod panic;
mod rarely;
mod refusals;
mod refused;
mod roles;
mod scene;
mod signals;
mod silence;
mod threads;
