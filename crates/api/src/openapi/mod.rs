//! The API described: what each handler says of itself, as data beside it ([`operation`]), and the OpenAPI document that is
//! made of all of it ([`document`]).
//!
//! The list of routes takes no handler without its description; shapes are those of the types that are read and written.
//! Whether statuses and shapes are what is answered, tests find out by asking.

pub mod document;
pub mod operation;

pub use document::document;
pub use operation::{Answer, Operation, Takes, Who};
