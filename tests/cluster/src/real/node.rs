//! One real node: namespaces with a first process of their own, containerd, and a kubelet.
//!
//! All of it, the containers included, is in one process namespace: when its first process is killed, the kernel ends everything
//! else in it, and mounts and network links go with it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::configuration::{self, NODE_DIRECTORY};
use super::{Ground, authority, groups};
use crate::{Error, Process, Result, directory, plane};

/// A busy machine takes its time.
const STARTED: Duration = Duration::from_secs(60);

/// A node whose namespaces exist.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) index: u8,
    init: Process,
    /// The first process of the node, as the machine numbers it.
    pid: u32,
    containerd: Process,
    kubelet: Option<Process>,
}

impl Node {
    /// Writes everything that a node reads. Done once; what containerd keeps stays when the node starts again.
    pub(crate) fn prepare(ground: &Ground, name: &str, index: u8) -> Result<()> {
        let at = Files::of(&ground.dir, name);
        for directory in ["berth/volumes", "berth/shared", "berth/cni", "berth/plugins", "kubelet"] {
            let path = at.lib.join(directory);
            fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        }
        fs::create_dir_all(&at.log).map_err(Error::file("create", &at.log))?;
        let own = at.lib.join("berth");
        let text = |name: &str, text: &str| directory::write(&own.join(name), 0o600, text);
        let machine = &ground.machine;
        text(
            "containerd.toml",
            &configuration::containerd(machine.snapshotter, &machine.plugins, &ground.runc),
        )?;
        text("cni/pods.conflist", &configuration::cni(&ground.network.pods(index)).to_string())?;
        text("kubelet.yaml", &configuration::kubelet(ground.network.switch()).to_string())?;
        text("resolv.conf", &format!("nameserver {}\n", ground.network.switch()))?;
        for (from, to) in
            [(authority::CERTIFICATE, "authority.crt"), ("certs/apiserver.crt", "apiserver.crt")]
        {
            let (from, to) = (ground.dir.join(from), own.join(to));
            fs::copy(&from, &to).map_err(Error::file("copy", &from))?;
        }
        ground.authority.sign(&own.join("node"), &format!("system:node:{name}"), "system:nodes")?;
        let file = |name: &str| format!("{NODE_DIRECTORY}/{name}");
        text("kubeconfig", &plane::kubeconfig_of_node(&ground.url, &file("apiserver.crt"), &file("node")))
    }

    /// Starts a prepared node, without its kubelet.
    pub(crate) fn start(ground: &Ground, name: &str, index: u8) -> Result<Self> {
        let at = Files::of(&ground.dir, name);
        let _ = fs::remove_file(&at.init);
        // The group in which a control group namespace is made is its root.
        let mut command = Command::new(ground.dir.join("in-group"));
        command
            .args([name, "unshare", "--fork", "--kill-child", "--pid", "--mount", "--net", "--cgroup"])
            .args(["--propagation", "unchanged"])
            .arg(ground.dir.join("init"))
            .args([&at.dir, &ground.dir])
            .current_dir("/");
        let init = Process::start(&ground.dir, "plane", name, &command)?;
        let pid = wait("its namespaces", &init, || {
            // Version 2 of control groups: `init` waits for this.
            groups::move_into(&ground.dir, &format!("{name}/init"), init.pid());
            fs::read_to_string(&at.init).ok().and_then(|text| text.trim().parse::<u32>().ok())
        })?;
        ground.network.join(index, pid)?;

        let mut command = serve(ground, name, pid, "containerd");
        command.args(["--config", &format!("{NODE_DIRECTORY}/containerd.toml")]).env("PATH", &ground.path);
        let containerd = Process::start(&ground.dir, "plane", &format!("{name}.containerd"), &command)?;
        let socket = Path::new("/proc").join(pid.to_string()).join("root/run/containerd/containerd.sock");
        wait("containerd to listen", &containerd, || UnixStream::connect(&socket).ok())?;
        Ok(Self { name: name.to_owned(), index, init, pid, containerd, kubelet: None })
    }

