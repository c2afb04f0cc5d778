//! The network of real nodes: a switch in a network namespace of its own, one link to this machine and one to each node.
//!
//! Nothing crosses this machine's own packet filter, and no setting of this machine is changed: the switch forwards, in its own
//! namespace. When its process ends, the namespace goes, and with it every link.
//!
//! Addresses of a cluster with the prefix `10.B`: this machine `10.B.0.1`, the switch `10.B.0.2`, node `n` `10.B.0.(10+n)`, its pods
//! `10.B.(n+1).0/24`.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Process, Result, directory};

/// Prefixes that are tried: `10.64` to `10.127`.
const PREFIXES: std::ops::Range<u8> = 64..128;
/// How many nodes have addresses.
pub(crate) const MOST_NODES: u8 = 200;

/// Waits to be killed; its namespace lives as long.
const SWITCH: &str = "echo up; exec sleep infinity";

/// The network of one cluster.
#[derive(Debug)]
pub(crate) struct Network {
    prefix: u8,
    switch: Process,
}

impl Network {
    /// Makes the switch and the link to this machine, with a prefix that nobody here uses.
    pub(crate) fn start(dir: &Path) -> Result<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", SWITCH]).current_dir(dir);
        let switch = Process::start(dir, "plane", "switch", &command)?;
        let deadline = Instant::now() + Duration::from_secs(30);
        while !switch.log()?.starts_with("up") {
            switch.check()?;
            if Instant::now() >= deadline {
                let last = switch.log()?;
                return Err(Error::Timeout {
                    what: "the switch".to_owned(),
                    waited: Duration::from_secs(30),
                    last,
                });
            }
            thread::sleep(Duration::from_millis(5));
        }
        let mut network = Self { prefix: 0, switch };
        network.inside(
            "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects",
        )?;
        network.inside("ip link set lo up; ip link add br0 type bridge; echo 0 >/proc/sys/net/ipv4/conf/br0/send_redirects")?;
        let link = link(dir);
        let (link, pid) = (link.as_str(), network.switch.pid().to_string());
        ip(&["link", "add", "name", link, "type", "veth", "peer", "name", "machine", "netns", &pid])?;
        ip(&["link", "set", link, "up"])?;
        network.prefix = claim_prefix(link)?;
        let (switch, all) = (network.address(2), network.address(0));
        network.inside(&format!(
            "ip link set machine master br0; ip link set machine up; ip addr add {switch}/24 dev br0; ip link set br0 up"
        ))?;
        ip(&["route", "add", &format!("{all}/16"), "via", &switch.to_string(), "dev", link])?;
        Ok(network)
    }

    /// This machine, as the nodes see it.
    pub(crate) fn machine(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// The switch, where CoreDNS answers.
    pub(crate) fn switch(&self) -> Ipv4Addr {
        self.address(2)
    }

    /// The address of a node.
    pub(crate) fn node(&self, index: u8) -> Ipv4Addr {
        self.address(10 + index)
    }

    /// The range of the pods of a node.
    pub(crate) fn pods(&self, index: u8) -> String {
        format!("10.{}.{}.0/24", self.prefix, index + 1)
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, self.prefix, 0, last)
    }

    /// A command that runs in the namespace of the switch.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.switch.pid())).arg(program);
        command
    }

    /// Links a node, given by a process in its namespace, to the switch.
    pub(crate) fn join(&self, index: u8, pid: u32) -> Result<()> {
        let port = format!("node{index}");
        self.inside(&format!(
            "ip link add name {port} type veth peer name eth0 netns {pid}; ip link set {port} master br0; ip link set {port} up; \
             ip route replace {} via {}",
            self.pods(index),
            self.node(index)
        ))?;
        let mut script = String::new();
        let _ = write!(
            script,
            "ip link set lo up; ip addr add {}/24 dev eth0; ip link set eth0 up; ip route add default via {}; \
             echo 1 >/proc/sys/net/ipv4/ip_forward",
            self.node(index),
            self.switch()
        );
        enter(pid, &script)
    }

    /// Takes the link of a node away.
    pub(crate) fn leave(&self, index: u8) -> Result<()> {
        self.inside(&format!("ip link del node{index} 2>/dev/null || true"))
    }

    fn inside(&self, script: &str) -> Result<()> {
        enter(self.switch.pid(), script)
    }
}

/// The name of the link on this machine: that of the cluster's directory, which is unique here and short enough.
fn link(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Runs a script in the network namespace of a process.
fn enter(pid: u32, script: &str) -> Result<()> {
    let net = format!("--net=/proc/{pid}/ns/net");
    run("nsenter", &[&net, "sh", "-ec", script])
}

fn ip(arguments: &[&str]) -> Result<()> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(Error::run(program))?;
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Command { command: format!("{program} {}", arguments.join(" ")), stderr })
}

/// Gives our link an address in a range that no other link or route of this machine uses.
fn claim_prefix(link: &str) -> Result<u8> {
    let random = u8::from_str_radix(&directory::random_hex::<1>()?, 16).unwrap_or_default();
    let count = PREFIXES.end - PREFIXES.start;
    for attempt in 0..count {
        let prefix = PREFIXES.start + random.wrapping_add(attempt) % count;
        if users(prefix)? > 0 {
            continue;
        }
        let address = format!("10.{prefix}.0.1/24");
        ip(&["addr", "add", &address, "dev", link])?;
        // Another cluster may have looked at the same moment: both see both, and both let go.
        if users(prefix)? == 1 {
            return Ok(prefix);
        }
        ip(&["addr", "del", &address, "dev", link])?;
    }
    Err(Error::Machine { what: "a free network among 10.64.0.0/16 to 10.127.0.0/16".to_owned() })
}

/// How many addresses of links are in the range, or routes lead there by a way of their own.
fn users(prefix: u8) -> Result<usize> {
    let output = Command::new("ip").args(["-4", "-oneline", "addr"]).output().map_err(Error::run("ip"))?;
    let routes = Command::new("ip").args(["-4", "route"]).output().map_err(Error::run("ip"))?;
    let start = format!("10.{prefix}.");
    let addresses = String::from_utf8_lossy(&output.stdout);
    let addresses =
        addresses.split_whitespace().filter(|word| word.starts_with(&start) && word.contains('/'));
    let routes = String::from_utf8_lossy(&routes.stdout);
    let routes = routes.lines().filter(|line| line.starts_with(&start) && !line.contains("proto kernel"));
    Ok(addresses.count() + routes.count())
}
