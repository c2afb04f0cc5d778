//! Control groups of a node, as this machine sees them.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Result};

const ROOT: &str = "/sys/fs/cgroup";
/// Killed processes need a moment to leave.
const EMPTY: Duration = Duration::from_secs(30);

/// Moves a process into a group of a node, if there is one hierarchy (version 2) and the group is there.
pub(crate) fn move_into(cluster: &Path, group: &str, pid: u32) {
    let group = Path::new(ROOT).join(cluster.file_name().unwrap_or_default()).join(group);
    let _ = fs::write(group.join("cgroup.procs"), pid.to_string());
}

/// Removes the control groups of a node on which nothing runs any more, in every hierarchy. A loss of power takes them too; a kubelet
/// that finds them at its start asks for their containers for 3 s each.
pub(crate) fn remove(cluster: &Path, node: &str) -> Result<()> {
    let group = Path::new(cluster.file_name().unwrap_or_default()).join(node);
    let root = Path::new(ROOT);
    let children = fs::read_dir(root).map_err(Error::file("read", root))?.flatten().map(|entry| entry.path());
    // Version 2 has one hierarchy, which is the root itself.
    let hierarchies = children.chain([root.to_owned()]);
    let deadline = Instant::now() + EMPTY;
    for group in hierarchies.map(|hierarchy| hierarchy.join(&group)) {
        while let Err(error) = remove_tree(&group) {
            if Instant::now() >= deadline {
                return Err(Error::file("remove", &group)(error));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// Children first: a group is removed as an empty directory is, whatever files it shows.
fn remove_tree(group: &Path) -> io::Result<()> {
    let children = match fs::read_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        children => children?,
    };
    for child in children {
        let child = child?;
        if child.file_type()?.is_dir() {
            remove_tree(&child.path())?;
        }
    }
    fs::remove_dir(group)
}
