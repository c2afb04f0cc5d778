//! Heartbeats that really come: a kubelet writes the status of its node every five minutes, which on a thousand nodes is three a
//! second. Here all nodes write twice, as fast as the API server takes it.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use serde_json::Value;

use crate::heartbeat;
use crate::subject::cpu;
use crate::support::Scene;
use crate::support::plane::block_on;

/// How many heartbeats are on their way at the same time.
const AT_ONCE: usize = 8;
/// How often each node writes.
const ROUNDS: usize = 2;
/// For how long nothing at all is done, for comparison.
const STILL: Duration = Duration::from_secs(10);

/// Lets all nodes say that they live, and prints what that costs a process.
pub fn measure(scene: &Scene, process: &u32, nodes: usize) {
    let before = cpu(*process);
    std::thread::sleep(STILL);
    let still = cpu(*process) - before;

    let before = cpu(*process);
    let began = Instant::now();
    let all = (0..ROUNDS).flat_map(|_| 0..nodes);
    block_on(stream::iter(all).for_each_concurrent(AT_ONCE, |node| beat(scene, node)));
    let took = began.elapsed();
    // What it has not read yet it reads now.
    std::thread::sleep(Duration::from_secs(2));
    let busy = cpu(*process) - before;
    let count = ROUNDS * nodes;
    println!(
        "{count} heartbeats in {:.1} s ({:.0} a second): {busy:?} of CPU, {:.0} us each; {still:?} in {STILL:?} without any",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64(),
        busy.as_secs_f64() * 1e6 / count as f64,
    );
}

async fn beat(scene: &Scene, node: usize) {
    let path = format!("/api/v1/nodes/{}/status", scene.node_name(node));
    let request = http::Request::patch(path).header("content-type", "application/strategic-merge-patch+json");
    let request = request.body(heartbeat().to_string().into_bytes()).unwrap();
    scene.plane.client.request::<Value>(request).await.unwrap();
}
