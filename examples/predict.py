"""Scores of a blendfuse model with numpy alone: python3 predict.py RUN/model.safetensors FEATURES SCORES.npz

FEATURES is a folder of <encoder>.npz files. Writes filenames, scores (N, C) and w (N, K). Every clip needs a row in
every file: a clip that lacks one is an error (`blendfuse predict --missing mask` scores it)."""
import json
import sys
import numpy as np

def load(path):
    """The tensors of a .safetensors file by name, and its encoders and configuration."""
    data = open(path, "rb").read()
    start = 8 + int.from_bytes(data[:8], "little")
    front = json.loads(data[8:start])
    meta = front.pop("__metadata__")
    tensor = lambda t: np.frombuffer(data[start:], "<f4")[t["data_offsets"][0] // 4 : t["data_offsets"][1] // 4].reshape(t["shape"])
    return {name: tensor(t).astype(float) for name, t in front.items()}, json.loads(meta["encoders"]), json.loads(meta["config"])

def softmax(u):
    powers = np.exp(u - u.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)

def batch_norm(x, t, name):
    x = (x - t[name + ".running_mean"]) / np.sqrt(t[name + ".running_var"] + 1e-5)
    return x * t[name + ".weight"] + t[name + ".bias"]

def two_layers(x, t, name):
    hidden = np.maximum(x @ t[name + ".0.weight"].T + t[name + ".0.bias"], 0)
    return hidden @ t[name + ".1.weight"].T + t[name + ".1.bias"]

def predict(t, config, xs):
    """scores (N, C) and w (N, K) from the features x_k (N, D_k) of K encoders."""
    model, decode, K, N = config["model"], config["decode"], len(xs), len(xs[0])
    own = config["data"].get("standardize") == "per_split"  # test clips by their own mean and standard deviation
    mean = lambda k: xs[k].mean(0) if own else t[f"standardize.{k}.mean"]
    std = lambda k: np.where(xs[k].std(0) > 0, xs[k].std(0), 1) if own else t[f"standardize.{k}.std"]
    project = lambda k: batch_norm((xs[k] - mean(k)) / std(k) @ t[f"project.{k}.weight"].T, t, f"norm.{k}")
    h = np.stack([np.maximum(project(k), 0) for k in range(K)], 1)  # (N, K, P)
    w = np.full((N, K), 1 / K)
    if model["attention"] == "gate":
        n = int(22 / 36 * K + 0.5) if model["top_n"] == "auto" else model["top_n"]
        u = two_layers(h.reshape(N, -1), t, "gate")
        order = np.argsort(-u, 1, kind="stable")  # of equal logits the lower index first
        np.put_along_axis(u, order[:, max(n, 1) :], -np.inf, 1)
        w = softmax(u / t["gate.temperature"])
    q = h.mean(1) if model["attention"] == "mean" else (w[:, :, None] * h).reshape(N, -1)
    z = q @ t["fuse.weight"].T
    z = np.maximum(batch_norm(z, t, "fuse_norm") if "fuse_norm.weight" in t else z + t["fuse.bias"], 0)
    presence = two_layers(z, t, "presence")
    salience = two_layers(z, t, "salience") if model["heads"] == "dual" else presence
    s = 1 / (1 + np.exp(-presence)) * (softmax(salience) + decode["epsilon"]) ** decode["gamma"]
    return s / s.sum(1, keepdims=True), w

if __name__ == "__main__":
    t, encoders, config = load(sys.argv[1])
    names = config["data"]["encoders"] if config["data"]["concatenate"] else [encoder["name"] for encoder in encoders]
    files = [np.load(f"{sys.argv[2]}/{name}.npz") for name in names]
    clips = list(dict.fromkeys(clip for file in files for clip in file["filenames"]))
    rows = [{clip: row for row, clip in enumerate(file["filenames"])} for file in files]
    lacking = [f"{name}.npz: no row for clip {clip}" for name, row in zip(names, rows) for clip in clips if clip not in row]
    if lacking:
        sys.exit(f"{lacking[0]} ({len(lacking)} rows are missing in all); this script needs every encoder for every clip")
    xs = [file["X"].astype(float)[[row[clip] for clip in clips]] for file, row in zip(files, rows)]
    scores, w = predict(t, config, [np.hstack(xs)] if config["data"]["concatenate"] else xs)
    np.savez(sys.argv[3], filenames=clips, scores=scores, w=w)
