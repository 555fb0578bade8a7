"""A pool folder as arrays: features matched by clip name to the labels of train_metadata.csv."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLASSES = ("ang", "disg", "fea", "hap", "sad", "neu")


@dataclass
class Pool:
    """Labelled clips in metadata order, and the unlabelled ones that have features."""

    encoders: list[str]  # K names, sorted
    train: list[np.ndarray]  # K times (N, D_k) f32
    test: list[np.ndarray]  # K times (N_test, D_k) f32
    salience: np.ndarray  # (N, C) in percent, rows sum to 100
    folds: np.ndarray  # (N,)


def read_pool(folder: Path) -> Pool:
    """features/<encoder>.npz with both splits, or features/train/ and features/test/; encoders.toml is not read."""
    with open(folder / "train_metadata.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [row["filename"] for row in rows]
    features = folder / "features"
    encoders = sorted({path.stem for path in [*features.glob("*.npz"), *features.glob("train/*.npz")]})
    if not encoders:
        raise SystemExit(f"{features}: found no .npz file, expected one per encoder")
    by_clip = [read_features(features, encoder) for encoder in encoders]
    unlabelled = sorted(set.intersection(*(set(clips) for clips in by_clip)) - set(names))
    for encoder, clips in zip(encoders, by_clip):
        if missing := [name for name in names if name not in clips]:
            raise SystemExit(f"{encoder}: found no row for {len(missing)} clips, first {missing[0]}; add them")
    return Pool(
        encoders,
        [np.stack([clips[name] for name in names]) for clips in by_clip],
        [np.stack([clips[name] for name in unlabelled]) if unlabelled else np.empty((0, 0)) for clips in by_clip],
        np.stack([salience_of(row) for row in rows]),
        np.array([int(float(row["fold"])) for row in rows]),
    )


def read_features(folder: Path, encoder: str) -> dict[str, np.ndarray]:
    clips: dict[str, np.ndarray] = {}
    for path in (folder / f"{encoder}.npz", folder / "train" / f"{encoder}.npz", folder / "test" / f"{encoder}.npz"):
        if path.exists():
            with np.load(path, allow_pickle=False) as arrays:
                clips |= zip(arrays["filenames"].tolist(), arrays["X"].astype(np.float32), strict=True)
    return clips


def salience_of(row: dict[str, str]) -> np.ndarray:
    """(C,) percent of each emotion: 100 for a single one, the two saliences for a blend."""
    salience = np.zeros(len(CLASSES))
    if row["mix"] in ("1", "1.0", "True", "true"):
        for place in ("emotion_1", "emotion_2"):
            salience[CLASSES.index(row[place])] = float(row[f"{place}_salience"])
    else:
        salience[CLASSES.index(row["emotion_1"])] = 100.0
    return salience
