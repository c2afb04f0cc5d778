//! What comes back, against servers that break off, fall silent, or answer in place of the API server; and what goes out.

use std::sync::{Arc, Mutex};

use berth_api::{ObjectRef, Resource, Surface};
use http::StatusCode;
use serde_json::json;

use super::*;
use crate::client::stub::{self, Seen};

/// Long enough that no test waits for it.
const LONG: Duration = Duration::from_secs(20);

fn pod() -> ObjectRef {
    ObjectRef::new(Resource::Pods, "ns", "web-0")
}

fn create() -> Request {
    Request {
        verb: Verb::Create,
        object: pod(),
        status: false,
        dry_run: false,
        body: json!({ "kind": "Pod" }),
    }
}

fn chunked(status: &str, body: &str) -> Vec<u8> {
    let (one, two) = body.split_at(body.len() / 2);
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    format!("{head}{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", one.len(), two.len()).into_bytes()
}

/// The answer ends where the connection ends, as that of an old proxy.
fn until_the_end(status: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// Whatever of an answer arrives: without the whole of it, nothing is known.
#[tokio::test]
async fn an_answer_that_breaks_off_leaves_it_open() {
    let status = |code: u16, reason: &str| {
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no",
                "reason": reason, "code": code, "details": { "retryAfterSeconds": 3 } })
        .to_string()
    };
    let pod = json!({ "kind": "Pod", "metadata": { "name": "web-0", "uid": "u" } }).to_string();
    let mut whole = vec![stub::answer("201 Created", &pod), stub::answer("200 OK", &status(200, ""))];
    for (code, name, reason) in
        [(403, "Forbidden", "Forbidden"), (409, "Conflict", "AlreadyExists"), (503, "Busy", "Busy")]
    {
        whole.push(stub::answer(&format!("{code} {name}"), &status(code, reason)));
    }
    whole.push(b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 4\r\n\r\nbusy".to_vec());
    whole.extend([chunked("201 Created", &pod), chunked("403 Forbidden", &status(403, "Forbidden"))]);
    whole.extend([
        until_the_end("201 Created", &pod),
        until_the_end("403 Forbidden", &status(403, "Forbidden")),
    ]);

    let now: Arc<Mutex<Vec<u8>>> = Arc::default();
    let sent = Arc::clone(&now);
    let client = stub::client(stub::serve(move |_| Some(sent.lock().unwrap().clone())).await);
    for answer in whole {
        for cut in 0..answer.len() {
            *now.lock().unwrap() = answer[..cut].to_vec();
            let got = send(&client, &create(), LONG).await;
            let shown = String::from_utf8_lossy(&answer[..cut]);
            assert!(matches!(got, Answer::Unknown(_)), "{cut} bytes: {got:?}\n{shown}");
        }
        *now.lock().unwrap() = answer.clone();
        let got = send(&client, &create(), LONG).await;
        let done = answer.starts_with(b"HTTP/1.1 20");
        let right = if done { matches!(got, Answer::Done(_)) } else { matches!(got, Answer::Refused(_)) };
        assert!(right, "{got:?}\n{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_leaves_it_open() {
    let silent = stub::client(stub::serve(|_| None).await);
    let began = std::time::Instant::now();
    let got = send(&silent, &create(), Duration::from_millis(50)).await;
    assert_eq!(got, Answer::Unknown("no answer within 0.05 s".to_owned()));
    assert!(began.elapsed() < LONG);

    // The head alone is no answer yet.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = stub::client(listener.local_addr().unwrap());
    let half = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stub::read(&mut stream).await.unwrap();
        let whole = stub::answer("201 Created", "{\"kind\":\"Pod\"}");
        tokio::io::AsyncWriteExt::write_all(&mut stream, &whole[..whole.len() - 1]).await.unwrap();
        std::future::pending::<()>().await;
    });
    let got = send(&client, &create(), Duration::from_millis(50)).await;
    assert_eq!(got, Answer::Unknown("no answer within 0.05 s".to_owned()));
    half.abort();

    // Nothing listens there any more.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let got = send(&stub::client(gone), &create(), LONG).await;
    assert!(matches!(got, Answer::Unknown(_)), "{got:?}");
}

