//! The applier: runs the stages of a plan. It decides nothing; it only keeps to the order, the pace, and the rule that a
//! stage that failed stops the later ones.

use std::collections::{BTreeMap, VecDeque};

use berth_plan::plan::{Action, Pace, Part, Stage};

/// Names a unit of the stage that is running.
pub type UnitId = usize;

/// How a request of a unit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was done; the unit goes on.
    Done,
    /// It was not done, or nobody knows; the unit ends here.
    Failed,
}

/// Stages on their way.
#[derive(Clone, Debug)]
pub struct Run {
    stages: VecDeque<Stage>,
    stage: Option<Running>,
    failed: bool,
    /// Whether the stage before the next one has failed, or was left out.
    before_failed: bool,
    stopping: bool,
}

/// The stage that is running.
#[derive(Clone, Debug)]
struct Running {
    part: Part,
    pace: Pace,
    independent: bool,
    waiting: VecDeque<(UnitId, VecDeque<Action>)>,
    running: BTreeMap<UnitId, VecDeque<Action>>,
    batch: usize,
    failed: bool,
}

impl Run {
    /// Takes stages in the order in which they are to be run.
    pub fn new(stages: Vec<Stage>) -> Self {
        Run { stages: stages.into(), stage: None, failed: false, before_failed: false, stopping: false }
    }

    /// Starts nothing new but the status; what is on its way ends as it will.
    pub fn stop(&mut self) {
        self.stopping = true;
        if let Some(stage) = self.stage.as_mut().filter(|stage| stage.part != Part::Status) {
            stage.waiting.clear();
        }
    }

    /// Whether anything failed so far.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// The actions that are to be started now.
    pub fn start(&mut self) -> Vec<(UnitId, Action)> {
        let mut started = vec![];
        loop {
            let Some(stage) = &mut self.stage else {
                if !self.open_next() {
                    return started;
                }
                continue;
            };
            if stage.running.is_empty() && (stage.waiting.is_empty() || stage.ends_early()) {
                self.failed |= stage.failed && !stage.independent;
                self.before_failed = stage.failed;
                self.stage = None;
                continue;
            }
            if stage.running.is_empty() {
                for _ in 0..stage.batch {
                    let Some((unit, mut actions)) = stage.waiting.pop_front() else { break };
                    if let Some(action) = actions.pop_front() {
                        started.push((unit, action));
                        stage.running.insert(unit, actions);
                    }
                }
                stage.batch = stage.batch.saturating_mul(2);
                if stage.pace == Pace::OneByOne {
                    stage.batch = 1;
                }
            }
            return started;
        }
    }

    /// Takes in how an action of `unit` ended. Returns the next action of the same unit, if there is one.
    pub fn ended(&mut self, unit: UnitId, how: Ended) -> Option<Action> {
        let stage = self.stage.as_mut()?;
        if how == Ended::Failed {
            stage.failed = true;
            stage.running.remove(&unit);
            return None;
        }
        let actions = stage.running.get_mut(&unit)?;
        match actions.pop_front().filter(|_| !self.stopping) {
            Some(action) => Some(action),
            None => {
                stage.running.remove(&unit);
                None
            }
        }
    }

    /// Whether there is nothing left to be started or waited for.
    pub fn is_done(&self) -> bool {
        self.stage.is_none() && self.stages.is_empty()
    }

    fn open_next(&mut self) -> bool {
        while let Some(stage) = self.stages.pop_front() {
            if stage.follows && self.before_failed {
                continue;
            }
            let runs = if self.stopping {
                stage.part == Part::Status
            } else {
                !self.failed || stage.part.runs_after_failure()
            };
            if runs && !stage.units.is_empty() {
                let batch = match stage.pace {
                    Pace::OneByOne | Pace::SlowStart => 1,
                    Pace::Together => usize::MAX,
                };
                let waiting = stage.units.into_iter().map(VecDeque::from).enumerate().collect();
                let (part, pace, independent) = (stage.part, stage.pace, stage.independent);
                self.stage = Some(Running {
                    part,
                    pace,
                    independent,
                    waiting,
                    running: BTreeMap::new(),
                    batch,
                    failed: false,
                });
                return true;
            }
        }
        false
    }
}

impl Running {
    /// Whether what has failed stops the rest of this stage.
    fn ends_early(&self) -> bool {
        self.failed && self.pace != Pace::Together
    }
}
