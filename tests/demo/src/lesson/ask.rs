//! Questions that are asked with kubectl and answered by containers.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::{Lesson, Look, TICK, not_so};
use crate::error::{Error, Result};
use crate::kubectl;
use crate::place::Place;
use crate::screen::Tone;
use crate::setup;
use crate::view::View;
use crate::world::World;

/// The pod that asks.
pub(super) const CLIENT: &str = "client";
/// Its image.
pub(super) const SHELL: &str = "docker.io/library/busybox:1.37";
/// How many lines of an answer are shown: of kubectl, and of Berth, which speaks to people.
const SHOWN: usize = 4;
const SHOWN_OF_BERTH: usize = 20;

impl Lesson<'_> {
    /// Types a command and shows its answer.
    pub(super) fn ask(&mut self, arguments: &[&str]) -> Result<String> {
        self.screen.tell(Tone::Accent, &format!("   $ {}", kubectl::typed(arguments)));
        let located = setup::located(arguments);
        let located: Vec<&str> = located.iter().map(String::as_str).collect();
        let answer = self.place.kubectl(&located)?;
        self.show_answer(&answer, SHOWN);
        Ok(answer)
    }

    /// Types a command of Berth and shows its answer.
    pub(super) fn berth(&mut self, arguments: &[&str]) -> Result<String> {
        self.screen.tell(Tone::Accent, &format!("   $ berth {}", kubectl::shell(arguments)));
        let mut command = Command::new(self.operator.program());
        command.args(arguments).stdin(Stdio::null());
        match self.place {
            Place::Local(cluster) => command.env("KUBECONFIG", cluster.kubeconfig()),
            Place::Existing(existing) => command.args(existing.flags()),
        };
        let output = command.output().map_err(Error::run("berth"))?;
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        self.show_answer(&answer, SHOWN_OF_BERTH);
        if !output.status.success() {
            let seen = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(not_so(&format!("berth {} answers", arguments.join(" ")), seen));
        }
        Ok(answer)
    }

    fn show_answer(&mut self, answer: &str, most: usize) {
        let lines: Vec<&str> = answer.lines().filter(|line| !line.trim().is_empty()).collect();
        for line in lines.iter().take(most) {
            self.screen.tell(Tone::Plain, &format!("     {line}"));
        }
        if lines.len() > most {
            self.screen.tell(Tone::Dim, &format!("     … {} lines more", lines.len() - most));
        }
    }

    /// Types a command, and gives it again and again until its answer is as it should be.
    pub(super) fn until_answer(
        &mut self,
        what: &str,
        arguments: &[&str],
        mut look: impl FnMut(&World, &str) -> Look,
    ) -> Result<()> {
        self.screen.tell(Tone::Accent, &format!("   $ {}", kubectl::typed(arguments)));
        let deadline = Instant::now() + self.place.patience();
        loop {
            self.catch_up()?;
            let missing = match self.place.kubectl(arguments) {
                Ok(answer) => match look(&self.world, &answer) {
                    Look::Holds => {
                        self.show_answer(&answer, SHOWN);
                        return self.so(what);
                    }
                    Look::Broken(seen) => return Err(not_so(what, seen)),
                    Look::NotYet(missing) => missing,
                },
                Err(error) => error.to_string(),
            };
            self.screen.show(&View::of(&self.world, self.focus), &missing);
            if Instant::now() >= deadline {
                let seconds = self.place.patience().as_secs();
                return Err(not_so(what, format!("not within {seconds} s: {missing}")));
            }
            self.place.check()?;
            self.operator.check()?;
            std::thread::sleep(TICK);
        }
    }

    /// Has the client ask for a page until it is this one.
    pub(super) fn until_page(&mut self, what: &str, url: &str, page: &str) -> Result<()> {
        let arguments = ["exec", CLIENT, "--", "timeout", "2", "wget", "-q", "-O", "-", url];
        self.until_answer(what, &arguments, |_, answer| {
            Look::at(answer.trim() == page, || format!("{url} serves {:?}", answer.trim()))
        })
    }

    /// Has the client ask for the address of a pod until it is the pod's own.
    pub(super) fn until_name(&mut self, what: &str, pod: &str, service: &str) -> Result<()> {
        let name = format!("{pod}.{service}.{}.svc.cluster.local", self.place.namespace());
        let arguments = ["exec", CLIENT, "--", "nslookup", &name];
        self.until_answer(what, &arguments, |world, answer| {
            let own = world.pods.get(pod).map_or("", |pod| pod.ip.as_str());
            // The first address is that of the server.
            let found = answer.lines().filter_map(|line| line.strip_prefix("Address: ")).next_back();
            let found = found.unwrap_or_default().trim();
            Look::at(!own.is_empty() && found == own, || format!("{name} is {found:?}, the pod has {own:?}"))
        })
    }
}
