//! Choice of the tiles of matrix products: measured once per device, kernel and size class, then read from the cache.

use super::tuning_cache::Cache;
use super::{Dispatch, Gpu, adapter};
use crate::gpu::tiles::{self, Tiles};
use crate::kernel::buffer::{AnyBuffer, Buffer};
use crate::kernel::step::Step;
use crate::kernel::{Grid, Kernel, Role};
use std::collections::BTreeMap;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

/// A message of the tuner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The cache cannot be used
    Warning(String),
    /// A choice was made
    Detail(String),
}

/// The times of a product with all tiles, the fastest first.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Kernel, and outputs (columns × rows × count) rounded up to powers of two
    pub product: String,
    /// Of one run each
    pub times: Vec<(&'static Tiles, Duration)>,
}

pub(super) struct Tuning {
    /// Tiles that the device supports; the first is the default without measurements
    available: Vec<&'static Tiles>,
    chosen: BTreeMap<String, &'static Tiles>,
    search: Option<Search>,
}

struct Search {
    cache: Cache,
    report: Box<dyn Fn(Note) + Send>,
    /// Time left for measurements; `None`: unlimited
    left: Option<Duration>,
    /// `chosen` differs from the cache file
    unsaved: bool,
    measured: Vec<Measured>,
}

/// Duration of a timed run of repeated dispatches, long enough for the clock's resolution.
const RUN: Duration = Duration::from_millis(2);

/// Timed runs, of which the fastest counts.
const RUNS: usize = 3;

/// Optional features that some tiles use on this adapter. Only lavapipe has subgroups of a fixed size.
pub(super) fn features(info: &wgpu::AdapterInfo) -> wgpu::Features {
    let wanted = tiles::ALL.iter().any(|tiles| suits(tiles, info) && tiles.subgroup.is_some());
    if wanted { wgpu::Features::SUBGROUP } else { wgpu::Features::empty() }
}

fn suits(tiles: &Tiles, info: &wgpu::AdapterInfo) -> bool {
    let sizes = [info.subgroup_min_size, info.subgroup_max_size];
    tiles.subgroup.is_none_or(|size| adapter::is_software(info) && sizes == [size, size])
}

impl Tuning {
    pub(super) fn new(info: &wgpu::AdapterInfo, features: wgpu::Features) -> Self {
        let runs = |tiles: &&Tiles| {
            suits(tiles, info) && (tiles.subgroup.is_none() || features.contains(wgpu::Features::SUBGROUP))
        };
        let mut available: Vec<_> = tiles::ALL.iter().filter(runs).collect();
        // Tiles with a subgroup size were written for exactly such devices: they come first.
        available.sort_by_key(|tiles| tiles.subgroup.is_none());
        Self { available, chosen: BTreeMap::new(), search: None }
    }

    fn tiles_for(&self, kernel: &Kernel) -> Vec<&'static Tiles> {
        self.available.iter().copied().filter(|tiles| kernel.supports(tiles)).collect()
    }
}

