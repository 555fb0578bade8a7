//! What the analysis says about weights and embeddings made by hand.

use blendfuse::analysis::*;
use blendfuse::data::Modality::{self, Audio, Unknown, Video};
use blendfuse::model::checkpoint::EncoderInfo;
use ndarray::{Array2, Array3, ArrayView2, Axis, array, concatenate, s, stack};

#[path = "analysis/losses.rs"]
mod losses;

fn encoder(name: &str, modality: Modality) -> EncoderInfo {
    EncoderInfo { name: name.into(), width: 8, modality }
}

fn weights(encoders: Vec<EncoderInfo>, runs: Vec<Array2<f32>>) -> Weights {
    let named = |(fold, w)| RunWeights { name: format!("seed 0 fold {fold}"), w, a: None };
    Weights { encoders, runs: (0..).zip(runs).map(named).collect(), unfinished: Vec::new(), held_out: true }
}

/// Two folds of two clips and one; n = 2 of three encoders.
fn three_clips() -> Weights {
    let encoders = vec![encoder("face", Video), encoder("voice", Audio), encoder("body", Video)];
    weights(encoders, vec![array![[0.5, 0.5, 0.0], [0.75, 0.25, 0.0]], array![[0.25, 0.0, 0.75]]])
}

/// Sums of f32 values that have few digits, in f64: all but a few roundings are exact.
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "found {found}, expected {expected}");
}

#[test]
fn importance_pools_the_clips_of_all_runs() {
    let found = importance(&three_clips());
    let names: Vec<&str> = found.iter().map(|encoder| encoder.name.as_str()).collect();
    assert_eq!(names, ["face", "voice", "body"], "the pool's order");
    [0.5, 0.25, 0.25].iter().zip(&found).for_each(|(mean, encoder)| close(encoder.mean, *mean));
    assert_eq!(found.iter().map(|encoder| encoder.rank).collect::<Vec<_>>(), [1, 2, 3], "equal ones in their order");
    [1.0, 2.0 / 3.0, 1.0 / 3.0].iter().zip(&found).for_each(|(share, e)| close(e.selection_frequency, *share));
    assert_eq!(found[0].per_run, [0.625, 0.25]);
    assert_eq!(found[2].per_run, [0.0, 0.75]);
    close(found[0].std, 0.25);
    // Of 0.25, 0.5, 0.75, linear between them as in numpy.
    [0.25, 0.275, 0.375, 0.5, 0.625, 0.725, 0.75].iter().zip(found[0].quantiles).for_each(|(q, f)| close(f, *q));

    let modalities = by_modality(&found);
    assert_eq!(modalities.iter().map(|m| (m.modality, m.encoders)).collect::<Vec<_>>(), [(Video, 2), (Audio, 1)]);
    close(modalities[0].total, 0.75);
    close(modalities[0].mean, 0.375);
    close(modalities[0].selection_frequency, 2.0 / 3.0);
    close(modalities.iter().map(|m| m.total).sum(), 1.0);
}

/// The gate's weights before selection, of the same clips.
fn with_a() -> Weights {
    let mut weights = three_clips();
    let a = [array![[0.5, 0.25, 0.25], [0.5, 0.375, 0.125]], array![[0.125, 0.25, 0.625]]];
    weights.runs.iter_mut().zip(a).for_each(|(run, a)| run.a = Some(a));
    weights
}

#[test]
fn importance_is_by_a_and_selection_by_w() {
    let found = importance(&with_a());
    [0.375, 0.875 / 3.0, 1.0 / 3.0].iter().zip(&found).for_each(|(mean, encoder)| close(encoder.mean, *mean));
    assert_eq!(found.iter().map(|encoder| encoder.rank).collect::<Vec<_>>(), [1, 3, 2]);
    [1.0, 2.0 / 3.0, 1.0 / 3.0].iter().zip(&found).for_each(|(share, e)| close(e.selection_frequency, *share));
    assert_eq!(found[1].per_run, [0.3125, 0.25]);
    assert_eq!(co_selection(&with_a()), co_selection(&three_clips()));
    let body = &distributions(&with_a(), &[2])[0];
    close(body.not_selected, 2.0 / 3.0);
    assert_eq!((body.at_zero, body.edges[40]), (0.0, 0.625));
    close(body.shares.iter().sum(), 1.0);
    let analysis = Analysis::new(&with_a(), &[0], None);
    assert_eq!(analysis.weight, WeightKind::A);

    // A single run without a, and all are by w.
    let mut mixed = with_a();
    mixed.runs[1].a = None;
    assert_eq!(importance(&mixed), importance(&three_clips()));
    assert_eq!(mixed.kind(), WeightKind::W);
    assert!(mixed.kind().note().unwrap().contains("older version"));
}

