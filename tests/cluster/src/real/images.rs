//! The images of real nodes, made from this machine's own programs: no registry need be reachable.
//!
//! They carry the names of well-known images and do the same as far as it goes: `nginx` is the real server with the configuration
//! that its image is known for, `busybox` a shell with the usual small programs. Tags are tags: all versions of one name are alike.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::archive::{self, Layer};
use super::machine;
use crate::{Error, Result};

/// The image of what holds a pod's namespaces.
pub(crate) const SANDBOX: &str = "cluster.berth.dev/sandbox:1";
const BUSYBOX: [&str; 1] = ["docker.io/library/busybox:1.37"];
const NGINX: [&str; 2] = ["docker.io/library/nginx:1.27", "docker.io/library/nginx:1.28"];

const NGINX_CONFIGURATION: &str = "user nginx;
worker_processes 1;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
    types { text/html html htm; text/plain txt; text/css css; application/json json; }
    default_type application/octet-stream;
    access_log /dev/stdout;
    include /etc/nginx/conf.d/*.conf;
}
";
const NGINX_SITE: &str = "server {
    listen 80;
    server_name localhost;
    location / { root /usr/share/nginx/html; index index.html; }
}
";
const NGINX_PAGE: &str = "<h1>Welcome to nginx!</h1>\n";
const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nnginx:x:101:101:nginx:/nonexistent:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUPS: &str = "root:x:0:\nnginx:x:101:\nnogroup:x:65534:\n";

/// Makes all images and writes them into one archive, as `docker save` does.
pub(crate) fn write(path: &Path) -> Result<()> {
    let mut shell = Layer::new();
    base(&mut shell)?;
    let mut server = Layer::new();
    nginx(&mut server)?;
    let sandbox = json!({"Entrypoint": ["/bin/busybox", "sleep", "2147483647"]});
    let busybox = json!({"Cmd": ["sh"], "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"]});
    let mut nginx = busybox.clone();
    nginx["Cmd"] = json!(["nginx", "-g", "daemon off;"]);
    // Lets requests end that were begun.
    nginx["StopSignal"] = json!("SIGQUIT");
    nginx["ExposedPorts"] = json!({"80/tcp": {}});
    let (shell, server) = (shell.finish()?, server.finish()?);
    let mut images: Vec<(&str, Value, Vec<&archive::Blob>)> = vec![(SANDBOX, sandbox, vec![&shell])];
    images.extend(BUSYBOX.map(|name| (name, busybox.clone(), vec![&shell])));
    for name in NGINX {
        // Another version is another image, with an id of its own.
        let mut config = nginx.clone();
        config["Labels"] = json!({"org.opencontainers.image.ref.name": name});
        images.push((name, config, vec![&shell, &server]));
    }
    archive::write(path, &images)
}

/// A shell with its small programs, `flock`, and the files that every image has.
fn base(layer: &mut Layer) -> Result<()> {
    let busybox = program("busybox")?;
    layer.file("bin/busybox", &busybox, 0o755)?;
    let list = Command::new(&busybox).arg("--list").output().map_err(Error::run("busybox"))?;
    for applet in String::from_utf8_lossy(&list.stdout).lines().filter(|name| *name != "busybox") {
        layer.link(&format!("bin/{applet}"), "/bin/busybox")?;
    }
    for library in libraries(&busybox)? {
        layer.library(&library)?;
    }
    // busybox has one of its own on some systems, not on Debian.
    layer.with_libraries("usr/bin/flock", &program("flock")?)?;
    layer.text("etc/passwd", USERS)?;
    layer.text("etc/group", GROUPS)?;
    for (directory, mode) in [("tmp", 0o1777), ("root", 0o700), ("run", 0o755), ("var/log", 0o755)] {
        layer.directory(directory, mode)?;
    }
    layer.link("var/run", "/run")
}

fn nginx(layer: &mut Layer) -> Result<()> {
    layer.with_libraries("usr/sbin/nginx", &program("nginx")?)?;
    layer.text("etc/nginx/nginx.conf", NGINX_CONFIGURATION)?;
    layer.text("etc/nginx/conf.d/default.conf", NGINX_SITE)?;
    layer.text("usr/share/nginx/html/index.html", NGINX_PAGE)?;
    for directory in ["var/lib/nginx", "var/log/nginx"] {
        layer.directory(directory, 0o755)?;
    }
    // Where distributions compile in paths of error logs.
    layer.link("var/log/nginx/error.log", "/dev/stderr")
}

impl Layer {
    fn with_libraries(&mut self, name: &str, path: &Path) -> Result<()> {
        self.file(name, path, 0o755)?;
        libraries(path)?.iter().try_for_each(|library| self.library(library))
    }

    /// A library under the name that programs load it by, whatever that links to.
    fn library(&mut self, path: &Path) -> Result<()> {
        self.file(&path.to_string_lossy(), path, 0o755)
    }
}

fn program(name: &str) -> Result<PathBuf> {
    machine::find(name).ok_or_else(|| Error::Machine { what: format!("the program {name}") })
}

/// The libraries that a program loads: what `ldd` says. None if it is static.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd").arg(program).output().map_err(Error::run("ldd"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let paths = text.lines().filter_map(|line| {
        let path = line.split("=>").last()?.split_whitespace().next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    });
    Ok(paths.collect())
}

/// The name that images have for this machine's processor.
pub(crate) fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
