"""Times blendfuse's training step in PyTorch. Prints one JSON object per line and mode.

    python benches/peers/torch_peer.py --widths 36x512 --top-n 22 --batch 64
    python benches/peers/torch_peer.py --widths 64,96,128 --top-n 2 --device gpu --mode eager-fused --mode graphs-tf32

Features are random, standardised and resident on the device; every step gathers its rows by index, goes forward and
backward, updates by Adam and clamps τ. The network, losses and optimiser are those of tools/twin, whose results the
tests hold blendfuse to.

A mode is one of eager, compile, graphs, compile-graphs, then -fused for the fused Adam, then -tf32. `compile` compiles
the gather, forward, loss and backward, and the ordinary Adam too; `graphs` captures the whole step in a CUDA graph.
"""

import time

STARTED = time.perf_counter()  # before PyTorch is loaded

import argparse
import functools
import gc
import json
import math
import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from twin.model import Network, losses, make_optimizer  # noqa: E402
from twin.settings import Settings  # noqa: E402

Step = Callable[[Tensor], Tensor]

CLASSES = 6
BATCHES = 4  # batches of features on the device; steps cycle through them, as through a pool
WARM_UP = 5  # steps before the first measurement
LEAST_SAMPLES = 5
SAMPLE = 0.02  # seconds of a sample; several short steps are timed together,
IN_FLIGHT = 32  # but at most this many
BEFORE_CAPTURE = 3  # steps on a side stream before capturing a CUDA graph, as PyTorch requires
MODES = [
    f"{base}{adam}{tf32}"
    for base in ("eager", "compile", "graphs", "compile-graphs")
    for adam in ("", "-fused")
    for tf32 in ("", "-tf32")
]


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    started = STARTED
    for mode in arguments.mode or MODES:
        reason = why_missing(mode, arguments.device)
        try:
            if reason is None:
                time_mode(mode, started, arguments)
        except Exception as error:  # a mode that PyTorch cannot run must not hide the others
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}" if str(error) else repr(error)
        if reason is not None:
            show({"peer": "torch", "mode": mode, "missing": reason})
        torch._dynamo.reset()
        gc.collect()
        started = time.perf_counter()


def why_missing(mode: str, device: str) -> str | None:
    if device == "software":
        return "PyTorch has no back end for software Vulkan drivers"
    if device == "gpu" and not torch.cuda.is_available():
        return f"torch {torch.__version__} finds no CUDA device"
    if device == "cpu" and "graphs" in mode:
        return "CUDA graphs need a CUDA device"
    if device == "cpu" and "tf32" in mode:
        return "TF32 needs a CUDA device"
    return None


def time_mode(mode: str, started: float, arguments: argparse.Namespace) -> None:
    parts = mode.split("-")
    device = torch.device("cuda" if arguments.device == "gpu" else "cpu")
    torch.set_float32_matmul_precision("high" if "tf32" in parts else "highest")
    torch.manual_seed(0)
    step = make_step(parts, device, arguments)
    batches = batches_forever(device, arguments)
    on_cuda = device.type == "cuda"
    record: dict[str, Any] = {
        "peer": "torch",
        "mode": mode,
        "device": torch.cuda.get_device_name() if on_cuda else f"{cpu_name()}, {arguments.threads} threads",
        "versions": {"torch": torch.__version__, "cuda": torch.version.cuda, "python": platform.python_version()},
        "widths": arguments.widths,
        "batch": arguments.batch,
        "step_ms": None,
        "first_step_s": None,
        "launches": None,
    }
    found = [step(next(batches)).item()]
    record["first_step_s"] = time.perf_counter() - started
    found += [step(next(batches)).item() for _ in range(1, WARM_UP)]
    if arguments.check:
        show({**record, "losses": found})
        return
    if on_cuda:
        record["launches"] = count_launches(step, batches)
    if arguments.serve:
        show(record)
    for _ in sys.stdin if arguments.serve else [""]:
        show({**record, "step_ms": measure(step, batches, device, arguments.seconds)})


def make_step(parts: list[str], device: torch.device, arguments: argparse.Namespace) -> Step:
    settings = Settings()
    settings.model.top_n = arguments.top_n
    settings.model.dropout = 0.0 if arguments.check else settings.model.dropout
    widths = parse_widths(arguments.widths)
    if not 1 <= arguments.top_n <= len(widths):
        raise SystemExit(f"--top-n {arguments.top_n}: expected 1 to {len(widths)}")
    if arguments.batch < 2:
        raise SystemExit(f"--batch {arguments.batch}: expected at least 2 rows")
    network = Network(widths, CLASSES, settings)
    set_by_formula(network)
    network.to(device).train()
    features = [
        by_formula(f"x.{k}", (BATCHES * arguments.batch, width), math.sqrt(3)).to(device)  # variance 1
        for k, width in enumerate(widths)
    ]
    y = targets(BATCHES * arguments.batch).to(device)
    compiled, captured = "compile" in parts, "graphs" in parts
    optimizer = make_optimizer(
        network, settings, fused="fused" in parts or None, capturable=device.type == "cuda" and (compiled or captured)
    )

    def forward(rows: Tensor) -> Tensor:
        return losses(network, network([x[rows] for x in features]), y[rows], settings).total

    update = optimizer.step
    if compiled:
        forward = torch.compile(forward)
        update = update if "fused" in parts else torch.compile(update)

    def step(rows: Tensor) -> Tensor:
        total = forward(rows)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        update()
        network.gate.clamp_temperature()
        return total.detach()

    return Captured(step) if captured else step


