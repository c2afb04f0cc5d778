//! Asking an operator how it is.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// An address that nobody listens on right now.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Status code and text of a GET; 0 while nobody answers.
pub fn ask(address: &str, path: &str) -> (u16, String) {
    let mut answer = String::new();
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    });
    if asked.is_err() {
        return (0, answer);
    }
    let status = answer.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map(|(_, text)| text.to_owned()).unwrap_or_default())
}
