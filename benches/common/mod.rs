//! Devices and networks of all benches: the built-in CPU engine, and the adapter used by tests, if any.

use blendfuse::check::{Case, cases};
use blendfuse::config::TopN;
use blendfuse::engine::Engine;
use std::sync::Arc;

/// The default network on 8 encoders, 64 rows.
pub fn eight_encoders() -> Case {
    let base = cases().into_iter().next().expect("there are cases");
    let widths = vec![64, 96, 128, 128, 160, 192, 256, 256];
    Case { name: "K = 8", widths, sizes: [256, 128, 512, 256], top_n: TopN::Count(4), sources: 64, ..base }
}

/// `BLENDFUSE_TEST_DEVICE` names the adapter like `--device`.
pub fn engines() -> Vec<Arc<Engine>> {
    let device = std::env::var("BLENDFUSE_TEST_DEVICE").unwrap_or_else(|_| "software".into());
    let adapter = Engine::open(&device, |warning| eprintln!("{warning}"))
        .inspect_err(|error| eprintln!("only the CPU is measured: {error}"));
    [Some(Engine::Cpu), adapter.ok()].into_iter().flatten().map(Arc::new).collect()
}
