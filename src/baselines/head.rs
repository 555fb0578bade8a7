//! The challenge's classifiers of one feature vector: a linear layer, or an MLP with one hidden layer (256 or 512) and ReLU,
//! trained with soft-label cross-entropy and Adam. Source: model/models.py and main.py of BlEmoRe/blemore-common.

use super::recipe::Recipe;
use crate::config::DecodeConfig;
use crate::host::stop::Stop;
use crate::kernel::step::Step;
use crate::kernels::adam::Adam;
use crate::kernels::loss::soft_cross_entropy;
use crate::kernels::shared::matmul::matmul;
use crate::scoring::metrics::{self, Truth};
use anyhow::Result;
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A classifier of the challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Linear,
    /// Number of hidden units
    Mlp(usize),
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Linear, Self::Mlp(256), Self::Mlp(512)];

    pub fn name(self) -> String {
        match self {
            Self::Linear => "linear".into(),
            Self::Mlp(hidden) => format!("MLP {hidden}"),
        }
    }

    fn hidden(self) -> Vec<usize> {
        match self {
            Self::Linear => Vec::new(),
            Self::Mlp(hidden) => vec![hidden],
        }
    }
}

/// Standardised features and soft labels.
pub struct Rows {
    /// (N, D)
    pub x: Array2<f32>,
    /// (N, C), rows sum to 1
    pub y: Array2<f32>,
}

/// Trains a classifier at a constant learning rate and returns scores (N, C) of the validation rows, which sum to 1 per row.
/// Deterministic for a seed. Nothing is saved before the last epoch.
///
/// # Errors
/// A requested stop.
pub fn fit(kind: Kind, train: &Rows, validation: &Rows, recipe: Recipe, seed: u64, stop: &Stop) -> Result<Array2<f32>> {
    let settings = recipe.train();
    let truths = metrics::truths(validation.y.view());
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let widths = [vec![train.x.ncols()], kind.hidden(), vec![train.y.ncols()]].concat();
    let mut layers: Vec<Layer> = widths.windows(2).map(|pair| Layer::new(pair[0], pair[1], &mut random)).collect();
    let mut order: Vec<usize> = (0..train.x.nrows()).collect();
    let (mut best, mut waited, mut steps) = (None::<(f64, Array2<f32>)>, 0, 0);
    for _ in 0..settings.max_epochs {
        order.shuffle(&mut random);
        for batch in order.chunks(settings.batch) {
            stop.check(|| "the classifiers start again when resumed".into())?;
            let (x, y) = (train.x.select(Axis(0), batch), train.y.select(Axis(0), batch));
            let step = Step::default().with_update(steps, f64::from(settings.lr));
            train_step(&mut layers, x, &y, &Adam::new(&step, 0, settings.weight_decay));
            steps += 1;
        }
        let logits = forward(&layers, validation.x.clone()).pop().expect("at least one layer");
        // Lower is better: a loss, or a negated score.
        let (value, least) = match recipe {
            Recipe::Own(_) => (mean_loss(&logits, &validation.y), settings.min_delta),
            Recipe::Challenge(decode, neutral) => {
                (-searched_score(softmax(logits.clone()).view(), &truths, decode, neutral), 0.0)
            }
        };
        let better = best.as_ref().is_none_or(|(best, _)| value < best - least);
        waited = if better { 0 } else { waited + 1 };
        if better {
            best = Some((value, softmax(logits)));
        }
        if waited >= settings.patience {
            break;
        }
    }
    Ok(best.expect("at least one epoch").1)
}

/// Returns the mean of presence and salience with the best thresholds on these clips.
fn searched_score(scores: ArrayView2<f32>, truths: &[Truth], decode: &DecodeConfig, neutral: Option<usize>) -> f64 {
    decode.search_officially(scores, truths, neutral).1.mean()
}

struct Layer {
    /// (O, I), and its Adam moments
    weight: [Array2<f32>; 3],
    /// (O), and its Adam moments
    bias: [Array1<f32>; 3],
}

