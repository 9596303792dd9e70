//! A batch's text, read once from end to end, and looked into without reading it again.
//!
//! [`Checked`] is text that is JSON, with the places where its outer lists and objects end; so whoever walks through them
//! steps over those that it does not look into. What is JSON and what is not is serde_json's to say: a test compares.

mod check;
mod scan;
#[cfg(test)]
mod tests;
mod walk;

pub use check::Checked;
pub use walk::{Elements, Fields, Value};
