//! Memory: what does not fit is streamed, with the same bytes as a result; what is too little is told before training.

use blendfuse::config::Config;
use blendfuse::data::FoldChoice;
use blendfuse::data::{LoadOptions, Pool, synth};
use blendfuse::engine::Engine;
use blendfuse::host::stop::Stop;
use blendfuse::host::ui::Ui;
use blendfuse::model::infer::{Inputs, Network};
use blendfuse::model::{Dims, Mode, Plan, Scaler, Windows};
use blendfuse::runs::RunFolder;
use blendfuse::train::Trainer;
use ndarray::Array2;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

#[path = "common/device.rs"]
mod common;

const MIB: u64 = 1 << 20;

/// So small that batches and pools take several windows.
const BINDING: u64 = 1_100_000;

/// A tiny pool whose encoders are wider, and begin anywhere but at round addresses.
fn odd_pool() -> Pool {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let ui = Ui::default().silent();
    let folder = FOLDER.get_or_init(|| {
        let folder = TempDir::new().expect("a temporary folder");
        synth::write(&folder.path().join("pool"), synth::Preset::Tiny, 5, &Stop::never(), ui)
            .expect("it can be written");
        folder
    });
    let mut pool = Pool::load(&folder.path().join("pool"), &LoadOptions::default(), ui).expect("it was just written");
    for (encoder, width) in pool.encoders.iter_mut().zip([405, 113, 77, 1, 225, 33, 337, 91]) {
        let (narrow, columns) = (&encoder.features, encoder.features.ncols());
        let wide = |(row, column)| narrow[[row, column % columns]] + (column / columns) as f32;
        encoder.features = Array2::from_shape_fn((narrow.nrows(), width), wide);
    }
    pool
}

fn config(settings: &[&str]) -> Config {
    let mut all = vec!["model.projection=24", "model.gate_hidden=12", "model.fused=32", "model.head_hidden=16"];
    all.extend(settings);
    Config::load(None, &all.iter().map(|setting| (*setting).to_owned()).collect::<Vec<_>>()).expect("known keys")
}

/// The test adapter with other limits: bytes of one binding, bytes of all buffers.
fn limited(binding: Option<u64>, room: Option<u64>) -> Arc<Engine> {
    let mut engine = Arc::into_inner(common::device()).expect("nobody else has it");
    let Engine::Gpu(gpu) = &mut engine else { unreachable!("tests run on an adapter") };
    gpu.limits.max_storage_buffer_binding_size = binding.unwrap_or(gpu.limits.max_storage_buffer_binding_size);
    gpu.memory_limit = room;
    Arc::new(engine)
}

fn allocated(engine: &Engine) -> u64 {
    let Engine::Gpu(gpu) = engine else { unreachable!("tests run on an adapter") };
    gpu.memory.now()
}

/// Every tensor and every score after two epochs with adaptation: 300 and 300 rows a step, fewer in the last.
fn trained(engine: &Arc<Engine>, features: &str, precision: &str) -> Vec<Vec<u8>> {
    let folder = TempDir::new().expect("a temporary folder");
    let setting = format!("engine.features={features}");
    let config = config(&["train.max_epochs=2", "train.batch=300", "adaptation.enabled=true", &setting, precision]);
    let ui = Ui::default().silent();
    let mut trainer = Trainer::new(engine, odd_pool(), &config, FoldChoice::Fold(1), None, ui).expect("it fits");
    let mut run = RunFolder::create(&folder.path().join("run"), &config).expect("it is new");
    trainer.run(&mut run).expect("it trains");
    let bytes = std::fs::read(run.path.join("last.safetensors")).expect("written");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("as written");
    let mut all: Vec<_> = tensors.tensors().into_iter().collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let mut bytes: Vec<Vec<u8>> = all.into_iter().map(|(_, tensor)| tensor.data().to_vec()).collect();
    bytes.push(std::fs::read(run.path.join("validation.npz")).expect("written"));
    bytes
}