impl Gpu {
    /// Tiles that both the device and the kernel support, the default first.
    pub fn tiles_for(&self, kernel: &Kernel) -> Vec<&'static Tiles> {
        self.tuning().tiles_for(kernel)
    }

    /// Reads the cached choices for this device, and measures missing ones while kernels are bound, for at most `budget` in
    /// total; later products use the default tiles. Without a budget, ignores the cache and measures every product.
    /// Reports a warning for an unusable cache and rebuilds it.
    pub fn tune(&self, cache: Cache, budget: Option<Duration>, report: impl Fn(Note) + Send + 'static) {
        let mut chosen = match budget {
            None => BTreeMap::new(),
            Some(_) => cache.read().unwrap_or_else(|error| {
                report(Note::Warning(format!("{error:#}; ignoring and rebuilding it")));
                BTreeMap::new()
            }),
        };
        let mut tuning = self.tuning();
        chosen.retain(|_, tiles| tuning.available.contains(tiles));
        tuning.chosen = chosen;
        tuning.search =
            Some(Search { cache, report: Box::new(report), left: budget, unsaved: false, measured: Vec::new() });
    }

    /// Writes new choices to the cache; reports a warning if that fails.
    pub fn save_tuning(&self) {
        let Tuning { chosen, search: Some(search), .. } = &mut *self.tuning() else { return };
        if std::mem::take(&mut search.unsaved)
            && let Err(error) = search.cache.write(chosen)
        {
            (search.report)(Note::Warning(format!("{error:#}; the next run measures the tiles again")));
        }
    }

    /// All measurements since [`Gpu::tune`] was called.
    pub fn measured(&self) -> Vec<Measured> {
        self.tuning().search.as_ref().map(|search| search.measured.clone()).unwrap_or_default()
    }

    fn tuning(&self) -> MutexGuard<'_, Tuning> {
        self.tuning.lock().expect("no panic while tuning")
    }

    pub(super) fn choose_tiles(
        &self,
        kernel: &'static Kernel,
        params: &wgpu::Buffer,
        buffers: &[AnyBuffer],
        grid: Grid,
    ) -> &'static Tiles {
        let mut tuning = self.tuning();
        let available = tuning.tiles_for(kernel);
        let untuned = available[0];
        let Grid::Tiles(outputs) = grid else { return untuned };
        let [columns, rows, count] = outputs.map(usize::next_power_of_two);
        let product = format!("{} {columns}x{rows}x{count}", kernel.name);
        if let Some(tiles) = tuning.chosen.get(&product).filter(|tiles| kernel.supports(tiles)) {
            return tiles;
        }
        let Tuning { chosen, search: Some(search), .. } = &mut *tuning else { return untuned };
        search.unsaved = true;
        // Tiles written for a subgroup size are far faster on such devices: the others are not worth compiling.
        let candidates: Vec<_> = available.iter().filter(|tiles| tiles.subgroup == untuned.subgroup).copied().collect();
        let start = Instant::now();
        let times = match search.left {
            Some(Duration::ZERO) => None,
            _ => self.measure(kernel, &candidates, params, buffers, grid),
        };
        search.left = search.left.map(|left| left.saturating_sub(start.elapsed()));
        let fastest = times.as_ref().map_or(untuned, |times| times[0].0);
        chosen.insert(product.clone(), fastest);
        if let Some(times) = times {
            (search.report)(Note::Detail(format!("tuning: {product}: {}", fastest.name)));
            search.measured.push(Measured { product, times });
        }
        fastest
    }

    /// Measures the kernel with each of the tiles, and returns the times, the fastest first; restores the buffers that it
    /// updates. `None` if there is no memory for a copy of those buffers, or the device is lost.
    fn measure(
        &self,
        kernel: &'static Kernel,
        candidates: &[&'static Tiles],
        params: &wgpu::Buffer,
        buffers: &[AnyBuffer],
        grid: Grid,
    ) -> Option<Vec<(&'static Tiles, Duration)>> {
        let updated = kernel.slots.iter().zip(buffers).filter(|(slot, _)| slot.role == Role::Update);
        let saved: Vec<_> = updated.map(|(_, buffer)| self.saved(buffer)).collect::<Option<_>>()?;
        self.copy(saved.iter().map(|(buffer, copy)| (buffer, copy.gpu())));
        // A previous step's first row may lie beyond the end of these buffers.
        self.set_step(&Step::default());
        let mut times: Vec<(&'static Tiles, Duration)> = Vec::new();
        for &tiles in candidates {
            let dispatch = self.dispatch(kernel, tiles, params, buffers, grid);
            // The first run includes compilation that the driver deferred.
            self.time_of(&dispatch, 1)?;
            let once = self.time_of(&dispatch, 1)?;
            // Far slower than the best: no further runs
            if times.iter().any(|&(_, best)| once > 2 * best) {
                times.push((tiles, once));
                continue;
            }
            let repeats = (RUN.as_secs_f64() / once.as_secs_f64()).clamp(1.0, 64.0) as usize;
            let runs: Vec<_> = (0..RUNS).map(|_| self.time_of(&dispatch, repeats)).collect::<Option<_>>()?;
            times.push((tiles, runs.into_iter().min()? / repeats as u32));
        }
        self.copy(saved.iter().map(|(buffer, copy)| (copy.gpu(), buffer)));
        times.sort_by_key(|&(_, time)| time);
        Some(times)
    }

    fn time_of(&self, dispatch: &Dispatch, repeats: usize) -> Option<Duration> {
        let start = Instant::now();
        self.submit(std::iter::repeat_n(dispatch, repeats));
        self.wait().ok()?;
        Some(start.elapsed())
    }

    /// The buffer, and an uninitialised copy of its size.
    fn saved(&self, buffer: &AnyBuffer) -> Option<(wgpu::Buffer, Buffer<u32>)> {
        Some((buffer.gpu().clone(), self.buffer("tuning", buffer.len()).ok()?))
    }

    fn copy<'a>(&self, pairs: impl Iterator<Item = (&'a wgpu::Buffer, &'a wgpu::Buffer)>) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        for (from, to) in pairs {
            encoder.copy_buffer_to_buffer(from, 0, to, 0, from.size());
        }
        self.queue.submit([encoder.finish()]);
    }
}
