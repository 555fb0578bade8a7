"""Scores to emotions and salience by the official rule, the two metrics, and the search for both thresholds."""

from typing import NamedTuple

import numpy as np

from .pool import CLASSES

NEUTRAL = CLASSES.index("neu")
GRID = np.linspace(0.05, 0.95, 20)


class Result(NamedTuple):
    alpha: float
    beta: float
    presence: float
    salience: float

    @property
    def score(self) -> float:
        return (self.presence + self.salience) / 2


def scores(presence: np.ndarray, salience: np.ndarray, gamma: float = 1.0, epsilon: float = 1e-6) -> np.ndarray:
    """Computes scores (N, C), whose rows sum to 1, from the logits of both heads (N, C)."""
    present = 1 / (1 + np.exp(-presence))
    salient = np.exp(salience - salience.max(axis=1, keepdims=True))
    salient /= salient.sum(axis=1, keepdims=True)
    product = present * (salient + epsilon) ** gamma
    return product / product.sum(axis=1, keepdims=True)


def search(scores: np.ndarray, truth: np.ndarray) -> Result:
    """The thresholds with the best mean of both metrics; of equal ones the first in grid order."""
    results = (Result(a, b, *metrics(decode(scores, a, b), truth)) for a in GRID for b in GRID)
    return max(results, key=lambda result: result.score)


def decode(scores: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    """Decides scores (N, C): percent per class (N, C)."""
    rows = np.arange(len(scores))
    first, second = np.argsort(-scores, axis=1, kind="stable")[:, :2].T
    top, next_ = scores[rows, first], scores[rows, second]
    neutral_wins = (first == NEUTRAL) & (top > next_)
    blend = (top >= alpha) & (next_ >= alpha) & (first != NEUTRAL) & (second != NEUTRAL)
    # If neutral and another emotion tie, the other wins, even if neutral comes first.
    tie_with_neutral = (top >= alpha) & (first == NEUTRAL) & ~neutral_wins & (next_ >= alpha)
    decided = np.zeros_like(scores)
    decided[rows, np.where(tie_with_neutral, second, first)] = 100
    share = np.where(top - next_ <= beta, 50, 70)
    decided[rows[blend], first[blend]] = share[blend]
    decided[rows[blend], second[blend]] = 100 - share[blend]
    return decided


def metrics(decided: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """ACC_presence over all clips, ACC_salience over those whose truth has two emotions; both inputs (N, C) percent."""
    presence = ((decided > 0) == (truth > 0)).all(axis=1)
    blends = (truth > 0).sum(axis=1) == 2
    salience = (decided[blends] == truth[blends]).all(axis=1)
    return float(presence.mean()), float(salience.mean()) if blends.any() else 0.0