/// With small bindings, the batch and the pool are split over several windows, and not over the same.
#[test]
fn streamed_training_gives_the_bytes_of_resident_training() {
    for engine in [Arc::new(Engine::Cpu), common::device(), limited(Some(BINDING), None)] {
        for precision in ["engine.precision=f32", "engine.precision=mixed"] {
            let [resident, streamed] = ["resident", "streamed"].map(|features| trained(&engine, features, precision));
            let (device, limit) = (engine.describe(), engine.max_elements());
            assert!(resident == streamed, "{device}, {precision}, bindings of {limit} elements");
        }
    }
}

#[test]
fn small_bindings_make_windows() {
    let dims = Dims::new(&config(&[]), &odd_pool().widths(), 6).expect("sizes that fit");
    let windows = |rows| Windows::new(&dims, rows, BINDING as usize / 4).expect("every encoder fits").list.len();
    assert_eq!((windows(600), windows(odd_pool().clips.len())), (3, 4));
}

/// Within 1 %, as a promise; there is no reason why they should differ at all.
#[test]
fn a_plan_is_what_the_engine_allocates() {
    let ui = Ui::default().silent();
    let cases = [("resident", true), ("streamed", true), ("resident", false), ("streamed", false)];
    let precisions = ["engine.precision=f32", "engine.precision=mixed"];
    for ((features, training), precision) in
        cases.iter().flat_map(|&case| precisions.map(|precision| (case, precision)))
    {
        let engine = limited(None, None);
        let setting = format!("engine.features={features}");
        let config = config(&["train.batch=50", "adaptation.enabled=true", &setting, precision]);
        let plan = if training {
            // A trainer keeps its network to itself.
            let plan = plan_of(&engine, &config, 100);
            drop(Trainer::new(&engine, odd_pool(), &config, FoldChoice::Fold(0), None, ui).expect("it fits"));
            plan
        } else {
            let mut pool = odd_pool();
            let dims = Dims::new(&config, &pool.widths(), pool.classes.len()).expect("sizes that fit");
            let scaler = scaler(&pool);
            Network::new(&engine, &config, dims, Inputs::of(&mut pool), &scaler, 100, Mode::Inference)
                .expect("it fits")
                .fit
                .plan
        };
        let Engine::Gpu(gpu) = &*engine else { unreachable!("tests run on an adapter") };
        let (planned, found) = (plan.total(), gpu.memory.peak());
        assert!(planned.abs_diff(found) * 100 <= found, "{features}: {planned} bytes planned, {found} allocated");
    }
}

fn scaler(pool: &Pool) -> Scaler {
    Scaler::of(pool, &(0..pool.clips.len()).collect::<Vec<_>>())
}

fn plan_of(engine: &Arc<Engine>, config: &Config, capacity: usize) -> Plan {
    let pool = odd_pool();
    let dims = Dims::new(config, &pool.widths(), pool.classes.len()).expect("sizes that fit");
    let streamed = config.engine.features == blendfuse::config::FeaturePlacement::Streamed;
    let rows = if streamed { capacity } else { pool.clips.len() };
    let windows = Windows::new(&dims, rows, engine.max_elements()).expect("it fits");
    Plan::new(config, &dims, &windows, pool.clips.len(), capacity, Mode::Training, streamed)
        .expect("nothing is allocated")
}

/// The paper's 36 encoders with seven statistics of each frame feature, 2 456 training clips, batches of 64.
#[test]
fn a_paper_sized_pool_trains_in_2_gb_with_bindings_of_128_mib() {
    let plan = plan_of_preset(synth::Preset::Paper, 128 * MIB, true);
    assert!(plan.total() < 2_000_000_000, "{} bytes: {plan}", plan.total());
}

/// At most 15 % beyond weights, moments and resident features, with batches of 64.
#[test]
fn little_memory_is_needed_beyond_what_stays() {
    for preset in [synth::Preset::Small, synth::Preset::Paper] {
        let plan = plan_of_preset(preset, 2048 * MIB, false);
        let percent = 100 * plan.beyond() / (plan.total() - plan.beyond());
        println!("{preset:?}: {percent} % ({plan}); streamed: {}", plan_of_preset(preset, 2048 * MIB, true));
        assert!(percent <= 15, "{preset:?}: {percent} % ({plan})");
    }
}

