//! How simulated pods behave.

/// The pod annotation that chooses a [`Behaviour`] for all containers of the pod. It wins over the tags of images.
pub const BEHAVIOUR_ANNOTATION: &str = "sim.berth.dev/behaviour";

/// What a simulated kubelet does with a pod.
///
/// Without the annotation [`BEHAVIOUR_ANNOTATION`], each container behaves as the tag of its image says (`app:1.2-crash`); where
/// tags of one pod differ, the pod as a whole follows the first of `missing`, `crash`, `never-ready`, `slow`.
/// Any other pod is Running and Ready within about a second, and a pod of a Job completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Behaviour {
    /// Tag contains `missing`: the pod stays Pending, waiting with `ErrImagePull`, then `ImagePullBackOff`.
    ImageError,
    /// Tag contains `crash`: the pod is Running, not Ready, waiting with `CrashLoopBackOff`; restartCount grows every 2 s.
    CrashLoop,
    /// Tag contains `never-ready`: the containers run and do not get ready.
    NeverReady,
    /// Tag contains `slow`: the containers run and get ready after 5 s.
    SlowStart,
    /// By annotation only: the pod is Failed with reason `Evicted`.
    Failed,
}

impl Behaviour {
    /// Its name, the value of the annotation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ImageError => "image-error",
            Self::CrashLoop => "crash-loop",
            Self::NeverReady => "never-ready",
            Self::SlowStart => "slow-start",
            Self::Failed => "failed",
        }
    }
}
