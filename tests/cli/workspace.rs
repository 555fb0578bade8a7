//! A folder for one test, the program run in it, and its files read back without help from the library.

use assert_cmd::Command;
use blendfuse::data::npz::NpzReader;
use ndarray::Array2;
use safetensors::SafeTensors;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A network that trains in milliseconds: P = 16, A = 8, F = 24, H = 12, three epochs.
pub const SMALL: &str = "--set model.projection=16 --set model.gate_hidden=8 --set model.fused=24 \
                         --set model.head_hidden=12 --set train.max_epochs=3";

/// Caches stay out of the user's home, but from one test run to the next. Mesa has a place of its own, so that tests
/// with another tuning cache need not compile every kernel anew.
const CACHES: [(&str, &str); 3] = [
    ("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")),
    ("LOCALAPPDATA", env!("CARGO_TARGET_TMPDIR")),
    ("MESA_SHADER_CACHE_DIR", env!("CARGO_TARGET_TMPDIR")),
];

/// Commands are lines as one would type them: words between spaces, paths relative to this folder.
pub struct Workspace {
    folder: TempDir,
}

/// What a command said.
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A command under way, killed when it is dropped.
pub struct Running(std::process::Child);

impl Running {
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A checkpoint as any reader of safetensors sees it.
pub struct Checkpoint {
    pub metadata: BTreeMap<String, String>,
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Workspace {
    pub fn empty() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// With a tiny synthetic pool in `pool`: 486 training clips in five folds, 135 test clips, 8 encoders.
    pub fn with_pool() -> Self {
        let workspace = Self::empty();
        workspace.ok("synth --out pool --preset tiny");
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program; `variables` are added to its environment.
    pub fn run_with(&self, line: &str, variables: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blendfuse"));
        command.current_dir(self.folder.path()).args(line.split_whitespace());
        Said::of(command.envs(CACHES).envs(variables.iter().copied()).output().unwrap())
    }

    pub fn run(&self, line: &str) -> Said {
        self.run_with(line, &[])
    }

    /// Runs a command that succeeds.
    pub fn ok(&self, line: &str) -> Said {
        let said = self.run(line);
        assert_eq!(said.code, 0, "blendfuse {line}\n{}{}", said.stdout, said.stderr);
        said
    }

    /// Runs a command and kills it as soon as a file is there.
    pub fn kill_when(&self, line: &str, file: &str) {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_blendfuse"));
        command.current_dir(self.folder.path()).arg("-q").args(line.split_whitespace()).envs(CACHES);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !self.path(file).exists() && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(self.path(file).exists(), "blendfuse {line}: no {file} in a minute");
    }

    /// Trains until a state with its best weights was saved, and kills the process before the run has ended. `line` trains into `run`.
    pub fn kill_after_a_save(&self, line: &str, run: &str) {
        // A machine under load may look away until a run has ended.
        for attempt in 0.. {
            self.kill_when(line, &format!("{run}/model.safetensors"));
            let _ = fs::remove_file(self.path(&format!("{run}/.training"))); // its claim, released with it
            if !self.path(&format!("{run}/summary.json")).exists() {
                return;
            }
            assert!(attempt < 20, "the run always ended before it could be killed");
            fs::remove_dir_all(self.path(run)).unwrap();
        }
    }

    /// Starts a command and waits until `file` is there.
    pub fn start(&self, line: &str, variables: &[(&str, &str)], file: &str) -> Running {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_blendfuse"));
        command.current_dir(self.folder.path()).args(line.split_whitespace()).envs(CACHES);
        command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Running(command.spawn().unwrap());
        let begun = Instant::now();
        while !self.path(file).exists() {
            assert!(running.0.try_wait().unwrap().is_none(), "blendfuse {line}: ended without {file}");
            assert!(begun.elapsed() < Duration::from_secs(60), "blendfuse {line}: no {file} in a minute");
            std::thread::sleep(Duration::from_millis(2));
        }
        running
    }

    /// Runs a command while `meanwhile` is given the id of its process.
    pub fn run_while(&self, line: &str, meanwhile: impl FnOnce(u32)) -> Said {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_blendfuse"));
        command.current_dir(self.folder.path()).args(line.split_whitespace()).envs(CACHES);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        meanwhile(child.id());
        Said::of(child.wait_with_output().unwrap())
    }

    /// Trains a [`SMALL`] network on `pool`.
    pub fn train(&self, device: &str, more: &str) -> Said {
        self.ok(&format!("train --data pool --device {device} {SMALL} {more}"))
    }

    /// Runs a command that fails: exit code 1, one line with all of `messages` and its causes, and no file written,
    /// changed or left behind.
    pub fn fails(&self, line: &str, messages: &[&str]) {
        self.fails_with(line, &[], messages);
    }

    pub fn fails_with(&self, line: &str, variables: &[(&str, &str)], messages: &[&str]) {
        let before = self.files();
        let said = self.run_with(&format!("-q {line}"), variables);
        said.is_failure(line, messages);
        assert_eq!(said.stdout, "", "blendfuse {line}: results of a command that failed");
        let after = self.files();
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&after), names(&before), "blendfuse {line}: files that came or went");
        assert!(after == before, "blendfuse {line}: a file was changed");
    }

