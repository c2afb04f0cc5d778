//! What a machine must have for real nodes, found out before anything is started or built.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, Result};

/// Programs, and the Debian packages that have them.
const PROGRAMS: [(&str, &str); 8] = [
    ("runc", "runc"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
    ("flock", "util-linux"),
    ("busybox", "busybox-static"),
    ("nginx", "nginx"),
];

/// Where distributions put the CNI plugins.
const PLUGIN_DIRECTORIES: [&str; 3] = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];
const PLUGINS: [&str; 3] = ["bridge", "host-local", "loopback"];

/// A node has its own of these, so that what is below them on the machine cannot be seen in it.
const HIDDEN: [&str; 3] = ["/run", "/var/lib", "/var/log"];

/// What was found on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// The directory of the CNI plugins.
    pub(crate) plugins: PathBuf,
    /// How containerd lays the layers of an image on top of each other: `overlayfs`, or `native` where that does not work.
    pub(crate) snapshotter: &'static str,
}

impl Machine {
    /// Looks at the machine; one line says everything that is missing.
    pub(crate) fn look() -> Result<Self> {
        let missing = |what: String| Error::Machine { what };
        if !cfg!(target_os = "linux") {
            return Err(missing("Linux".to_owned()));
        }
        if !is_root() {
            return Err(missing("root (network namespaces, mounts and cgroups are made)".to_owned()));
        }
        let lacking = PROGRAMS.iter().filter(|(program, _)| find(program).is_none());
        let mut packages: Vec<&str> = lacking.map(|(_, package)| *package).collect();
        let plugins = PLUGIN_DIRECTORIES
            .iter()
            .map(Path::new)
            .find(|directory| PLUGINS.iter().all(|plugin| directory.join(plugin).is_file()));
        if plugins.is_none() {
            packages.push("containernetworking-plugins");
        }
        packages.dedup();
        let (Some(plugins), true) = (plugins, packages.is_empty()) else {
            return Err(missing(format!(
                "packages: apt-get install --no-install-recommends {}",
                packages.join(" ")
            )));
        };
        for directory in [env::temp_dir(), crate::binaries::root()?] {
            if let Some(hidden) = HIDDEN.iter().find(|hidden| directory.starts_with(hidden)) {
                let directory = directory.display();
                return Err(missing(format!(
                    "$TMPDIR and $BERTH_CACHE outside of {hidden}, not {directory}"
                )));
            }
        }
        if !namespaces_work() {
            return Err(missing(
                "the right to make namespaces (in a container: docker run --privileged)".to_owned(),
            ));
        }
        if !links_work() {
            return Err(missing("a kernel with bridges and veth pairs".to_owned()));
        }
        if !groups_work() {
            return Err(missing("control groups that can be written".to_owned()));
        }
        let snapshotter = if overlay_works() { "overlayfs" } else { "native" };
        Ok(Self { plugins: plugins.to_owned(), snapshotter })
    }
}

/// The first program of that name in `$PATH`, or where administrators' programs are.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    directories.map(|directory| directory.join(program)).find(|path| path.is_file())
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    user.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

fn namespaces_work() -> bool {
    succeeds(&["--fork", "--pid", "--mount", "--net", "mount", "-t", "proc", "proc", "/proc"])
}

/// The links of a node and its pods.
fn links_work() -> bool {
    let script = "ip link add probe0 type bridge && ip link add probe1 type veth peer name probe2";
    succeeds(&["--net", "sh", "-c", script])
}

/// Makes a control group and removes it, in one hierarchy: where that works it works in all.
fn groups_work() -> bool {
    let Ok(name) = crate::directory::random_hex::<4>() else { return false };
    let root = Path::new("/sys/fs/cgroup");
    let hierarchy = match root.join("cgroup.controllers").is_file() {
        true => Some(root.to_owned()),
        false => fs::read_dir(root)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .find(|path| !path.is_symlink() && path.join("cgroup.procs").is_file()),
    };
    let Some(group) = hierarchy.map(|at| at.join(format!("berth-probe-{name}"))) else { return false };
    fs::create_dir(&group).is_ok() && fs::remove_dir(&group).is_ok()
}

/// Tries it: a machine whose own disk is an overlay cannot put another one on it.
fn overlay_works() -> bool {
    let Ok(name) = crate::directory::random_hex::<4>() else { return false };
    let directory = env::temp_dir().join(format!("berth-overlay-{name}"));
    let made = ["lower", "upper", "work", "merged"]
        .iter()
        .all(|child| fs::create_dir_all(directory.join(child)).is_ok());
    let at = directory.display();
    let options = format!("lowerdir={at}/lower,upperdir={at}/upper,workdir={at}/work");
    let merged = format!("{at}/merged");
    let works = made && succeeds(&["--mount", "mount", "-t", "overlay", "-o", &options, "overlay", &merged]);
    let _ = fs::remove_dir_all(&directory);
    works
}

fn succeeds(unshare: &[&str]) -> bool {
    let mut command = Command::new("unshare");
    command.args(unshare).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