#[test]
fn co_selection_counts_clips_that_keep_both() {
    let third = 1.0 / 3.0;
    let expected = array![[1.0, 2.0 * third, third], [2.0 * third, 2.0 * third, 0.0], [third, 0.0, third]];
    co_selection(&three_clips()).iter().zip(&expected).for_each(|(found, expected)| close(*found, *expected));
}

/// By hand: means 0.625, 0.375, 0 have ranks 3, 2, 1 and means 0.25, 0, 0.75 ranks 2, 1, 3: ρ = 1 − 6·6/(3·8).
#[test]
fn stability_is_the_rank_correlation_of_two_runs() {
    let found = stability(&three_clips());
    assert_eq!((found.len(), &found[0].a[..], &found[0].b[..]), (1, "seed 0 fold 0", "seed 0 fold 1"));
    close(found[0].spearman.unwrap(), -0.5);

    // Two encoders that tie share rank 1.5: against ranks 1, 2, 3, ρ = 1.5 / √(1.5 · 2).
    let tied = weights(three_clips().encoders, vec![array![[0.25, 0.25, 0.5]], array![[0.125, 0.375, 0.5]]]);
    close(stability(&tied)[0].spearman.unwrap(), 1.5 / 3f64.sqrt());

    let one = weights(three_clips().encoders, vec![array![[0.5, 0.25, 0.25]]]);
    assert_eq!(stability(&one), [], "a single run has nothing to agree with");
    let uniform = Array2::from_elem((4, 3), 1.0 / 3.0);
    let uniform = weights(three_clips().encoders, vec![uniform.clone(), uniform.slice(s![..3, ..]).to_owned()]);
    assert_eq!(stability(&uniform)[0].spearman, None, "equal weights rank nothing");
}

#[test]
fn three_runs_make_three_pairs() {
    let w = three_clips();
    let runs = [w.runs[0].w.clone(), w.runs[1].w.clone(), w.runs[0].w.clone()];
    let found = stability(&weights(w.encoders, runs.into()));
    let pairs: Vec<_> = found.iter().map(|pair| (pair.a.as_bytes()[12], pair.b.as_bytes()[12])).collect();
    assert_eq!(pairs, [(b'0', b'1'), (b'0', b'2'), (b'1', b'2')]);
    assert_eq!(found[1].spearman, Some(1.0));
}

#[test]
fn distributions_share_their_bins() {
    let w = three_clips();
    let found = distributions(&w, &[2, 0]);
    assert_eq!((&found[0].name[..], &found[1].name[..]), ("body", "face"), "in the order of choice");
    assert_eq!((found[0].edges[0], found[0].edges[40]), (0.0, 0.75), "up to the greatest weight");
    assert_eq!(found[0].edges, found[1].edges);
    close(found[0].not_selected, 2.0 / 3.0);
    close(found[0].shares[39], 1.0 / 3.0);
    close(found[0].at_zero, 2.0 / 3.0);
    assert_eq!((found[1].not_selected, found[1].at_zero), (0.0, 0.0));
    // Edges are 0.75 / 40 apart: 0.25 lies in bin 13, 0.5 in bin 26, the greatest in the last.
    for bin in 0..40 {
        close(found[1].shares[bin], if [13, 26, 39].contains(&bin) { 1.0 / 3.0 } else { 0.0 });
    }
    // An encoder that is never kept, alone.
    let never = weights(vec![encoder("a", Unknown), encoder("b", Unknown)], vec![array![[1.0, 0.0]]]);
    let found = distributions(&never, &[1]);
    assert_eq!((found[0].not_selected, found[0].shares.iter().sum::<f64>()), (1.0, 0.0));
}

#[test]
fn representative_encoders_lie_evenly_between_first_and_last() {
    let of_count = |count: usize| {
        // Encoder k has rank count − k.
        let row: Vec<f32> = (0..count).map(|k| (k + 1) as f32).collect();
        let w = Array2::from_shape_vec((1, count), row).unwrap();
        let encoders = (0..count).map(|k| encoder(&k.to_string(), Unknown)).collect();
        representative(&importance(&weights(encoders, vec![w])))
    };
    assert_eq!(of_count(1), [0]);
    assert_eq!(of_count(2), [1, 0]);
    assert_eq!(of_count(5), [4, 3, 2, 1, 0]);
    assert_eq!(of_count(9), [8, 6, 4, 2, 0]);
    assert_eq!(of_count(36).len(), 5);
}

