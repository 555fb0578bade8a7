//! `total = λ_p L_pres + λ_s L_sal + λ_d L_dom`, and its gradient with respect to the logits.
//!
//! Soft cross-entropy −Σ y log softmax, mean over the labelled rows; BCE: mean over rows and classes; domain:
//! cross-entropy, source 0 and target 1, mean over all rows. Rows b < sources are labelled, the rest are target rows.

use crate::kernel::real::Real;
use crate::kernel::step::Step;

kernel! {
    loss [step];
    // shared_head: the presence logits serve as salience logits; domain_head: the last two logits are those of the domain
    params p {
        rows: u32, sources: u32, classes: u32, outputs: u32, shared_head: u32, bce: u32, labels_len: u32, slots: u32,
        domain_head: u32, presence: f32, salience: f32, domain: f32,
    }
    read { logits: f32 [p.rows * p.outputs], labels: f32 [p.labels_len => p.sources * p.classes], rows: u32 [p.rows] }
    write { dlogits: f32 [p.rows * p.outputs], losses: f32 [4 * p.slots => 4] }
    flops(8 * p.rows * p.outputs);
    grid Groups([1, 1, 1]);
}

fn twin<R: Real>(params: Params, step: &Step, b: Slices<R>) {
    let p = params.sizes();
    let [presence, salience, domain] =
        [params.presence, params.salience, params.domain].map(|weight| R::of(f64::from(weight)));
    let (sources, rows) = (R::of(p.sources as f64), R::of(p.rows as f64));
    let [mut presence_sum, mut salience_sum, mut domain_sum] = [R::zero(); 3];
    for row in 0..p.rows {
        let logits = &b.logits[row * p.outputs..][..p.outputs];
        let dlogits = &mut b.dlogits[row * p.outputs..][..p.outputs];
        dlogits.fill(R::zero());
        if row < p.sources {
            let target = b.rows[step.first as usize + row] as usize;
            let y = &b.labels[target * p.classes..][..p.classes];
            let head = 0..p.classes;
            presence_sum += if p.bce != 0 {
                binary_cross_entropy(&logits[head.clone()], y, presence / sources, &mut dlogits[head])
            } else {
                soft_cross_entropy(&logits[head.clone()], y, presence / sources, &mut dlogits[head])
            };
            let head = if p.shared_head != 0 { 0..p.classes } else { p.classes..2 * p.classes };
            salience_sum += soft_cross_entropy(&logits[head.clone()], y, salience / sources, &mut dlogits[head]);
        }
        if p.domain_head != 0 {
            let head = p.outputs - 2..p.outputs;
            let label = if row < p.sources { [R::one(), R::zero()] } else { [R::zero(), R::one()] };
            domain_sum += soft_cross_entropy(&logits[head.clone()], &label, domain / rows, &mut dlogits[head]);
        }
    }
    let parts = [presence_sum / sources, salience_sum / sources, domain_sum / rows];
    let losses = &mut b.losses[4 * step.slot as usize..][..4];
    losses[0] = presence * parts[0] + salience * parts[1] + domain * parts[2];
    losses[1..].copy_from_slice(&parts);
}

/// −Σ y log softmax(logits); adds scale · gradient to `grad`. The gradient uses Σ y, which is 1 up to rounding.
pub(crate) fn soft_cross_entropy<R: Real>(logits: &[R], y: &[R], scale: R, grad: &mut [R]) -> R {
    let highest = logits.iter().copied().fold(R::neg_infinity(), R::max);
    let norm = highest + logits.iter().map(|&x| (x - highest).exp()).sum::<R>().ln();
    let total: R = y.iter().copied().sum();
    let mut loss = R::zero();
    for ((&x, &y), grad) in logits.iter().zip(y).zip(grad) {
        loss -= y * (x - norm);
        *grad += scale * ((x - norm).exp() * total - y);
    }
    loss
}

/// Mean over classes of −y log σ(x) − (1 − y) log(1 − σ(x)); adds scale · gradient to `grad`.
pub(crate) fn binary_cross_entropy<R: Real>(logits: &[R], y: &[R], scale: R, grad: &mut [R]) -> R {
    let count = R::of(logits.len() as f64);
    let mut loss = R::zero();
    for ((&x, &y), grad) in logits.iter().zip(y).zip(grad) {
        let decay = (-x.abs()).exp();
        loss += x.max(R::zero()) - x * y + decay.ln_1p();
        let sigmoid = if x >= R::zero() { R::one() } else { decay } / (R::one() + decay);
        *grad += scale / count * (sigmoid - y);
    }
    loss / count
}
