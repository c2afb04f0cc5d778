//! A cluster from its start to its end.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::janitor::Janitor;
use crate::real::{self, Ground};
use crate::{Binaries, Error, Process, Result, directory, plane};

/// How often another port is tried when somebody took ours between choosing and listening.
const PORT_ATTEMPTS: u32 = 5;
/// A cluster is ready in 4 to 8 s; a machine that runs several tests at once needs much longer.
const READY: Duration = Duration::from_secs(120);
/// The `stop` script gives up after about 8 s.
const STOPPED: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(50);

/// A claim without a class gets a volume at once.
const STORAGE_CLASS: &str = r#"{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
"metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
"provisioner": "kubernetes.io/host-path", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
"allowVolumeExpansion": true}"#;

/// What kind of cluster to start. The default has no nodes and every controller.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How many simulated nodes to add, named `node-0`, `node-1`, … (0 to some thousands).
    pub nodes: usize,
    /// How many real nodes to add, named `real-0`, `real-1`, … (0 to 200): containerd and kubelet in namespaces of their own, with
    /// the images that are made from this machine's programs, the StorageClasses `local` (the default) and `shared`, and names by
    /// CoreDNS. Needs Linux, root and some packages; an error says which.
    pub real_nodes: usize,
    /// Controllers of kube-controller-manager to leave out: `statefulset-controller`, `daemonset-controller`, …
    pub disabled_controllers: Vec<String>,
    /// Further arguments of kube-apiserver; they come last and win.
    pub kube_apiserver_args: Vec<String>,
    /// Further arguments of kube-controller-manager; they come last and win.
    pub kube_controller_manager_args: Vec<String>,
    /// Further arguments of kube-scheduler; they come last and win.
    pub kube_scheduler_args: Vec<String>,
}

/// A running control plane. It ends, and its directory goes, when this value is dropped or the process ends in any way.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) dir: PathBuf,
    pub(crate) url: String,
    pub(crate) binaries: Binaries,
    pub(crate) options: Options,
    plane: Mutex<Vec<Process>>,
    /// Held while a component is away.
    pub(crate) restarting: Mutex<()>,
    pub(crate) spawned: Mutex<Vec<Process>>,
    janitor: Janitor,
    pub(crate) next_node: AtomicU32,
    /// What real nodes stand on, if there are any.
    pub(crate) ground: Option<Ground>,
}

impl Cluster {
    /// Starts a cluster and waits until it is ready: all components run, the namespace `default` has its ServiceAccount, and the
    /// nodes of `options` are Ready. Builds missing binaries first (see [`Binaries::locate`]).
    pub fn start(options: Options) -> Result<Self> {
        // First what may be missing on this machine: nobody should wait for a build only to read that.
        let found = if options.real_nodes > 0 { Some(real::find()?) } else { None };
        let mut cluster = Self::prepare(Binaries::locate()?, options)?;
        // From here on, an error drops the cluster and so cleans up.
        if let Some(found) = found {
            cluster.ground = Some(Ground::prepare(&cluster.dir, found)?);
        }
        cluster.start_plane()?;
        cluster.bootstrap()?;
        if cluster.ground.is_some() {
            cluster.start_real_nodes()?;
        }
        if cluster.options.nodes > 0 {
            let names: Vec<String> =
                (0..cluster.options.nodes).map(|index| format!("node-{index}")).collect();
            cluster.add_nodes(&names, &[])?;
            cluster.wait_nodes_ready(&names, READY)?;
        }
        Ok(cluster)
    }

    /// A directory and its janitor; nothing runs yet.
    pub(crate) fn prepare(binaries: Binaries, options: Options) -> Result<Self> {
        let dir = directory::create()?;
        let janitor = match Janitor::start(&dir, include_str!("stop.sh")) {
            Ok(janitor) => janitor,
            Err(error) => {
                let _ = std::fs::remove_dir_all(&dir);
                return Err(error);
            }
        };
        Ok(Self {
            dir,
            url: String::new(),
            binaries,
            options,
            plane: Mutex::default(),
            restarting: Mutex::default(),
            spawned: Mutex::new(Vec::new()),
            janitor,
            next_node: AtomicU32::new(1),
            ground: None,
        })
    }

    fn start_plane(&mut self) -> Result<()> {
        let tokens = plane::write_configuration(&self.dir)?;
        self.start_component("etcd", plane::etcd(&self.binaries, &self.dir))?;
        let apiserver = self.start_apiserver()?;
        plane::write_kubeconfigs(&self.dir, &self.url, &tokens)?;
        self.plane().push(apiserver);
        // These wait for the API server by themselves.
        self.start_component(
            plane::CONTROLLER_MANAGER,
            plane::kube_controller_manager(&self.binaries, &self.dir, &self.options),
        )?;
        self.start_component(
            plane::SCHEDULER_NAME,
            plane::kube_scheduler(&self.binaries, &self.dir, &self.options),
        )?;
        self.poll("the API server to be ready", READY, |cluster| {
            let output = cluster.kubectl_output(&["get", "--raw=/readyz"])?;
            Ok(if output.status.success() { Ok(()) } else { Err(output.stderr) })
        })?;
        // KWOK discovers the API once, at its start.
        self.start_component("kwok", plane::kwok(&self.binaries, &self.dir))
    }