#[test]
fn the_whole_analysis_is_written_and_read_again() {
    let folder = tempfile::TempDir::new().unwrap();
    let w = three_clips();
    let cka = array![[1.0, 0.25, 0.5], [0.25, 1.0, 0.75], [0.5, 0.75, 1.0]];
    let analysis = Analysis::new(&w, &[0, 2], Some(&cka));
    // CKA 0.25, 0.5, 0.75 of pairs that are kept together in 2/3, 1/3 and 0 of the clips.
    let correlation = analysis.correlation.unwrap();
    close(correlation.pearson.unwrap(), -1.0);
    close(correlation.spearman.unwrap(), -1.0);
    assert_eq!(analysis.write(folder.path()).unwrap().len(), 9);
    assert_eq!(Analysis::read(folder.path()).unwrap(), analysis);
    let text = |file: &str| std::fs::read_to_string(folder.path().join(file)).unwrap();
    assert_eq!(text("cka.csv"), "encoder,face,voice,body\nface,1,0.25,0.5\nvoice,0.25,1,0.75\nbody,0.5,0.75,1\n");
    assert_eq!(text("stability.csv"), "a,b,spearman\nseed 0 fold 0,seed 0 fold 1,-0.5\n");
    let by_run =
        "encoder,modality,seed 0 fold 0,seed 0 fold 1\nface,video,0.625,0.25\nvoice,audio,0.375,0\nbody,video,0,0.75\n";
    assert_eq!(text("importance_by_run.csv"), by_run);
    let importance = text("importance.csv");
    let lines: Vec<&str> = importance.lines().collect();
    assert_eq!(lines[0], "rank,encoder,modality,mean,std,selection_frequency,min,p5,p25,p50,p75,p95,max");
    assert!(lines[1].starts_with("1,face,video,0.5,0.25,1,0.25,"), "{}", lines[1]);
    assert!(
        text("modalities.csv").starts_with("modality,encoders,total,mean,selection_frequency\nvideo,2,0.75,0.375,")
    );
    assert!(
        text("pairs.csv").starts_with("a,b,modality_a,modality_b,cka,co_selection\nface,voice,video,audio,0.25,0.6")
    );
    // Header, and per encoder w = 0 and 40 bins.
    assert_eq!(text("distribution.csv").lines().count(), 1 + 2 * 41);
    assert!(text("distribution.csv").starts_with("encoder,from,to,share\nface,0,0,0\nface,0,0.01875,0\n"));

    let without = Analysis::new(&w, &[0], None);
    assert!(without.cka.is_none() && without.correlation.is_none() && without.pairs[0].cka.is_none());
    assert_eq!(without.write(folder.path()).unwrap().len(), 8);
    assert!(!folder.path().join("cka.csv").exists(), "a table of the analysis before");
    assert!(text("pairs.csv").contains("\nface,voice,video,audio,,0.6"));
    assert_eq!(Analysis::read(folder.path()).unwrap(), without);
}

#[test]
fn one_encoder_has_no_pairs() {
    let alone = weights(vec![encoder("only", Video)], vec![array![[1.0], [1.0]], array![[1.0]]]);
    let analysis = Analysis::new(&alone, &representative(&importance(&alone)), Some(&array![[1.0]]));
    assert_eq!((analysis.importance[0].mean, analysis.importance[0].std), (1.0, 0.0));
    assert_eq!(analysis.co_selection, [[1.0]]);
    assert!(analysis.pairs.is_empty());
    assert_eq!(analysis.stability[0].spearman, None);
    assert_eq!(analysis.correlation, Some(Correlation { pearson: None, spearman: None, pairs: 0 }));
    let text = serde_json::to_string(&analysis).unwrap();
    assert_eq!(serde_json::from_str::<Analysis>(&text).unwrap(), analysis);
}

#[test]
fn dead_encoders_are_named_and_correlate_with_nothing() {
    let cka = array![[1.0, 0.0, 0.5], [0.0, 0.0, 0.0], [0.5, 0.0, 1.0]];
    let analysis = Analysis::new(&three_clips(), &[], Some(&cka));
    assert_eq!(analysis.dead(), ["voice"]);
    assert_eq!(analysis.correlation.unwrap().pearson, None, "a single pair is left");
}

// ---- CKA ----

