//! Kernels against their twins, on the adapter there is.

use blendfuse::check;
use blendfuse::engine::Engine;
use std::sync::Arc;

fn device() -> Arc<Engine> {
    let device = std::env::var("BLENDFUSE_TEST_DEVICE").unwrap_or_else(|_| "software".into());
    let engine = Engine::open(&device).or_else(|_| Engine::open("gpu"));
    Arc::new(engine.unwrap_or_else(|error| panic!("the tests need an adapter: run tools/test, which installs one ({error})")))
}

#[test]
fn every_kernel_equals_its_twin() {
    let device = device();
    let mut missed = Vec::new();
    for case in check::cases() {
        for comparison in check::compare(&device, &case).expect("the case runs") {
            assert!(comparison.elements > 0, "{comparison:?} compared nothing");
            println!("{:>22} {:>20} {:10} {:8} {:.1e}", case.name, comparison.kernel, comparison.output, comparison.elements, comparison.error);
            if !comparison.passes() {
                missed.push(comparison);
            }
        }
    }
    assert!(missed.is_empty(), "above {:.0e}: {missed:#?}", check::BOUND);
}
