//! The adapter that GPU tests run on.

use blendfuse::engine::Engine;
use std::sync::Arc;

/// `BLENDFUSE_TEST_DEVICE` (as `--device`), else a software adapter, else a hardware one. Panics where there is none:
/// a test that cannot run has not passed.
pub fn device() -> Arc<Engine> {
    let open = |device: &str| Engine::open(device, |warning| eprintln!("{warning}"));
    let engine = match std::env::var("BLENDFUSE_TEST_DEVICE") {
        Ok(device) => open(&device),
        Err(_) => open("software").or_else(|_| open("gpu")),
    };
    let engine = engine
        .unwrap_or_else(|error| panic!("these tests need an adapter; run tools/test, which installs one ({error})"));
    assert!(
        matches!(engine, Engine::Gpu(_)),
        "BLENDFUSE_TEST_DEVICE must name an adapter: the CPU engine is what it is compared with"
    );
    Arc::new(engine)
}