    fn start_component(&self, name: &str, command: Command) -> Result<()> {
        let process = Process::start(&self.dir, "plane", name, &command)?;
        self.plane().push(process);
        Ok(())
    }

    /// Starts kube-apiserver on a port that is free, and waits until it listens there.
    fn start_apiserver(&mut self) -> Result<Process> {
        let mut attempt = 1;
        loop {
            let address = free_address(self.ground.as_ref().map_or(Ipv4Addr::LOCALHOST, Ground::address))?;
            self.url = format!("https://{address}");
            let command = plane::kube_apiserver(&self.binaries, &self.dir, address, &self.options);
            let process = Process::start(&self.dir, "plane", "kube-apiserver", &command)?;
            match self.wait_listening(&process, address) {
                Ok(()) => {
                    if let Some(ground) = &mut self.ground {
                        ground.set_url(&self.url);
                    }
                    return Ok(process);
                }
                Err(Error::Died { log, .. })
                    if attempt < PORT_ATTEMPTS && log.contains("address already in use") =>
                {
                    attempt += 1
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn wait_listening(&self, process: &Process, address: SocketAddr) -> Result<()> {
        let deadline = Instant::now() + READY;
        let certificate = self.dir.join("certs/apiserver.crt");
        loop {
            // In this order: a stranger on our port makes our server die, and is not to be taken for it.
            let listens = certificate.is_file() && TcpStream::connect(address).is_ok();
            process.check()?;
            self.check()?;
            if listens {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let last = directory::tail(process.log_path(), 3);
                return Err(Error::Timeout {
                    what: "kube-apiserver to listen".to_owned(),
                    waited: READY,
                    last,
                });
            }
            thread::sleep(POLL);
        }
    }

    fn bootstrap(&self) -> Result<()> {
        // Real nodes have classes of their own, with volumes that are where they say.
        if self.ground.is_none() {
            self.kubectl_stdin(&["create", "-f", "-"], STORAGE_CLASS)?;
        }
        self.poll("the ServiceAccount of namespace default", READY, |cluster| {
            let output =
                cluster.kubectl_output(&["get", "serviceaccount", "default", "--namespace=default"])?;
            Ok(if output.status.success() { Ok(()) } else { Err(output.stderr) })
        })
    }

    /// Calls `attempt` until it answers `Ok`; its `Err` says what is missing yet. Ends early when a component has died.
    pub(crate) fn poll<T>(
        &self,
        what: &str,
        timeout: Duration,
        mut attempt: impl FnMut(&Self) -> Result<std::result::Result<T, String>>,
    ) -> Result<T> {
        let deadline = Instant::now() + timeout;
        loop {
            match attempt(self)? {
                Ok(value) => return Ok(value),
                Err(last) => {
                    self.check()?;
                    if Instant::now() >= deadline {
                        return Err(Error::Timeout {
                            what: what.to_owned(),
                            waited: timeout,
                            last: last.trim().to_owned(),
                        });
                    }
                }
            }
            thread::sleep(POLL);
        }
    }

    /// An error with the last lines of its log if a component of the control plane has ended.
    pub fn check(&self) -> Result<()> {
        self.plane().iter().try_for_each(Process::check)?;
        self.ground.as_ref().map_or(Ok(()), Ground::check)
    }

    /// The components, in the order of their start.
    pub(crate) fn plane(&self) -> MutexGuard<'_, Vec<Process>> {
        // The list is valid whatever a panicking holder of the lock did.
        self.plane.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the cluster running when this process ends. Returns the script that ends it: `sh DIR/stop`.
    pub fn keep(mut self) -> Result<PathBuf> {
        self.janitor.keep()?;
        Ok(self.dir.join("stop"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.janitor.release();
        let deadline = Instant::now() + STOPPED;
        let plane = self.plane.get_mut().unwrap_or_else(PoisonError::into_inner);
        let spawned = self.spawned.get_mut().unwrap_or_else(PoisonError::into_inner);
        while !self.janitor.finished() && Instant::now() < deadline {
            // A process is gone only when its parent, which is us, has taken note.
            plane.iter().chain(spawned.iter()).for_each(Process::reap);
            self.ground.iter().for_each(Ground::reap);
            thread::sleep(Duration::from_millis(10));
        }
        plane.iter().chain(spawned.iter()).for_each(Process::reap);
    }
}

/// A port of an address of this machine that nobody listens on right now.
fn free_address(address: Ipv4Addr) -> Result<SocketAddr> {
    let find = || TcpListener::bind((address, 0))?.local_addr();
    find().map_err(Error::run("kube-apiserver without a free port"))
}