impl Layer {
    /// Returns a layer initialised as torch.nn.Linear: uniform in ±1/√I.
    fn new(inputs: usize, outputs: usize, random: &mut ChaCha8Rng) -> Self {
        let bound = 1.0 / (inputs as f32).sqrt();
        let weight = Array2::from_shape_simple_fn((outputs, inputs), || random.random_range(-bound..bound));
        let bias = Array1::from_shape_simple_fn(outputs, || random.random_range(-bound..bound));
        let (dim, len) = (weight.raw_dim(), bias.raw_dim());
        Self {
            weight: [weight, Array2::zeros(dim), Array2::zeros(dim)],
            bias: [bias, Array1::zeros(len), Array1::zeros(len)],
        }
    }
}

/// Returns the input of each layer and, last, the logits.
fn forward(layers: &[Layer], x: Array2<f32>) -> Vec<Array2<f32>> {
    let mut values = vec![x];
    for (i, layer) in layers.iter().enumerate() {
        let x = values.last().expect("the input at least");
        let mut y = Array2::zeros((x.nrows(), layer.bias[0].len()));
        matmul(x.view(), layer.weight[0].t(), y.view_mut());
        y += &layer.bias[0];
        if i + 1 < layers.len() {
            y.mapv_inplace(|y| y.max(0.0));
        }
        values.push(y);
    }
    values
}

fn train_step(layers: &mut [Layer], x: Array2<f32>, y: &Array2<f32>, adam: &Adam<f32>) {
    let mut values = forward(layers, x);
    let logits = values.pop().expect("at least one layer");
    // d(mean over rows of −Σ y log softmax) = (softmax − y) / B
    let mut dy = (softmax(logits) - y) / y.nrows() as f32;
    for (i, (layer, x)) in layers.iter_mut().zip(values).enumerate().rev() {
        // The gradient of the network's input is not needed.
        let mut dx = Array2::zeros(if i > 0 { x.dim() } else { (0, 0) });
        if i > 0 {
            matmul(dy.view(), layer.weight[0].view(), dx.view_mut());
            // Backward through the ReLU of the previous layer.
            Zip::from(&mut dx).and(&x).for_each(|dx, &x| *dx = if x > 0.0 { *dx } else { 0.0 });
        }
        let mut dweight = Array2::zeros(layer.weight[0].dim());
        matmul(dy.t(), x.view(), dweight.view_mut());
        let [weight, m, v] = layer.weight.each_mut().map(|tensor| tensor.as_slice_mut().expect("in C order"));
        adam.update(weight, m, v, dweight.as_slice().expect("in C order"));
        let [bias, m, v] = layer.bias.each_mut().map(|tensor| tensor.as_slice_mut().expect("in C order"));
        adam.update(bias, m, v, dy.sum_axis(Axis(0)).as_slice().expect("in C order"));
        dy = dx;
    }
}

fn mean_loss(logits: &Array2<f32>, y: &Array2<f32>) -> f64 {
    let wide = |row: ndarray::ArrayView1<f32>| row.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let mut unused = vec![0.0; y.ncols()];
    let rows = logits.rows().into_iter().zip(y.rows());
    let sum: f64 = rows.map(|(row, y)| soft_cross_entropy(&wide(row), &wide(y), 0.0, &mut unused)).sum();
    sum / y.nrows() as f64
}

