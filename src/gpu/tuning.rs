//! Which tiles a matrix product takes: measured once per device, kernel and class of shapes, then read from the cache.

use super::tuning_cache::Cache;
use super::{Dispatch, Gpu, adapter};
use crate::gpu::tiles::{self, Tiles};
use crate::kernel::buffer::{AnyBuffer, Buffer};
use crate::kernel::step::Step;
use crate::kernel::{Grid, Kernel, Role};
use std::collections::BTreeMap;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

/// What tuning says while it works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    Warning(String),
    Detail(String),
}

/// One search: what a kernel took with each of the tiles, the fastest first.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Kernel, and outputs (columns × rows × count) rounded up to powers of two
    pub product: String,
    pub times: Vec<(&'static Tiles, Duration)>,
}

pub(super) struct Tuning {
    /// Those that the device can run; the first is taken where nothing was measured
    available: Vec<&'static Tiles>,
    chosen: BTreeMap<String, &'static Tiles>,
    search: Option<Search>,
}

struct Search {
    cache: Cache,
    report: Box<dyn Fn(Note) + Send>,
    /// Time that it may still take; `None`: as long as it needs
    left: Option<Duration>,
    /// Choices that the cache does not hold yet
    unsaved: bool,
    measured: Vec<Measured>,
}

/// A run of a kernel that is timed: long enough for the clock, and a few of them.
const RUN: Duration = Duration::from_millis(2);
const RUNS: usize = 3;

/// Features worth having where the device has them. Lavapipe's subgroups are those of a fixed size.
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
        // Made for exactly such a device
        available.sort_by_key(|tiles| tiles.subgroup.is_none());
        Self { available, chosen: BTreeMap::new(), search: None }
    }

    fn tiles_for(&self, kernel: &Kernel) -> Vec<&'static Tiles> {
        self.available.iter().copied().filter(|tiles| kernel.takes(tiles)).collect()
    }
}

impl Gpu {
    /// Tiles that this device can run and the kernel take; the first are those it has untuned.
    pub fn tiles_for(&self, kernel: &Kernel) -> Vec<&'static Tiles> {
        self.tuning().tiles_for(kernel)
    }

    /// Takes what the cache holds for this device, and measures what it does not as kernels are bound, for at most
    /// `budget`; what comes later keeps the untuned choice. Without a budget everything is measured anew.
    /// A cache that cannot be used is warned of and rebuilt.
    pub fn tune(&self, cache: Cache, budget: Option<Duration>, report: impl Fn(Note) + Send + 'static) {
        let mut chosen = match budget {
            None => BTreeMap::new(),
            Some(_) => cache.read().unwrap_or_else(|error| {
                report(Note::Warning(format!("{error:#}; it is ignored and rebuilt")));
                BTreeMap::new()
            }),
        };
        let mut tuning = self.tuning();
        chosen.retain(|_, tiles| tuning.available.contains(tiles));
        tuning.chosen = chosen;
        tuning.search =
            Some(Search { cache, report: Box::new(report), left: budget, unsaved: false, measured: Vec::new() });
    }

    /// Writes choices that the cache does not hold yet; where that fails, says so.
    pub fn keep_tuning(&self) {
        let Tuning { chosen, search: Some(search), .. } = &mut *self.tuning() else { return };
        if std::mem::take(&mut search.unsaved)
            && let Err(error) = search.cache.write(chosen)
        {
            (search.report)(Note::Warning(format!("{error:#}; tiles are measured again next time")));
        }
    }

    /// What was measured since tuning began.
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
        if let Some(tiles) = tuning.chosen.get(&product).filter(|tiles| kernel.takes(tiles)) {
            return tiles;
        }
        let Tuning { chosen, search: Some(search), .. } = &mut *tuning else { return untuned };
        search.unsaved = true;
        // What is made for exactly such a device is far ahead of the rest there: that is not worth compiling.
        let candidates: Vec<_> = available.iter().filter(|tiles| tiles.subgroup == untuned.subgroup).copied().collect();
        let begun = Instant::now();
        let times = match search.left {
            Some(Duration::ZERO) => None,
            _ => self.measure(kernel, &candidates, params, buffers, grid),
        };
        search.left = search.left.map(|left| left.saturating_sub(begun.elapsed()));
        let fastest = times.as_ref().map_or(untuned, |times| times[0].0);
        chosen.insert(product.clone(), fastest);
        if let Some(times) = times {
            (search.report)(Note::Detail(format!("tuning: {product}: {}", fastest.name)));
            search.measured.push(Measured { product, times });
        }
        fastest
    }

    /// Times of the kernel with each of the tiles, the fastest first; buffers that it updates are put back afterwards.
    /// `None` where there is no memory for a copy of them, or the device is lost.
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
        // Rows that every batch has: what a step before this one left may lie further back than these buffers reach.
        self.set_step(&Step::default());
        let mut times: Vec<(&'static Tiles, Duration)> = Vec::new();
        for &tiles in candidates {
            let dispatch = self.dispatch(kernel, tiles, params, buffers, grid);
            // The first run compiles what the driver has put off.
            self.time_of(&dispatch, 1)?;
            let once = self.time_of(&dispatch, 1)?;
            // Not worth the time of more runs
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
        let begun = Instant::now();
        self.submit(std::iter::repeat_n(dispatch, repeats));
        self.wait().ok()?;
        Some(begun.elapsed())
    }

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
