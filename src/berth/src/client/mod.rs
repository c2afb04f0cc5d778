//! Everything that speaks HTTP: how an API server is reached, requests to it, lists and watches.

pub mod connection;
pub mod list_watch;
pub mod reader;
#[cfg(test)]
mod stub;
pub mod transport;
