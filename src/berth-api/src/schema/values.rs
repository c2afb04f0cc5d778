//! Single values of a pod template: patterns, lengths and ranges. Where a value is checked that Kubernetes checks too, these are its own.

use serde_json::{Value, json};

/// A DNS label.
pub const DNS_LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
/// A DNS subdomain: what most objects may be called.
pub const DNS_NAME: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
/// The name of a port: parts of letters and digits with a `-` between two, a letter in one of them.
pub const PORT_NAME: &str = "([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*";
/// The value of a label.
pub const LABEL_VALUE: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
/// The name of a label, with or without a prefix.
pub const QUALIFIED: &str = r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?";
/// The name of a variable: printable ASCII without `=`.
pub const VARIABLE: &str = "[ -<>-~]+";
/// A key of a ConfigMap or Secret.
pub const KEY: &str = r"\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*";
/// A quantity that is not negative.
pub const QUANTITY: &str = r"\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?";
/// A part of a path that is not `..`.
pub const PART: &str = r"([^/.][^/]*|\.[^/.][^/]*|\.\.[^/]+|\.)";
/// A field of the pod that a variable may have.
pub const VARIABLE_FIELD: &str = r"(metadata\.(name|namespace|uid|(labels|annotations)\['.+'\])|spec\.(nodeName|host|serviceAccountName)|status\.(hostIPs?|podIPs?))";
/// A resource of a container that a variable or file may have.
pub const RESOURCE_FIELD: &str = r"(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.*)";

/// More containers of a kind than this are refused, so that the cost of checking them is bounded.
pub const MOST_CONTAINERS: u32 = 128;
/// More ports of a container than this are refused.
pub const MOST_PORTS: u32 = 2048;
/// More volumes of a pod, or mounts of a container, are refused.
pub const MOST_VOLUMES: u32 = 2048;
/// More devices of a container are refused.
pub const MOST_DEVICES: u32 = 256;
/// More tolerations are refused.
pub const MOST_TOLERATIONS: u32 = 1000;
/// A selector with more labels or conditions than this is refused, so that the cost of checking it is bounded.
pub const MANY: u32 = 100;
/// The longest label value.
pub const LABEL: u32 = 63;
/// The longest name of an object.
pub const NAME: u32 = 253;
/// The longest key of a label: a prefix, a slash and a name.
pub const LABEL_KEY: u32 = NAME + 1 + LABEL;
/// The longest quantity; Kubernetes itself prints none of more than about 25 characters.
pub const QUANTITY_LENGTH: u32 = 64;
/// The highest id of a user or group.
pub const HIGHEST_ID: u32 = i32::MAX as u32;
/// The highest mode of a file: 0777.
pub const HIGHEST_MODE: u32 = 0o777;

/// A pattern for the whole of a value.
pub fn whole(pattern: &str) -> String {
    format!("^{pattern}$")
}

/// A pattern for the whole of a value that may be empty.
pub fn maybe(pattern: &str) -> String {
    format!("^({pattern})?$")
}

/// One of some words.
pub fn one_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

/// A text that is not empty.
pub fn not_empty() -> Value {
    json!({ "minLength": 1 })
}

/// A quantity that is not negative, as a text or a number.
pub fn quantity() -> Value {
    json!({ "minimum": 0, "maxLength": QUANTITY_LENGTH, "pattern": whole(QUANTITY) })
}

/// The number of a port.
pub fn port() -> Value {
    json!({ "minimum": 1, "maximum": 65535 })
}

/// The number of a port, or its name.
pub fn port_or_name() -> Value {
    json!({ "minimum": 1, "maximum": 65535, "maxLength": 15, "pattern": whole(PORT_NAME) })
}

/// The name of an object.
pub fn object_name() -> Value {
    json!({ "maxLength": NAME, "pattern": whole(DNS_NAME) })
}
