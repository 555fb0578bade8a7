"""Training on a pool: all folds but one, validation on that one; Adam, plateau schedule, early stopping."""

import copy
import math
import time
from pathlib import Path
from typing import Iterator

import numpy as np
import torch
from torch import Tensor

from . import decode
from .model import Network, losses, make_optimizer, train_step
from .pool import CLASSES, Pool, read_pool
from .settings import Settings


def run(data: Path, folds: list[int], device: torch.device, settings: Settings) -> None:
    pool = read_pool(data)
    print(f"{len(pool.encoders)} encoders, {len(pool.folds)} clips, n = {settings.model.kept(len(pool.encoders))}")
    print("fold  presence  salience  alpha   beta  best epoch  validation loss  seconds")
    results, validation_losses = [], []
    for fold in folds:
        started = time.perf_counter()
        validation = pool.folds == fold
        if not validation.any():
            raise SystemExit(f"fold {fold}: found no clip of it, expected one of {sorted(set(pool.folds.tolist()))}")
        presence, salience, epoch, loss = fit(pool, validation, device, settings)
        result = decode.search(decode.scores(presence, salience), pool.salience[validation])
        seconds = time.perf_counter() - started
        print(
            f"{fold:4}  {result.presence:8.3f}  {result.salience:8.3f}  {result.alpha:5.3f}  {result.beta:5.3f}"
            f"  {epoch:10}  {loss:15.4f}  {seconds:7.1f}",
            flush=True,
        )
        results.append(result)
        validation_losses.append(loss)
    if len(results) > 1:
        for name, values in (
            ("presence", [result.presence for result in results]),
            ("salience", [result.salience for result in results]),
            ("validation loss", validation_losses),
        ):
            print(f"{name}: {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} (sample std over folds)")


def fit(
    pool: Pool, validation: np.ndarray, device: torch.device, settings: Settings
) -> tuple[np.ndarray, np.ndarray, int, float]:
    """Both heads' logits on the validation rows with the best weights, the best epoch and its validation loss."""
    torch.manual_seed(settings.train.seed)
    shuffler = torch.Generator().manual_seed(settings.train.seed)
    network = Network([x.shape[1] for x in pool.train], len(CLASSES), settings)
    for standardize, x in zip(network.standardize, pool.train, strict=True):
        standardize.fit(torch.from_numpy(x[~validation]))
    network.to(device)

    def features(arrays: list[np.ndarray]) -> list[Tensor]:
        return network.standardized([torch.from_numpy(x).to(device) for x in arrays])

    y = torch.from_numpy(pool.salience / 100).float().to(device)
    training, training_y = features([x[~validation] for x in pool.train]), y[torch.from_numpy(~validation)]
    held_out, held_out_y = features([x[validation] for x in pool.train]), y[torch.from_numpy(validation)]
    targets = target_batches(features(pool.test), shuffler, settings) if settings.adaptation.enabled else None

    optimizer = make_optimizer(network, settings)
    plateau = settings.train.plateau
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "min", plateau.factor, plateau.patience, plateau.threshold, min_lr=plateau.min_lr
    )
    best_loss, best_epoch, best_weights = math.inf, 0, copy.deepcopy(network.state_dict())
    steps = 0
    for epoch in range(settings.train.max_epochs):
        start_epoch(network, epoch, settings)
        network.train()
        for rows in batches(len(training_y), settings.train.shuffle, shuffler, settings):
            taken = [x[rows] for x in training]
            if targets is not None:
                taken = [torch.cat(pair) for pair in zip(taken, next(targets), strict=True)]
            reversal = reversal_at(steps * settings.train.batch / len(training_y), settings)
            train_step(network, optimizer, taken, training_y[rows], settings, reversal)
            steps += 1
            if steps == settings.train.max_steps:
                break
        network.eval()
        with torch.no_grad():
            loss = losses(network, network(held_out), held_out_y, settings).total.item()
        scheduler.step(loss)
        if loss < best_loss - settings.train.min_delta:
            best_loss, best_epoch, best_weights = loss, epoch, copy.deepcopy(network.state_dict())
        if epoch - best_epoch >= settings.train.patience or steps == settings.train.max_steps:
            break
    network.load_state_dict(best_weights)
    with torch.no_grad():
        output = network(held_out)
    return output.presence.double().cpu().numpy(), output.salience.double().cpu().numpy(), best_epoch, best_loss


def start_epoch(network: Network, epoch: int, settings: Settings) -> None:
    """The dropout rate and the annealed temperature of this epoch."""
    sizes, limits = settings.model, settings.model.temperature
    warmup = sizes.dropout_warmup_epochs
    network.dropout = sizes.dropout * (min(1.0, epoch / warmup) if warmup else 1.0)
    if limits.mode == "anneal":
        done = epoch / max(1, settings.train.max_epochs - 1)
        network.gate.temperature.fill_(limits.max + (limits.min - limits.max) * done)


def batches(rows: int, shuffle: bool, shuffler: torch.Generator, settings: Settings) -> Iterator[Tensor]:
    """Row numbers of one epoch; a last batch of fewer than 2 rows is dropped."""
    order = torch.randperm(rows, generator=shuffler) if shuffle else torch.arange(rows)
    return (batch for batch in order.split(settings.train.batch) if len(batch) >= 2)


def target_batches(features: list[Tensor], shuffler: torch.Generator, settings: Settings) -> Iterator[list[Tensor]]:
    """Unlabelled rows for every step, repeated endlessly."""
    if len(features[0]) < 2:
        raise SystemExit("adaptation: found no unlabelled clips, expected features of a test split; add them")
    while True:
        for rows in batches(len(features[0]), True, shuffler, settings):
            yield [x[rows] for x in features]


def reversal_at(epochs_done: float, settings: Settings) -> float:
    """The reversal weight, constant or on DANN's schedule over all epochs."""
    reversal = settings.adaptation.reversal
    if settings.adaptation.schedule == "dann":
        reversal *= 2 / (1 + math.exp(-10 * epochs_done / settings.train.max_epochs)) - 1
    return reversal
