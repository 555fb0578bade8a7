"""Writes sklearn.json: random scores and labels with the values of scikit-learn's metrics on them.

    python tests/metrics/make.py > tests/metrics/sklearn.json

ECE has no scikit-learn function: the fifteen equal-width bins are written out here in numpy. Soft log loss is
scipy.stats.entropy(target) + KL(target, scores), which is the cross-entropy.
"""

import json
import sys

import numpy as np
import scipy
import sklearn
from scipy.stats import entropy
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss


def ece(scores, hits, bins=15):
    top = scores.max(axis=1)
    place = np.minimum((top * bins).astype(int), bins - 1)
    gaps = [(place == b).mean() * abs(hits[place == b].mean() - top[place == b].mean()) for b in set(place)]
    return float(sum(gaps))


def case(name, rng, n, classes, shown, blends, sharpness):
    """`shown`: classes that occur; `blends`: share of soft labels."""
    truth = rng.choice(shown, size=n)
    target = np.zeros((n, classes))
    target[np.arange(n), truth] = 1
    for row in np.flatnonzero(rng.random(n) < blends):
        other = rng.choice([c for c in shown if c != truth[row]])
        target[row, truth[row]], target[row, other] = 0.7, 0.3
    logits = rng.normal(size=(n, classes)) + sharpness * target
    scores = np.exp(logits)
    # What the program reads is f32; the expected values are of those very numbers.
    scores = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32).astype(np.float64)
    target = target.astype(np.float32).astype(np.float64)
    predicted = scores.argmax(axis=1)
    expected = {
        "accuracy": accuracy_score(truth, predicted),
        "uar": balanced_accuracy_score(truth, predicted),
        "macro_f1": f1_score(truth, predicted, average="macro", zero_division=0),
        "log_loss": float(np.mean([entropy(t) + entropy(t, s / s.sum()) for t, s in zip(target, scores)])),
        "ece": ece(scores, (truth == predicted).astype(float)),
    }
    if blends == 0:
        hard = log_loss(truth, scores, labels=list(range(classes)))
        assert abs(hard - expected["log_loss"]) < 1e-6, (hard, expected["log_loss"])
        expected["log_loss"] = hard
    return {"name": name, "scores": scores.tolist(), "targets": target.tolist(), "expected": expected}


rng = np.random.default_rng(7)
cases = [
    case("balanced", rng, 60, 4, [0, 1, 2, 3], 0.0, 2.0),
    case("a class that never occurs is predicted", rng, 40, 5, [0, 2, 4], 0.0, 1.0),
    case("soft labels", rng, 50, 3, [0, 1, 2], 0.5, 3.0),
    case("sure and right", rng, 30, 3, [0, 1, 2], 0.0, 9.0),
]
made = f"tests/metrics/make.py, scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, numpy {np.__version__}"
json.dump({"made_by": made, "cases": cases}, sys.stdout)
print()
