//! How long everything takes, and what goes wrong.

use std::time::Duration;

use berth_api::Resource;
use berth_api::request::{Refusal, RefusalDetails};

use crate::api_server::refusal;
use crate::random::Random;

/// A span from which times are drawn.
pub type Span = (Duration, Duration);

/// What the API server, or whoever stands before it, may answer to any request for no reason that the sender knows.
pub const REFUSALS: [(u16, &str); 11] = [
    (400, "BadRequest"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "NotFound"),
    (409, "Conflict"),
    (409, "AlreadyExists"),
    (410, "Gone"),
    (422, "Invalid"),
    (500, "InternalError"),
    (503, "ServiceUnavailable"),
    (504, "Timeout"),
];

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// It is carried there and its answer back.
    Carried,
    /// It never arrives; the connection breaks.
    Lost,
    /// It is done, but the answer is lost.
    AnswerLost,
    /// The connection breaks at once, and the request arrives this much later all the same.
    Late(Duration),
    /// The API server refuses it.
    Refused(Refusal),
    /// The operator is paused for so long just before it is sent.
    Paused(Duration),
    /// The operator crashes before it is sent.
    CrashBefore,
    /// The operator crashes after it is done and before the answer comes.
    CrashAfter,
}

/// How often in a thousand something goes wrong, and how long things take.
#[derive(Clone, Debug)]
pub struct Weather {
    /// A request on its way, and an answer.
    pub request: Span,
    /// A watch event on its way.
    pub watch: Span,
    /// What a scheduler, a kubelet or a garbage collector needs for one step.
    pub node: Span,
    /// A watch stalls ...
    pub stall: u64,
    /// ... for this long.
    pub stall_for: Span,
    /// The watch of this resource always is as slow as a stalled one.
    pub slow: Option<Resource>,
    /// A watch or a list fails, or the version is too old.
    pub break_watch: u64,
    /// A list is read at an earlier version.
    pub past: u64,
    /// A request meets another fate than [`Fate::Carried`].
    pub mishap: u64,
    /// A mishap is a crash.
    pub crash: u64,
}

const fn millis(low: u64, high: u64) -> Span {
    (Duration::from_millis(low), Duration::from_millis(high))
}

impl Fate {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Fate::Carried => "carried",
            Fate::Lost => "lost requests",
            Fate::AnswerLost => "lost answers",
            Fate::Late(_) => "late requests",
            Fate::Refused(_) => "refusals",
            Fate::Paused(_) => "pauses before a request",
            Fate::CrashBefore => "crashes before a request",
            Fate::CrashAfter => "crashes before an answer",
        }
    }
}

impl Weather {
    /// Nothing goes wrong and all is quick.
    pub fn calm() -> Self {
        Weather {
            request: millis(1, 5),
            watch: millis(1, 5),
            node: millis(50, 500),
            stall: 0,
            stall_for: millis(0, 0),
            slow: None,
            break_watch: 0,
            past: 0,
            mishap: 0,
            crash: 0,
        }
    }

    /// Everything takes its time, and always the same.
    pub fn even() -> Self {
        Weather { request: millis(1, 1), watch: millis(1, 1), node: millis(1_000, 1_000), ..Weather::calm() }
    }

    /// Nothing is lost, but each cache lags behind in its own time.
    pub fn lagging() -> Self {
        Weather {
            request: millis(1, 300),
            watch: millis(1, 3_000),
            node: millis(50, 3_000),
            stall: 30,
            stall_for: millis(1_000, 40_000),
            ..Weather::calm()
        }
    }

    /// Everything goes wrong.
    pub fn stormy() -> Self {
        Weather { break_watch: 20, mishap: 80, crash: 200, ..Weather::lagging() }
    }

    /// The same delays, and nothing goes wrong any more.
    pub fn after_the_storm(self) -> Self {
        Weather { mishap: 0, break_watch: 0, past: 0, stall: 0, slow: None, ..self }
    }

    /// The fate of the next request.
    pub fn fate(&self, random: &mut Random) -> Fate {
        if !random.chance(self.mishap) {
            return Fate::Carried;
        }
        if random.chance(self.crash) {
            return if random.chance(500) { Fate::CrashBefore } else { Fate::CrashAfter };
        }
        match random.below(8) {
            0 => Fate::Lost,
            1 => Fate::AnswerLost,
            2 => Fate::Late(random.between(millis(10, 20_000))),
            3 => Fate::Refused(busy(random.below(3) as u32)),
            _ => {
                let (code, reason) = *random.pick(&REFUSALS);
                Fate::Refused(refusal(code, reason, "the weather says so"))
            }
        }
    }
}

/// A busy API server that asks to wait for so many seconds.
pub fn busy(seconds: u32) -> Refusal {
    let details = RefusalDetails { retry_after_seconds: seconds, ..RefusalDetails::default() };
    Refusal { details, ..refusal(429, "TooManyRequests", "please try again later") }
}
