//! The adapter that GPU tests run on.

use blendfuse::engine::Engine;
use std::sync::Arc;

/// `BLENDFUSE_TEST_DEVICE` (as `--device`), else a software adapter, else a hardware one. Panics where there is none:
/// a test that cannot run has not passed.
pub fn device() -> Arc<Engine> {
    let engine = match std::env::var("BLENDFUSE_TEST_DEVICE") {
        Ok(device) => Engine::open(&device),
        Err(_) => Engine::open("software").or_else(|_| Engine::open("gpu")),
    };
    Arc::new(
        engine.unwrap_or_else(|error| {
            panic!("these tests need an adapter; run tools/test, which installs one ({error})")
        }),
    )
}