fn softmax(mut logits: Array2<f32>) -> Array2<f32> {
    for mut row in logits.rows_mut() {
        let max = row.fold(f32::NEG_INFINITY, |max, &x| max.max(x));
        row.mapv_inplace(|x| (x - max).exp());
        let sum = row.sum();
        row /= sum;
    }
    logits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TrainConfig;

    fn fit(kind: Kind, train: &Rows, validation: &Rows, recipe: Recipe, seed: u64) -> Array2<f32> {
        super::fit(kind, train, validation, recipe, seed, &Stop::never()).unwrap()
    }

    /// Without decay, the first step of Adam moves each weight by lr against the sign of its gradient; the signs are compared
    /// with central differences of the loss.
    #[test]
    fn gradients_have_the_signs_of_central_differences() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let x = Array2::from_shape_simple_fn((7, 5), || random.random_range(-1.0..1.0f32));
        let y = softmax(Array2::from_shape_simple_fn((7, 3), || random.random_range(-1.0..1.0f32)));
        let make = || {
            let mut random = ChaCha8Rng::seed_from_u64(2);
            [5, 4, 3].windows(2).map(|pair| Layer::new(pair[0], pair[1], &mut random)).collect::<Vec<_>>()
        };
        let loss = |layers: &[Layer]| mean_loss(&forward(layers, x.clone()).pop().unwrap(), &y);
        let mut stepped = make();
        let step = Step::default().with_update(0, 1e-3);
        train_step(&mut stepped, x.clone(), &y, &Adam::new(&step, 0, 0.0));
        let mut compared = 0;
        for layer in 0..2 {
            for at in 0..stepped[layer].weight[0].len() {
                let nudged = |by: f32| {
                    let mut layers = make();
                    layers[layer].weight[0].as_slice_mut().unwrap()[at] += by;
                    loss(&layers)
                };
                let gradient = (nudged(1e-2) - nudged(-1e-2)) / 2e-2;
                let before = make()[layer].weight[0].as_slice().unwrap()[at];
                let moved = stepped[layer].weight[0].as_slice().unwrap()[at] - before;
                if gradient.abs() > 1e-3 {
                    compared += 1;
                    assert_eq!(gradient > 0.0, moved < 0.0, "layer {layer}, weight {at}: {gradient}, moved by {moved}");
                }
            }
        }
        assert!(compared > 12, "only {compared} gradients were large enough to compare");
    }

    #[test]
    fn learns_what_is_linearly_separable() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let mut rows = |n: usize| {
            let x = Array2::from_shape_simple_fn((n, 3), || random.random_range(-1.0..1.0f32));
            let y = Array2::from_shape_fn((n, 2), |(i, class)| f32::from((x[[i, 0]] > 0.0) == (class == 1)));
            Rows { x, y }
        };
        let (train, validation) = (rows(400), rows(100));
        let settings = TrainConfig { lr: 0.01, ..TrainConfig::default() };
        for kind in Kind::ALL {
            let scores = fit(kind, &train, &validation, Recipe::Own(&settings), 0);
            let right =
                scores.rows().into_iter().zip(validation.y.rows()).filter(|(s, y)| (s[1] > s[0]) == (y[1] > 0.5));
            let right = right.count();
            assert!(right >= 93, "{}: {right} of 100 right", kind.name());
        }
    }

    /// Adam moves a weight by about lr in each of 200 · 2 steps. The kept scores are those of the best-scoring epoch, which early
    /// stopping or selection by loss would miss.
    #[test]
    fn the_challenges_recipe_is_its_own() {
        let settings = Recipe::Challenge(&DecodeConfig::default(), None).train();
        let given = (settings.lr, settings.weight_decay, settings.batch, settings.max_epochs);
        assert_eq!(given, (5e-6, 1e-3, 32, 200));
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let mut rows = |n: usize| {
            let x = Array2::from_shape_simple_fn((n, 40), || random.random_range(-1.0..1.0f32));
            let y =
                Array2::from_shape_fn((n, 3), |(i, class)| f32::from((x[[i, 0]] > 0.0) == (class == 1) && class < 2));
            Rows { x, y }
        };
        let (train, validation) = (rows(64), rows(50));
        let decode = DecodeConfig::default();
        let truths = metrics::truths(validation.y.view());
        let score = |scores: &Array2<f32>| searched_score(scores.view(), &truths, &decode, None);
        let kept = fit(Kind::Linear, &train, &validation, Recipe::Challenge(&decode, None), 3);
        assert_eq!(fit(Kind::Linear, &train, &validation, Recipe::Challenge(&decode, None), 3), kept);
        // Repeats the training for each number of epochs and keeps the first best score.
        let (mut first_best, mut scores_of) = (0, Vec::new());
        for epochs in 1..=200 {
            let own = TrainConfig { max_epochs: epochs, patience: u32::MAX, min_delta: -1e9, ..settings.clone() };
            // A negative min_delta keeps the last epoch.
            let scores = fit(Kind::Linear, &train, &validation, Recipe::Own(&own), 3);
            scores_of.push(scores);
            if score(&scores_of[epochs as usize - 1]) > score(&scores_of[first_best]) {
                first_best = epochs as usize - 1;
            }
        }
        assert_eq!(kept, scores_of[first_best]);
        assert!(first_best < 199, "the best epoch is not the last one");
    }
}
