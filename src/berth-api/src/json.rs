//! JSON text as Go writes it.

use serde_json::Value;

/// JSON as Go writes it (A7.2): keys sorted by byte, no white space, and `<`, `>`, `&`, U+2028 and U+2029 escaped. These
/// five can only stand inside strings, so replacing them in the finished text is exact.
pub fn go_bytes(value: &Value) -> Vec<u8> {
    let text = value.to_string();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out.into_bytes()
}
