//! Real nodes: real kubelets, real containers, real volumes, real DNS. Linux as root, without a container engine.
//!
//! | file | what it makes |
//! | --- | --- |
//! | `machine` | a look at what this machine has, before anything is started |
//! | `network` | a switch and links, in namespaces |
//! | `authority` | certificates of kubelets |
//! | `images`, `archive` | images from this machine's own programs |
//! | `node`, `configuration` | a node: namespaces, containerd, kubelet |
//! | `groups` | control groups, when a node is gone |
//! | `addons` | names (CoreDNS) and volumes |

mod addons;
mod archive;
mod authority;
mod configuration;
mod groups;
mod images;
mod machine;
mod network;
mod node;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::binaries::NodeBinaries;
use crate::{Cluster, Error, Process, Result, directory};
use authority::Authority;
pub(crate) use authority::{API_SERVER as API_SERVER_CERTIFICATE, CERTIFICATE as AUTHORITY};
use machine::Machine;
use network::Network;
use node::Node;

/// A node registers within seconds; a machine that runs several tests at once needs much longer.
const READY: Duration = Duration::from_secs(180);

/// What real nodes stand on: found, built and made before the control plane starts.
#[derive(Debug)]
pub(crate) struct Ground {
    dir: PathBuf,
    /// The address of the API server, once it is known.
    url: String,
    machine: Machine,
    binaries: NodeBinaries,
    runc: PathBuf,
    /// `$PATH` of containerd and kubelet.
    path: OsString,
    network: Network,
    authority: Authority,
    nodes: Mutex<BTreeMap<String, Node>>,
}

/// What is looked at and built before there is a cluster.
#[derive(Debug)]
pub(crate) struct Found {
    machine: Machine,
    binaries: NodeBinaries,
}

/// Looks at the machine, then builds what is missing.
pub(crate) fn find() -> Result<Found> {
    let machine = Machine::look()?;
    Ok(Found { machine, binaries: NodeBinaries::locate()? })
}

impl Ground {
    /// The network and the certificates.
    pub(crate) fn prepare(dir: &Path, found: Found) -> Result<Self> {
        for (name, text) in [("in-group", configuration::IN_GROUP), ("init", configuration::INIT)] {
            directory::write(&dir.join(name), 0o700, text)?;
        }
        let mut path = found.binaries.dir().as_os_str().to_owned();
        path.push(":/usr/sbin:/sbin:");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        Ok(Self {
            dir: dir.to_owned(),
            url: String::new(),
            machine: found.machine,
            binaries: found.binaries,
            runc: machine::find("runc").unwrap_or_default(),
            path,
            network: Network::start(dir)?,
            authority: Authority::create(dir)?,
            nodes: Mutex::default(),
        })
    }

    /// Where the API server is to listen: the nodes reach it there.
    pub(crate) fn address(&self) -> Ipv4Addr {
        self.network.machine()
    }

