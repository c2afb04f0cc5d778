//! Tables of what all planners share.

mod conditions;
mod deadline;
mod first_look;
mod memory;
mod paused;
mod rejections;
