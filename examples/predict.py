"""Scores of a blendfuse model with numpy alone: python3 predict.py RUN/model.safetensors FEATURES SCORES.npz

FEATURES is a folder of the test clips' <encoder>.npz files. Writes filenames, scores (N, C) and w (N, K). Every clip needs
a row in every file: a clip that lacks one is an error (`blendfuse predict --missing mask` scores it)."""
import json, sys
import numpy as np

# The tensors of the file by name, the encoders and the configuration.
data = open(sys.argv[1], "rb").read()
start = 8 + int.from_bytes(data[:8], "little")
front = json.loads(data[8:start])
encoders, config = (json.loads(front["__metadata__"][key]) for key in ("encoders", "config"))
tensor = lambda first, end, shape: np.frombuffer(data[start + first : start + end], "<f4").astype(float).reshape(shape)
t = {name: tensor(*about["data_offsets"], about["shape"]) for name, about in front.items() if name != "__metadata__"}

# The features x_k (N, D_k), clips sorted by name.
names = config["data"]["encoders"] if config["data"]["concatenate"] else [encoder["name"] for encoder in encoders]
files = [np.load(f"{sys.argv[2]}/{name}.npz") for name in names]
clips = np.sort(files[0]["filenames"])
if not all(np.array_equal(np.sort(file["filenames"]), clips) for file in files):
    sys.exit("some clips lack an encoder, expected each in every file; use `blendfuse predict --missing mask`")
xs = [file["X"][np.argsort(file["filenames"])].astype(float) for file in files]
xs = [np.hstack(xs)] if config["data"]["concatenate"] else xs

# The formulas, line by line.
relu = lambda x: np.maximum(x, 0)
softmax = lambda u: np.exp(u - u.max(1, keepdims=True)) / np.exp(u - u.max(1, keepdims=True)).sum(1, keepdims=True)
linear = lambda x, name: x @ t[name + ".weight"].T + t.get(name + ".bias", 0)
two_layers = lambda x, name: linear(relu(linear(x, name + ".0")), name + ".1")
bn = lambda x, n: (x - t[n + ".running_mean"]) / np.sqrt(t[n + ".running_var"] + 1e-5) * t[n + ".weight"] + t[n + ".bias"]
model, decode, N, K = config["model"], config["decode"], len(clips), len(xs)
own = config["data"].get("standardize") == "per_split"  # test clips by their own mean and standard deviation
mean = [x.mean(0) if own else t[f"standardize.{k}.mean"] for k, x in enumerate(xs)]
std = [np.where(x.std(0) > 0, x.std(0), 1) if own else t[f"standardize.{k}.std"] for k, x in enumerate(xs)]
h = np.stack([relu(bn(linear((xs[k] - mean[k]) / std[k], f"project.{k}"), f"norm.{k}")) for k in range(K)], 1)
n = int(22 / 36 * K + 0.5) if model["top_n"] == "auto" else model["top_n"]
u = two_layers(h.reshape(N, -1), "gate") if model["attention"] == "gate" else np.zeros((N, K))
if model["attention"] == "gate":
    np.put_along_axis(u, np.argsort(-u, 1, kind="stable")[:, max(n, 1) :], -np.inf, 1)
w = softmax(u / t.get("gate.temperature", 1))
q = h.mean(1) if model["attention"] == "mean" else (w[:, :, None] * h).reshape(N, -1)
z = relu(bn(linear(q, "fuse"), "fuse_norm") if "fuse_norm.weight" in t else linear(q, "fuse"))
r = softmax(two_layers(z, "salience" if model["heads"] == "dual" else "presence"))
s = (r + decode["epsilon"]) ** decode["gamma"] / (1 + np.exp(-two_layers(z, "presence")))
np.savez(sys.argv[3], filenames=clips, scores=s / s.sum(1, keepdims=True), w=w)