class Captured:
    """A step that is recorded once and replayed; the first few run without recording."""

    def __init__(self, step: Step) -> None:
        self.step, self.done = step, 0

    def __call__(self, rows: Tensor) -> Tensor:
        self.done += 1
        if self.done <= BEFORE_CAPTURE:
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                total = self.step(rows)
            torch.cuda.current_stream().wait_stream(side)
            return total
        if self.done == BEFORE_CAPTURE + 1:
            self.rows, self.graph = rows.clone(), torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph):
                self.total = self.step(self.rows)
        self.rows.copy_(rows)
        self.graph.replay()
        return self.total


def measure(step: Step, batches: Iterator[Tensor], device: torch.device, seconds: float) -> dict[str, float]:
    """Milliseconds per step (median and quartiles), measured for about `seconds`."""

    def sample(steps: int) -> float:
        started = time.perf_counter()
        for _ in range(steps):
            step(next(batches))
        if device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - started) / steps

    alone = min(sample(1), sample(1))
    together = min(max(int(SAMPLE / alone), 1), IN_FLIGHT)
    times, begun = [], time.perf_counter()
    while len(times) < LEAST_SAMPLES or time.perf_counter() - begun < seconds:
        times.append(1e3 * sample(together))
    q1, median, q3 = statistics.quantiles(times, n=4, method="inclusive")
    return {"median": median, "q1": q1, "q3": q3}


def count_launches(step: Step, batches: Iterator[Tensor]) -> int | None:
    """Kernels, copies and fills that the GPU runs in a step."""
    rows = next(batches)
    torch.cuda.synchronize()
    try:
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            step(rows)
            torch.cuda.synchronize()
        return sum(event.device_type == torch.autograd.DeviceType.CUDA for event in profile.events())
    except Exception as error:  # without permission to profile, the times are still valid
        print(f"launches are not counted: {error!r}", file=sys.stderr)
        return None


def batches_forever(device: torch.device, arguments: argparse.Namespace) -> Iterator[Tensor]:
    """The rows (B) of each step, from all features; uploaded as in a training loop."""
    places, done = np.arange(arguments.batch), 0
    while True:
        rows = torch.from_numpy((done * arguments.batch + places) * 7919 % (BATCHES * arguments.batch))
        yield rows.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else rows
        done += 1


def targets(rows: int) -> Tensor:
    """Soft targets (rows, C): every third row is one emotion, the others are 70/30."""
    row = np.arange(rows)
    first, blend = row % CLASSES, row % 3 != 0
    second = (first + 1 + row // CLASSES % (CLASSES - 1)) % CLASSES
    y = np.zeros((rows, CLASSES), np.float32)
    y[row, first] = np.where(blend, 0.7, 1.0)
    y[row[blend], second[blend]] = 0.3
    return torch.from_numpy(y)


@torch.no_grad()
def set_by_formula(network: Network) -> None:
    """Weights and biases of all linear layers, uniform over ±1/√inputs; batch norms and τ keep their initial values."""
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Linear):
            for tensor, values in module.named_parameters():
                values.copy_(by_formula(f"{name}.{tensor}", tuple(values.shape), module.in_features**-0.5))


def by_formula(name: str, shape: tuple[int, ...], bound: float) -> Tensor:
    """Values uniform over ±bound: a 32-bit mix (Wellons' lowbias32) of their index and the name's FNV-1a hash.
    They are identical in every peer, so that the results can be compared."""
    seed = functools.reduce(lambda hash, byte: (hash ^ byte) * 0x01000193 % 2**32, name.encode(), 0x811C9DC5)
    x = np.arange(math.prod(shape), dtype=np.uint32) + np.uint32(seed)
    x ^= x >> 16
    x *= np.uint32(0x7FEB352D)
    x ^= x >> 15
    x *= np.uint32(0x846CA68B)
    x ^= x >> 16
    values = ((x >> 8) / 2**23 - 1.0) * bound
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def parse_widths(text: str) -> list[int]:
    """Parses `64,96`, `36x512`, or a list of both forms."""
    widths = []
    for part in text.split(","):
        times, x, width = part.rpartition("x")
        try:
            widths += [int(width)] * (int(times) if x else 1)
        except ValueError:
            raise SystemExit(
                f"--widths {text}: found {part!r}, expected a width such as 512 or a repeated one such as 36x512"
            ) from None
    return widths


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "CPU"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "CPU")


def show(record: dict[str, Any]) -> None:
    print(json.dumps(record), flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--device", choices=["cpu", "software", "gpu"], default="cpu", help="gpu is CUDA (default cpu)")
    add("--mode", action="append", choices=MODES, metavar="MODE", help="may be given again (default all)")
    add("--widths", required=True, help="width of every encoder: 64,96,128 or 36x512")
    add("--top-n", type=int, required=True, help="encoders kept per row")
    add("--batch", type=int, default=64, help="rows of a step (default 64)")
    add("--seconds", type=float, default=3.0, help="time to spend on a measurement (default 3)")
    add("--threads", type=int, default=os.cpu_count() or 1, help="CPU threads (default all)")
    add("--serve", action="store_true", help="measure anew for every line on stdin; for one mode")
    add("--check", action="store_true", help="no dropout; losses of the first steps instead of times")
    return parser.parse_args()


if __name__ == "__main__":
    main()