/// Of a preset's 2 456 training clips, in batches of 64.
fn plan_of_preset(preset: synth::Preset, binding: u64, streamed: bool) -> Plan {
    let (clips, batch) = (2456, 64);
    let config = Config::load(None, &[]).expect("the defaults");
    let dims = Dims::new(&config, &preset.widths(), 6).expect("sizes that fit");
    let rows = if streamed { batch } else { clips };
    let windows = Windows::new(&dims, rows, (binding / 4) as usize).expect("every encoder fits");
    Plan::new(&config, &dims, &windows, clips, batch, Mode::Training, streamed).expect("nothing is allocated")
}

fn refused(engine: &Arc<Engine>, settings: &[&str]) -> String {
    let ui = Ui::default().silent();
    let made = Trainer::new(engine, odd_pool(), &config(settings), FoldChoice::Fold(0), None, ui);
    format!("{:#}", made.err().expect("it cannot fit"))
}

/// The setting that an error names is one that fits.
#[test]
fn too_little_memory_says_how_much_is_needed_for_what_and_what_would_fit() {
    let ui = Ui::default().silent();
    let needs = |settings: &[&str], capacity| plan_of(&limited(None, None), &config(settings), capacity).total();
    let (resident, streamed) = (["engine.features=resident"], ["engine.features=streamed", "train.batch=16"]);
    let batch = ["engine.features=streamed", "train.batch=300"];
    let between = needs(&resident, 16).midpoint(needs(&streamed, 16));

    let engine = limited(None, Some(between));
    let message = refused(&engine, &["engine.features=resident", "train.batch=16"]);
    for part in [
        "training needs ",
        "the device has ",
        "resident features ",
        "Adam's moments ",
        "use engine.features=streamed (",
    ] {
        assert!(message.contains(part), "expected {part:?}, found: {message}");
    }
    assert_eq!(allocated(&engine), 0, "it is told before anything is allocated");
    Trainer::new(&engine, odd_pool(), &config(&streamed), FoldChoice::Fold(0), None, ui).expect("as advised");

    let engine = limited(None, Some(between));
    let message = refused(&engine, &batch);
    let advice = message.split_once("use train.batch=").unwrap_or_else(|| panic!("no batch is named: {message}")).1;
    let size: usize = advice.split(' ').next().and_then(|size| size.parse().ok()).expect("a number");
    let advised = ["engine.features=streamed", &format!("train.batch={size}")];
    assert!(needs(&advised, size) <= between && needs(&batch, size + 1) > between, "{message}");
    Trainer::new(&engine, odd_pool(), &config(&advised), FoldChoice::Fold(0), None, ui).expect("as advised");

    let message = refused(&limited(None, Some(10_000)), &batch);
    assert!(message.contains("use a smaller model.projection or --device cpu"), "{message}");
}

#[test]
fn auto_streams_what_does_not_fit_and_says_why() {
    let fit = |engine: &Arc<Engine>| {
        let mut pool = odd_pool();
        let config = config(&["train.batch=16"]);
        let dims = Dims::new(&config, &pool.widths(), pool.classes.len()).expect("sizes that fit");
        let scaler = scaler(&pool);
        Network::new(engine, &config, dims, Inputs::of(&mut pool), &scaler, 16, Mode::Training).expect("it fits").fit
    };
    let resident = fit(&limited(None, Some(1 << 30)));
    assert!(
        resident.why.starts_with("features: resident (") && resident.why.contains(" of 1.07 GB"),
        "{}",
        resident.why
    );
    let little = limited(None, Some(resident.plan.total() - 1));
    let streamed = fit(&little);
    assert!(streamed.streamed && streamed.why.contains("since resident ones would need "), "{}", streamed.why);
    assert!(allocated(&little) < resident.plan.total());
    // Memory that others have taken: nobody knows before it is asked for.
    let shared = limited(None, Some(resident.plan.total() + 1000));
    let Engine::Gpu(gpu) = &*shared else { unreachable!("tests run on an adapter") };
    let _others = gpu.buffer::<f32>("others", 500).expect("there is room");
    let streamed = fit(&shared);
    assert!(
        streamed.streamed && streamed.why.contains("the device has no memory for resident ones"),
        "{}",
        streamed.why
    );
    let message = refused(&shared, &["engine.features=resident", "train.batch=16"]);
    for part in ["training needs ", "the device has less (", "use engine.features=streamed ("] {
        assert!(message.contains(part), "expected {part:?}, found: {message}");
    }
}
