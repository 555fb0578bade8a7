//! Kernels against their twins, on the adapter there is.

use blendfuse::check;

#[path = "common/device.rs"]
mod common;

#[test]
fn every_kernel_equals_its_twin() {
    let device = common::device();
    let mut missed = Vec::new();
    for case in check::cases() {
        for comparison in check::compare(&device, &case).expect("the case runs") {
            assert!(comparison.elements > 0, "{comparison:?} compared nothing");
            println!(
                "{:>22} {:>20} {:10} {:8} {:.1e}",
                case.name, comparison.kernel, comparison.output, comparison.elements, comparison.error
            );
            if !comparison.passes() {
                missed.push(comparison);
            }
        }
    }
    assert!(missed.is_empty(), "above {:.0e}: {missed:#?}", check::BOUND);
}
