//! Reads the API server's audit log: who wrote what, in order.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::{Error, Result};

/// One completed write request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// When the request arrived: RFC 3339, UTC, microseconds.
    pub timestamp: String,
    /// Who asked: `admin`, `system:serviceaccount:NAMESPACE:NAME`, …
    pub user: String,
    /// The caller's `User-Agent`.
    pub user_agent: String,
    /// `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The API group, empty for the core group.
    pub group: String,
    /// The plural resource: `pods`, `persistentvolumeclaims`, …
    pub resource: String,
    /// `status`, `eviction`, `binding`, …; empty for the object itself.
    pub subresource: String,
    /// The namespace, empty for what has none.
    pub namespace: String,
    /// The object's name; empty where the server chose it (`generateName`).
    pub name: String,
    /// The HTTP status of the answer, 0 if there was none.
    pub code: u16,
    /// Whether the request asked for a dry run, and so changed nothing.
    pub dry_run: bool,
    /// For the deletion of a pod: the uid that it was to have; empty where any would do.
    pub uid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(default)]
    request_received_timestamp: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    verb: String,
    #[serde(default, rename = "requestURI")]
    request_uri: String,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    request_object: Options,
    #[serde(default)]
    response_status: Answer,
}

/// The body of a deletion.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Options {
    preconditions: Preconditions,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Preconditions {
    uid: String,
}

#[derive(Deserialize, Default)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
    api_group: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    code: u16,
}

impl From<Line> for AuditEvent {
    fn from(line: Line) -> Self {
        let query = line.request_uri.split_once('?').map_or("", |(_, query)| query);
        let dry_run = query.split('&').any(|parameter| parameter == "dryRun=All");
        Self {
            timestamp: line.request_received_timestamp,
            user: line.user.username,
            user_agent: line.user_agent,
            verb: line.verb,
            group: line.object_ref.api_group,
            resource: line.object_ref.resource,
            subresource: line.object_ref.subresource,
            namespace: line.object_ref.namespace,
            name: line.object_ref.name,
            code: line.response_status.code,
            dry_run,
            uid: line.request_object.preconditions.uid,
        }
    }
}

/// All events of a log, in the order of completion. No file yet is no events.
pub(crate) fn read(path: &Path) -> Result<Vec<AuditEvent>> {
    match fs::read(path) {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}

/// A line that is not (yet) complete is left out: the server may be writing it now.
fn parse(text: &str) -> Vec<AuditEvent> {
    text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()).map(AuditEvent::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"kind":"Event","level":"Metadata","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/a/pods?dryRun=All&fieldManager=x","verb":"create","user":{"username":"admin","groups":["system:masters"]},"userAgent":"kubectl/v1","objectRef":{"resource":"pods","namespace":"a","name":"web-0","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":201},"requestReceivedTimestamp":"2026-01-02T03:04:05.000006Z"}"#;

    #[test]
    fn the_precondition_of_a_deletion_is_read() {
        let body =
            r#""requestObject":{"kind":"DeleteOptions","preconditions":{"uid":"u-1"}},"verb":"delete""#;
        assert_eq!(parse(&LINE.replace(r#""verb":"create""#, body))[0].uid, "u-1");
        assert_eq!(parse(LINE)[0].uid, "");
    }

    #[test]
    fn half_a_last_line_is_left_out() {
        let text = format!("{LINE}\n{}", &LINE[..90]);
        let events = parse(&text);
        assert_eq!(events.len(), 1);
        let event = &events[0];
        assert_eq!((event.user.as_str(), event.verb.as_str()), ("admin", "create"));
        assert_eq!((event.resource.as_str(), event.subresource.as_str()), ("pods", ""));
        assert_eq!((event.namespace.as_str(), event.name.as_str()), ("a", "web-0"));
        assert_eq!(event.code, 201);
        assert!(event.dry_run);
        assert_eq!(event.timestamp, "2026-01-02T03:04:05.000006Z");
    }
}
