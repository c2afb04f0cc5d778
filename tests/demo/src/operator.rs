//! The operator as it ships: the built program, with the rights of its ServiceAccount and no more.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use berth_cluster::Process;

use crate::error::{Error, Result};
use crate::existing::{Existing, tail};
use crate::kubectl;
use crate::place::Place;

/// The namespace of its ServiceAccount.
pub const NAMESPACE: &str = "berth-system";
/// The name of its ServiceAccount.
pub const NAME: &str = "berth";
/// The user that it is for the API server.
pub const ACCOUNT: &str = "system:serviceaccount:berth-system:berth";

/// Longer than a lease lasts: an operator that was killed a moment ago may still hold it.
const READY: Duration = Duration::from_secs(60);
const LAST_WORDS: usize = 8;

/// Writes the pid before the program starts, so that there is never a process that the stop script does not know.
const REGISTER: &str = r#"echo $$ >"$0" && exec "$@""#;

/// A running operator.
#[derive(Debug)]
pub struct Operator {
    running: Mutex<Running>,
    log: PathBuf,
    /// The program and its arguments.
    words: Vec<String>,
    /// Where it answers whether it leads.
    address: SocketAddr,
}

#[derive(Debug)]
enum Running {
    InCluster(Process),
    Beside(Child),
}

impl Operator {
    /// Starts it and waits until it leads. Without a `lease` nobody waits for that of an operator that was killed; it is for those who
    /// know that there is no other one.
    pub fn start(place: &Place, binary: &Path, lease: bool) -> Result<Self> {
        let kubeconfig = place.operator_kubeconfig()?;
        let address = free_address()?;
        let mut command = Command::new(binary);
        command.arg("run").arg(format!("--kubeconfig={}", kubeconfig.display()));
        command.arg(format!("--listen={address}"));
        if !lease {
            command.arg("--leader-elect=false");
        }
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let (running, log) = spawn(place, command)?;
        let operator = Self { running: Mutex::new(running), log, words, address };
        operator.wait_leading()?;
        Ok(operator)
    }

    /// Kills it (SIGKILL), starts another one in its place, and waits until that leads: with a lease, as long as that of the dead one
    /// lasts.
    pub fn die_and_rise(&self, place: &Place) -> Result<()> {
        {
            let mut running = self.running();
            match &mut *running {
                Running::InCluster(process) => {
                    process.kill()?;
                    process.wait_exit(READY)?;
                }
                Running::Beside(child) => {
                    child.kill().map_err(Error::run("berth"))?;
                    child.wait().map_err(Error::run("berth"))?;
                }
            }
            let mut words = self.words.iter();
            let mut command = Command::new(words.next().map_or("berth", String::as_str));
            command.args(words);
            (*running, _) = spawn(place, command)?;
        }
        self.wait_leading()
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        // What runs is valid whatever a panicking holder of the lock did.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The program.
    pub fn program(&self) -> &str {
        self.words.first().map_or("berth", String::as_str)
    }

    fn wait_leading(&self) -> Result<()> {
        let deadline = Instant::now() + READY;
        loop {
            let answer = ask(self.address).unwrap_or_default();
            if answer.contains("ok, leading") {
                return Ok(());
            }
            self.check()?;
            if Instant::now() >= deadline {
                let problem = match answer.contains("standing by") {
                    true => format!("stands by: another one leads (lease {NAMESPACE}/{NAME}); stop it first"),
                    false => format!("is not ready after {} s", READY.as_secs()),
                };
                return Err(self.error(problem));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// An error with its last words if it has ended.
    pub fn check(&self) -> Result<()> {
        let status = match &mut *self.running() {
            Running::InCluster(process) => process.exit_status()?,
            Running::Beside(child) => child.try_wait().map_err(Error::run("berth"))?,
        };
        status.map_or(Ok(()), |status| Err(self.error(format!("has ended ({status})"))))
    }

    fn error(&self, problem: String) -> Error {
        Error::Operator { problem, log: tail(&self.log, LAST_WORDS) }
    }

    /// The file that takes what it says.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// The command that started it.
    pub fn command_line(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        kubectl::shell(&words)
    }
}

/// Starts it as a process that ends with the place. Returns its log too.
fn spawn(place: &Place, command: Command) -> Result<(Running, PathBuf)> {
    match place {
        Place::Local(cluster) => {
            let process = cluster.spawn("operator", command)?;
            let log = process.log_path().to_owned();
            Ok((Running::InCluster(process), log))
        }
        Place::Existing(existing) => beside(existing, &command),
    }
}

/// Starts the operator as a process that the stop script of an existing cluster knows.
fn beside(existing: &Existing, command: &Command) -> Result<(Running, PathBuf)> {
    let log = existing.dir().join("operator.log");
    let output = File::options().create(true).append(true).open(&log).map_err(Error::file("create", &log))?;
    let errors = output.try_clone().map_err(Error::file("open", &log))?;
    let child = Command::new("sh")
        .args(["-c", REGISTER])
        .arg(existing.dir().join("operator.pid"))
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()
        .map_err(Error::run("berth"))?;
    Ok((Running::Beside(child), log))
}

/// What `/readyz` answers.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: berth\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A loopback port that nobody listens on right now.
fn free_address() -> Result<SocketAddr> {
    let find = || TcpListener::bind(("127.0.0.1", 0))?.local_addr();
    find().map_err(Error::run("berth without a free port"))
}