    /// Every file and folder below this one; folders have no bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let is_folder = path.is_dir();
                files.insert(path.clone(), if is_folder { Vec::new() } else { fs::read(&path).unwrap() });
                folders.extend(is_folder.then_some(path));
            }
        }
        files
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.bytes(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The lines of a run's `metrics.jsonl`.
    pub fn log(&self, run: &str) -> Vec<Value> {
        let text = self.text(&format!("{run}/metrics.jsonl"));
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    pub fn matrix(&self, npz: &str, array: &str) -> Array2<f32> {
        NpzReader::open(&self.path(npz)).unwrap().matrix(array).unwrap()
    }

    pub fn strings(&self, npz: &str, array: &str) -> Vec<String> {
        NpzReader::open(&self.path(npz)).unwrap().strings(array).unwrap()
    }

    pub fn checkpoint(&self, name: &str) -> Checkpoint {
        Checkpoint::read(&self.path(name))
    }

    /// Rows of a metadata file, by column.
    pub fn table(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        csv::Reader::from_path(self.path(name)).unwrap().deserialize().map(Result::unwrap).collect()
    }

    pub fn copy(&self, from: &str, to: &str) {
        for (path, bytes) in self.files() {
            let Ok(inside) = path.strip_prefix(self.path(from)) else { continue };
            let target = self.path(to).join(inside);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            if path.is_file() {
                fs::write(target, bytes).unwrap();
            }
        }
    }
}

impl Said {
    fn of(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        let code = output.status.code().expect("it exits by itself");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Exit code 1; on stderr, after the device where one was opened, `error: ` and one line, then `  because: ` lines at
    /// most; every message among them.
    pub fn is_failure(&self, line: &str, messages: &[&str]) {
        assert_eq!(self.code, 1, "blendfuse {line}\n{}{}", self.stdout, self.stderr);
        let lines: Vec<&str> = self.progress().collect();
        let readable = lines[0].starts_with("error: ") && lines[1..].iter().all(|line| line.starts_with("  because: "));
        assert!(readable, "blendfuse {line}: expected one line and its causes, found\n{}", self.stderr);
        for message in messages {
            assert!(self.stderr.contains(message), "blendfuse {line}: expected {message:?} in\n{}", self.stderr);
        }
    }

    /// Lines on stderr without that of the device.
    pub fn progress(&self) -> impl Iterator<Item = &str> {
        self.stderr.lines().filter(|line| !line.starts_with("device: "))
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {}", self.stdout))
    }
}

impl Checkpoint {
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let values = |view: &safetensors::tensor::TensorView| {
            assert_eq!(view.dtype(), safetensors::Dtype::F32);
            (view.shape().to_vec(), bytemuck::pod_collect_to_vec(view.data()))
        };
        Self {
            metadata: header.metadata().clone().unwrap().into_iter().collect(),
            tensors: file.tensors().iter().map(|(name, view)| (name.clone(), values(view))).collect(),
        }
    }

    pub fn values(&self, tensor: &str) -> &[f32] {
        &self.tensors[tensor].1
    }

    pub fn is_finite(&self) -> bool {
        self.tensors.values().all(|(_, values)| values.iter().all(|value| value.is_finite()))
    }
}

/// `--device` of an adapter: `BLENDFUSE_TEST_DEVICE`, else software, else hardware. Panics where there is none: a test
/// that cannot run has not passed.
pub fn adapter() -> &'static str {
    static ADAPTER: OnceLock<String> = OnceLock::new();
    ADAPTER.get_or_init(|| {
        if let Ok(device) = std::env::var("BLENDFUSE_TEST_DEVICE") {
            return device;
        }
        let devices = Workspace::empty().ok("devices --json").json();
        let adapters = devices["adapters"].as_array().unwrap();
        let first = adapters.iter().find(|adapter| adapter["software"] == true).or(adapters.first());
        match first {
            Some(adapter) => format!("gpu:{}", adapter["index"]),
            None => panic!("these tests need an adapter; run tools/test, which installs one"),
        }
    })
}

/// a (N, K) sums to 1 over all encoders, orders them as w (N, K) does, and is w divided by its sum over the n that are kept.
pub fn is_preselection(a: &Array2<f32>, w: &Array2<f32>, n: usize) {
    assert_eq!(a.dim(), w.dim());
    for (a, w) in a.rows().into_iter().zip(w.rows()) {
        assert!((a.sum() - 1.0).abs() < 1e-5 && a.iter().all(|a| *a > 0.0), "{a}");
        let kept = |k: &usize| w[*k] > 0.0;
        let (inside, outside): (Vec<usize>, Vec<usize>) = (0..a.len()).partition(kept);
        assert_eq!(inside.len(), n);
        let total: f32 = inside.iter().map(|&k| a[k]).sum();
        assert!(inside.iter().all(|&k| (w[k] - a[k] / total).abs() < 1e-6), "{a} and {w}");
        assert!(inside.iter().all(|&i| outside.iter().all(|&o| a[i] >= a[o])), "{a} and {w}");
    }
}