    /// Tells where the API server is.
    pub(crate) fn set_url(&mut self, url: &str) {
        url.clone_into(&mut self.url);
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<String, Node>> {
        // The map is valid whatever a panicking holder of the lock did.
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn images(&self) -> PathBuf {
        self.dir.join("images.tar")
    }

    /// An error with its last words if a process of a node has ended that should run.
    pub(crate) fn check(&self) -> Result<()> {
        self.nodes().values().try_for_each(Node::check)
    }

    /// Takes note of processes that have ended.
    pub(crate) fn reap(&self) {
        self.nodes().values().flat_map(Node::processes).for_each(Process::reap);
    }

    fn with<T>(&self, name: &str, act: impl FnOnce(&mut Node) -> Result<T>) -> Result<T> {
        match self.nodes().get_mut(name) {
            Some(node) => act(node),
            None => Err(Error::Node(format!("{name} is not there"))),
        }
    }

    fn start_node(&self, name: &str, index: u8) -> Result<()> {
        Node::prepare(self, name, index)?;
        let mut node = Node::start(self, name, index)?;
        node.import(self, &self.images())?;
        node.start_kubelet(self)?;
        self.nodes().insert(name.to_owned(), node);
        Ok(())
    }
}

/// Looks at the machine and makes all binaries ready that a cluster with real nodes needs (built once, if need be). One line says
/// what the machine lacks.
pub fn make_ready_for_real_nodes() -> Result<()> {
    find()?;
    crate::Binaries::locate().map(drop)
}

impl Cluster {
    /// Whether there are real nodes, or may be.
    #[must_use]
    pub fn has_real_nodes(&self) -> bool {
        self.ground.is_some()
    }

    fn ground(&self) -> Result<&Ground> {
        self.ground.as_ref().ok_or_else(|| Error::Node("needed: this cluster was started without".to_owned()))
    }

    /// Starts the addons and the first nodes, all at once, and waits until they are Ready.
    pub(crate) fn start_real_nodes(&self) -> Result<()> {
        let ground = self.ground()?;
        images::write(&ground.images())?;
        addons::start(self, ground)?;
        let count = u8::try_from(self.options.real_nodes).unwrap_or(u8::MAX);
        self.add_real_nodes(count).map(drop)
    }

    /// Adds a real node, named `real-0`, `real-1`, … in the order of their making, and waits until it is Ready.
    ///
    /// # Errors
    /// On a cluster that was started with [`crate::Options::real_nodes`] 0, and when there are 200 already.
    pub fn add_real_node(&self) -> Result<String> {
        let names = self.add_real_nodes(1)?;
        names.into_iter().next().ok_or_else(|| Error::Node("was not made".to_owned()))
    }

    fn add_real_nodes(&self, count: u8) -> Result<Vec<String>> {
        let ground = self.ground()?;
        let first = ground.nodes().values().map(|node| node.index + 1).max().unwrap_or_default();
        if first.saturating_add(count) > network::MOST_NODES {
            return Err(Error::Node(format!("limit: there is room for {}", network::MOST_NODES)));
        }
        let nodes: Vec<(String, u8)> =
            (first..first + count).map(|index| (format!("real-{index}"), index)).collect();
        thread::scope(|scope| {
            let started: Vec<_> =
                nodes.iter().map(|(name, index)| scope.spawn(|| ground.start_node(name, *index))).collect();
            started.into_iter().try_for_each(|thread| match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })?;
        let names: Vec<String> = nodes.into_iter().map(|(name, _)| name).collect();
        self.wait_nodes_ready(&names, READY)?;
        Ok(names)
    }

    /// Ends the kubelet of a real node at once; its containers run on, and nobody hears of them any more. The node counts as gone
    /// after about 15 s.
    pub fn stop_kubelet(&self, node: &str) -> Result<()> {
        self.ground()?.with(node, Node::stop_kubelet)
    }

    /// Starts the kubelet of a real node again.
    pub fn start_kubelet(&self, node: &str) -> Result<()> {
        let ground = self.ground()?;
        ground.with(node, |node| node.start_kubelet(ground))
    }

    /// Ends everything on a real node at once, containers included, as a loss of power does. Its disk stays for
    /// [`Cluster::boot_real_node`]; the Node object stays too.
    pub fn kill_real_node(&self, node: &str) -> Result<()> {
        let ground = self.ground()?;
        let Some(gone) = ground.nodes().remove(node) else {
            return Err(Error::Node(format!("{node} is not there")));
        };
        gone.kill()?;
        groups::remove(&ground.dir, node)?;
        ground.network.leave(gone.index)
    }

    /// Starts a real node that was killed, with what its disk holds.
    pub fn boot_real_node(&self, name: &str) -> Result<()> {
        let ground = self.ground()?;
        let index = name.strip_prefix("real-").and_then(|index| index.parse().ok());
        let index = index.ok_or_else(|| Error::Node(format!("{name} was never made")))?;
        let mut node = Node::start(ground, name, index)?;
        node.start_kubelet(ground)?;
        ground.nodes().insert(name.to_owned(), node);
        Ok(())
    }

    /// A command that runs on a real node, with its network, mounts and processes.
    pub fn on_real_node(&self, node: &str, program: impl AsRef<OsStr>) -> Result<Command> {
        self.ground()?.with(node, |node| Ok(node.command(program)))
    }
}