/// Embeddings (n, k, p) after a ReLU: every encoder sees some of the same hidden causes, and noise of its own.
fn embeddings(n: usize, k: usize, p: usize) -> Array3<f32> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f32 / (1u64 << 52) as f32 - 1.0
    };
    let causes = Array2::from_shape_simple_fn((n, 6), &mut random);
    let views: Vec<Array2<f32>> = (0..k)
        .map(|view| {
            let mix = Array2::from_shape_simple_fn((6, p), &mut random);
            let noise = Array2::from_shape_simple_fn((n, p), &mut random) * (0.2 * view as f32);
            (causes.dot(&mix) + noise).mapv(|x| x.max(0.0))
        })
        .collect();
    stack(Axis(1), &views.iter().map(|view| view.view()).collect::<Vec<_>>()).unwrap()
}

/// The definition, in f64.
fn direct(x: ArrayView2<f32>, y: ArrayView2<f32>) -> f64 {
    let centred = |x: ArrayView2<f32>| {
        let x = x.mapv(f64::from);
        &x - &x.mean_axis(Axis(0)).unwrap()
    };
    let (x, y) = (centred(x), centred(y));
    let norm = |a: &Array2<f64>, b: &Array2<f64>| a.t().dot(b).mapv(|x| x * x).sum().sqrt();
    norm(&x, &y).powi(2) / (norm(&x, &x) * norm(&y, &y))
}

fn of_encoder(x: &Array3<f32>, k: usize) -> ArrayView2<'_, f32> {
    x.index_axis(Axis(1), k)
}

/// f32 products of at most 256 terms, summed in f64 a thousand at a time: relative errors below 1e-6 before they average out.
const TOLERANCE: f64 = 1e-5;

#[test]
fn cka_is_the_direct_formula() {
    // One block, whole blocks, and blocks cut at the end; more and fewer clips than channels.
    for (n, k, p) in [(2, 3, 4), (50, 4, 17), (128, 2, 3), (300, 5, 16), (385, 3, 200)] {
        let x = embeddings(n, k, p);
        let found = cka(x.clone());
        for a in 0..k {
            for b in 0..k {
                let expected = direct(of_encoder(&x, a), of_encoder(&x, b));
                let found = found[[a, b]];
                assert!((found - expected).abs() < TOLERANCE, "({n}, {k}, {p}): {found}, {expected} of {a} and {b}");
            }
        }
        assert_eq!(found, found.t());
        assert_eq!(found, cka(x), "the same bits again");
    }
}

#[test]
fn cka_sees_neither_rotation_nor_scale_nor_shift() {
    let x = embeddings(200, 2, 24);
    let (a, b) = (of_encoder(&x, 0), of_encoder(&x, 1));
    let expected = cka(x.clone())[[0, 1]];
    assert!((0.1..0.99).contains(&expected), "{expected} leaves no room for a difference");
    // A reflection in the plane across v: I − 2vvᵀ, then the columns in another order.
    let v = Array2::from_shape_fn((24, 1), |(i, _)| ((i * i) as f32).sin());
    let v = &v / v.mapv(|x| x * x).sum().sqrt();
    let turned = (&a - &(a.dot(&v).dot(&v.t()) * 2.0)).slice(s![.., ..;-1]).to_owned();
    for changed in [turned, &a * 1e-12, &a * 1e12, &a + 1000.0] {
        let pair = stack(Axis(1), &[changed.view(), b]).unwrap();
        let found = cka(pair)[[0, 1]];
        // The shift by 1000 costs the values four digits.
        assert!((found - expected).abs() < 5e-5, "{found} instead of {expected}");
        let same = stack(Axis(1), &[changed.view(), a]).unwrap();
        assert!((cka(same)[[0, 1]] - 1.0).abs() < 5e-5, "CKA of an embedding with itself, changed");
    }
}

#[test]
fn cka_of_dead_encoders_is_0() {
    let x = embeddings(150, 2, 8);
    let (dead, constant) = (Array3::zeros((150, 1, 8)), Array3::from_elem((150, 1, 8), 0.3));
    let found = cka(concatenate(Axis(1), &[x.view(), dead.view(), constant.view()]).unwrap());
    for k in 0..4 {
        assert_eq!((found[[2, k]], found[[k, 3]]), (0.0, 0.0), "with encoder {k}");
    }
    assert!((found[[0, 0]] - 1.0).abs() < 1e-12 && found[[0, 1]] > 0.0);
    assert_eq!(cka(embeddings(1, 2, 5)), Array2::<f64>::zeros((2, 2)), "a single clip does not vary");
}
