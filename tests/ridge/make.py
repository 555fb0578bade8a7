"""Makes ridge.npz: what scikit-learn's ridge regression predicts, for the test of src/analysis/ridge.rs."""

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

random = np.random.default_rng(0)
arrays = {}
for case, width in [("narrow", 9), ("wide", 70)]:
    x = (random.normal(size=(45, width)) * random.uniform(0.1, 9, width) + random.normal(size=width) * 5).astype(np.float32)
    x[:, 3] = 2.5  # a constant column
    y = random.dirichlet(np.ones(4), size=30).astype(np.float32)
    model = make_pipeline(StandardScaler(), Ridge(alpha=width)).fit(x[:30].astype(float), y.astype(float))
    arrays |= {f"{case}_x": x, f"{case}_y": y, f"{case}_predicted": model.predict(x[30:].astype(float))}
np.savez_compressed("ridge.npz", **arrays)
