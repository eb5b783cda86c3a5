//! What the streams bring: where every branch stands and what was found out, taken into the model.
//!
//! It must not ask anybody for what has come already: while the streams run, nothing is asked each second.

use crate::{
    effects::Effect,
    model::Model,
    screens::{chain, overview},
};
use wardline_client::{Alarm, Overview, StripView};

/// Everything that the client watches, as it is now.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The branches, as the streams and their last answers say.
    pub overview: Overview,
    /// Block by branch on the main chain.
    pub main: StripView,
    /// The same on the side chain; absent where this branch is not on it.
    pub side: Option<StripView>,
    /// All alarms, open ones first.
    pub alarms: Vec<Alarm>,
}

/// Something moved: screens follow, and an alarm that is new rings.
pub fn watched(model: &mut Model, watched: Watched) -> Vec<Effect> {
    if model.who.is_none() {
        return Vec::new();
    }
    let Watched { overview: known, main, side, alarms } = watched;
    let rings = model.alarms.take(alarms) && model.bell;
    let streams = main.branches.iter().chain(side.iter().flat_map(|side| &side.branches));
    let mut effects = overview::watched(model, known, streams);
    chain::watched(model, main, side);
    effects.extend(chain::follow(model));
    effects.extend(rings.then_some(Effect::Bell));
    effects
}

#[cfg(test)]
#[path = "watching/tests.rs"]
mod tests;
