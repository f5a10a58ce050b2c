//! One target of `tests/it/fuzz/bodies`, the one that `AGENTFLOW_FUZZ_TARGET` names, called by libFuzzer.

#![no_main]

#[path = "../../tests/it/fuzz/bodies/mod.rs"]
mod bodies;

use std::sync::LazyLock;

use bodies::{Body, TARGETS};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Body> = LazyLock::new(|| {
    let wanted = std::env::var("AGENTFLOW_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    found.unwrap_or_else(|| panic!("AGENTFLOW_FUZZ_TARGET is one of {}", names.join(", "))).1
});

fuzz_target!(|bytes: &[u8]| TARGET(bytes));