    /// Makes the images of an archive known to the node.
    pub(crate) fn import(&self, ground: &Ground, archive: &Path) -> Result<()> {
        let mut command = enter(self.pid, ground.binaries.path("ctr"));
        command.args(["--namespace", "k8s.io", "images", "import", "--local", "--snapshotter"]);
        command.arg(ground.machine.snapshotter).arg(archive);
        let output = command.output().map_err(Error::run("ctr"))?;
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Error::Command { command: format!("ctr images import on {}", self.name), stderr })
    }

    /// Starts the kubelet, unless it runs.
    pub(crate) fn start_kubelet(&mut self, ground: &Ground) -> Result<()> {
        if self.kubelet.is_some() {
            return Ok(());
        }
        let mut command = serve(ground, &self.name, self.pid, "kubelet");
        command
            .arg(format!("--config={NODE_DIRECTORY}/kubelet.yaml"))
            .arg(format!("--kubeconfig={NODE_DIRECTORY}/kubeconfig"))
            .arg(format!("--hostname-override={}", self.name))
            .arg(format!("--node-ip={}", ground.network.node(self.index)))
            .env("PATH", &ground.path);
        let name = format!("{}.kubelet", self.name);
        self.kubelet = Some(Process::start(&ground.dir, "plane", &name, &command)?);
        Ok(())
    }

    /// Ends the kubelet at once. Containers run on.
    pub(crate) fn stop_kubelet(&mut self) -> Result<()> {
        if let Some(kubelet) = self.kubelet.take() {
            kubelet.end_group()?;
        }
        Ok(())
    }

    /// Ends everything on the node at once, as a loss of power does. Its disk stays.
    pub(crate) fn kill(&self) -> Result<()> {
        self.init.end_group()?;
        for process in [Some(&self.containerd), self.kubelet.as_ref()].into_iter().flatten() {
            process.wait_exit(STARTED)?;
        }
        Ok(())
    }

    /// A command that runs on the node.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        enter(self.pid, program)
    }

    /// An error if something that should run has ended.
    pub(crate) fn check(&self) -> Result<()> {
        self.processes().try_for_each(Process::check)
    }

    /// The processes that should run.
    pub(crate) fn processes(&self) -> impl Iterator<Item = &Process> {
        [&self.init, &self.containerd].into_iter().chain(&self.kubelet)
    }
}

/// The files of a node on this machine.
struct Files {
    dir: PathBuf,
    lib: PathBuf,
    log: PathBuf,
    init: PathBuf,
}

impl Files {
    fn of(cluster: &Path, name: &str) -> Self {
        let dir = cluster.join("nodes").join(name);
        Self { lib: dir.join("lib"), log: dir.join("log"), init: dir.join("init"), dir }
    }
}

/// A program of ours in a node, in the control group of the node's own programs: entered from outside, since systemd lets nobody cross
/// the border of a namespace.
fn serve(ground: &Ground, name: &str, pid: u32, program: &str) -> Command {
    let inside = enter(pid, ground.binaries.path(program));
    let mut command = Command::new(ground.dir.join("in-group"));
    command.arg(format!("{name}/init")).arg(inside.get_program()).args(inside.get_args());
    command
}

/// A command in the namespaces of a process.
fn enter(pid: u32, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--target={pid}")).args(["--net", "--mount", "--pid", "--cgroup", "--"]).arg(program);
    command
}

fn wait<T>(what: &str, process: &Process, mut attempt: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + STARTED;
    loop {
        if let Some(value) = attempt() {
            return Ok(value);
        }
        process.check()?;
        if Instant::now() >= deadline {
            let last = directory::tail(process.log_path(), 3);
            let what = format!("{what} ({})", process.name());
            return Err(Error::Timeout { what, waited: STARTED, last });
        }
        thread::sleep(Duration::from_millis(10));
    }
}
