//! One of the targets of `pganalytics::fuzz`, which `PGA_FUZZ_TARGET` names, fed by libFuzzer.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pganalytics::fuzz;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("PGA_FUZZ_TARGET").expect("PGA_FUZZ_TARGET names a target");
    fuzz::target(&name).unwrap_or_else(|| panic!("there is no target {name}")).run
});

fuzz_target!(|data: &[u8]| TARGET(data));