/// What goes over the wire for a request.
async fn wire(request: &Request) -> Seen {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let all = Arc::clone(&seen);
    let answer = move |seen| {
        all.lock().unwrap().push(seen);
        Some(stub::answer("200 OK", "{}"))
    };
    let client = stub::client(stub::serve(answer).await);
    assert_eq!(send(&client, request, LONG).await, Answer::Done(json!({})));
    let mut all = seen.lock().unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[tokio::test]
async fn every_request_goes_out_as_it_is_meant() {
    let set = ObjectRef::new(Resource::OrdinalSets(Surface::Berth), "ns", "web");
    let (pods, sets) = ("/api/v1/namespaces/ns/pods", "/apis/berth.dev/v1/namespaces/ns/ordinalsets");
    let json = "application/json";
    let merge = "application/merge-patch+json";
    for (verb, object, status, dry_run, line, content) in [
        (Verb::Get, pod(), false, false, format!("GET {pods}/web-0"), ""),
        (Verb::Create, pod(), false, false, format!("POST {pods}?fieldManager=berth"), json),
        (Verb::Create, pod(), false, true, format!("POST {pods}?fieldManager=berth&dryRun=All"), json),
        (Verb::Patch, pod(), false, false, format!("PATCH {pods}/web-0?fieldManager=berth"), merge),
        (Verb::Patch, set.clone(), true, false, format!("PATCH {sets}/web/status?fieldManager=berth"), merge),
        (
            Verb::Patch,
            set.clone(),
            true,
            true,
            format!("PATCH {sets}/web/status?fieldManager=berth&dryRun=All"),
            merge,
        ),
        (Verb::Update, set.clone(), false, false, format!("PUT {sets}/web?fieldManager=berth"), json),
        (Verb::Update, set, true, true, format!("PUT {sets}/web/status?fieldManager=berth&dryRun=All"), json),
        (Verb::Delete, pod(), false, false, format!("DELETE {pods}/web-0"), json),
        (Verb::Delete, pod(), false, true, format!("DELETE {pods}/web-0?dryRun=All"), json),
    ] {
        // As Go writes it.
        let body = json!({ "a": "<&>", "preconditions": { "uid": "u" } });
        let request = Request { verb, object, status, dry_run, body };
        let seen = wire(&request).await;
        assert_eq!(seen.line, line);
        assert_eq!(seen.header("accept"), json, "{line}");
        assert_eq!(seen.header("content-type"), content, "{line}");
        let expected = r#"{"a":"\u003c\u0026\u003e","preconditions":{"uid":"u"}}"#;
        assert_eq!(seen.body, if verb == Verb::Get { "" } else { expected }, "{line}");
    }
}

#[test]
fn a_refusal_is_read_whatever_its_form() {
    let read = |code: StatusCode, body: &[u8], json, wait| match refused(code, body, json, wait) {
        Answer::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    };
    // As priority and fairness words it.
    let busy = b"Too many requests, please try again later.\n";
    let busy = read(StatusCode::TOO_MANY_REQUESTS, busy, false, Some(7));
    assert_eq!((busy.code, busy.details.retry_after_seconds), (429, 7));
    assert_eq!(busy.message, "Too many requests, please try again later.");
    let body =
        br#"{"kind":"Status","status":"Failure","reason":"Forbidden","message":"exceeded quota","code":403}"#;
    let quota = read(StatusCode::FORBIDDEN, body, true, None);
    assert_eq!(
        (quota.code, quota.reason.as_str(), quota.message.as_str()),
        (403, "Forbidden", "exceeded quota")
    );
    let empty = read(StatusCode::NOT_FOUND, b"", false, None);
    assert_eq!((empty.code, empty.message.as_str()), (404, "404 Not Found"));
    let stopping = read(StatusCode::SERVICE_UNAVAILABLE, b"shutting down", false, Some(1));
    assert_eq!((stopping.code, stopping.details.retry_after_seconds), (503, 1));
    let timed_out =
        br#"{"kind":"Status","status":"Failure","reason":"Timeout","message":"too slow","code":504}"#;
    assert_eq!(read(StatusCode::GATEWAY_TIMEOUT, timed_out, true, None).code, 504);
}

/// A proxy that gives up may have handed the request on before.
#[test]
fn a_proxy_that_fails_leaves_it_open() {
    let page = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center>nginx</center>\r\n</body>\r\n</html>";
    for (code, body, line) in [
        (StatusCode::BAD_GATEWAY, &page[..], "502 Bad Gateway (not from the API server)"),
        (StatusCode::BAD_GATEWAY, b"", "502 Bad Gateway"),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            b"upstream connect\nerror",
            "503 Service Unavailable: upstream connect error",
        ),
        (StatusCode::GATEWAY_TIMEOUT, br#"{"message":"slow"}"#, r#"504 Gateway Timeout: {"message":"slow"}"#),
    ] {
        assert_eq!(refused(code, body, false, None), Answer::Unknown(line.to_owned()));
    }
    // One that does not let it through has not.
    let Answer::Refused(denied) =
        refused(StatusCode::FORBIDDEN, b"<TITLE>Blocked\nby policy</TITLE>", false, None)
    else {
        panic!()
    };
    assert_eq!((denied.code, denied.message.as_str()), (403, "403 Forbidden: Blocked by policy"));
    let long = foreign(403, &"word \u{fc}\n".repeat(500));
    assert!(long.chars().count() < 230 && long.lines().count() == 1, "{long}");
}

/// Lists and the commands of the command line read their answers through kube.
#[tokio::test]
async fn a_page_of_a_proxy_is_one_line_for_lists_too() {
    let page = "<html>\n<head><title>Sign in</title></head>\n<body>\nmany\nlines\n</body></html>";
    for (status, line) in
        [("403 Forbidden", "403 Forbidden: Sign in"), ("502 Bad Gateway", "502 Bad Gateway: Sign in")]
    {
        let client = stub::client(stub::serve(move |_| Some(stub::answer(status, page))).await);
        let request = http::Request::get("/api/v1/pods").body(vec![]).unwrap();
        let told = match failure(client.request_text(request).await.unwrap_err()) {
            Answer::Refused(refusal) => refusal.message,
            Answer::Unknown(what) => what,
            Answer::Done(value) => panic!("{value}"),
        };
        assert_eq!(told, line);
    }
}
