//! How a kubectl command is shown, and how one is run on an existing cluster.

use std::process::{Command, Stdio};

use crate::build;
use crate::error::{Error, Result};

/// The command as a user types it in the repository's directory.
pub fn typed(arguments: &[&str]) -> String {
    let root = format!("{}/", build::repository().display());
    format!("kubectl {}", shell(arguments).replace(&root, ""))
}

/// Words as a shell reads them.
pub fn shell(words: &[&str]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+".contains(c);
    let quoted = words.iter().map(|word| match !word.is_empty() && word.chars().all(plain) {
        true => (*word).to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Runs the user's kubectl and returns its standard output.
pub fn run(arguments: &[&str]) -> Result<String> {
    let output = Command::new("kubectl").args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(Error::run("kubectl"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Kubectl { arguments: arguments.join(" "), stderr })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_can_be_pasted() {
        let file = build::in_repository("examples/nginx.yaml");
        assert_eq!(typed(&["apply", "-f", &file]), "kubectl apply -f examples/nginx.yaml");
        assert_eq!(
            typed(&["patch", "oset", "nginx", "-p", r#"{"spec": 1}"#]),
            r#"kubectl patch oset nginx -p '{"spec": 1}'"#
        );
    }
}
