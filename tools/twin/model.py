"""The network, its losses and its optimiser, in the order data flows; parameters named as in model.safetensors."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .settings import Settings


class Output(NamedTuple):
    presence: Tensor  # (B, C) logits
    salience: Tensor  # (B, C) logits
    z: Tensor  # (B, F)
    a: Tensor  # (B, K) gate weights before selection
    w: Tensor  # (B, K) fusion weights


class Losses(NamedTuple):
    total: Tensor
    presence: Tensor
    salience: Tensor
    domain: Tensor  # 0 without adaptation


class Network(nn.Module):
    """Selective fusion of K encoders of the given widths D_k into C classes."""

    def __init__(self, widths: list[int], classes: int, settings: Settings) -> None:
        super().__init__()
        sizes = settings.model
        encoders, joined = len(widths), len(widths) * sizes.projection
        self.top_n = sizes.kept(encoders)
        self.gated = sizes.attention == "gate"
        self.mean = sizes.attention == "mean"
        self.single = sizes.heads == "single"
        self.dropout = sizes.dropout
        self.standardize = nn.ModuleList(Standardize(width) for width in widths)
        self.project = nn.ModuleList(nn.Linear(width, sizes.projection, bias=False) for width in widths)
        self.norm = nn.ModuleList(nn.BatchNorm1d(sizes.projection, eps=1e-5, momentum=0.1) for _ in widths)
        self.gate = Gate(joined, sizes.gate_hidden, encoders, settings)
        normed = sizes.fusion_norm == "batch"
        # Batch norm would cancel a bias.
        self.fuse = nn.Linear(sizes.projection if self.mean else joined, sizes.fused, bias=not normed)
        if normed:
            self.fuse_norm = nn.BatchNorm1d(sizes.fused, eps=1e-5, momentum=0.1)
        self.presence = TwoLayers(sizes.fused, sizes.head_hidden, classes)
        self.salience = TwoLayers(sizes.fused, sizes.head_hidden, classes)
        if settings.adaptation.enabled:
            self.domain = TwoLayers(sizes.fused, sizes.head_hidden, 2)

    def standardized(self, features: list[Tensor]) -> list[Tensor]:
        """Standardises raw features for `forward`; once, not in every step."""
        return [standardize(x) for standardize, x in zip(self.standardize, features, strict=True)]

    def forward(self, features: list[Tensor], present: Tensor | None = None) -> Output:
        """Maps standardised features, K times (B, D_k), to logits and weights; present (B, K): encoders of each row."""
        if present is None:
            present = torch.ones(len(features[0]), len(features), dtype=torch.bool)
        if self.training:
            present = present & (present.sum(dim=0) >= 2)  # one row has no statistics
        h = self.drop(torch.stack(self.projected(features, present), dim=1).relu())  # (B, K, P)
        a, w = self.attend(h, present)
        weighted = w.unsqueeze(2) * h
        y = self.fuse(weighted.sum(dim=1) if self.mean else weighted.flatten(1))
        z = self.drop((self.fuse_norm(y) if hasattr(self, "fuse_norm") else y).relu())
        presence = self.presence(z)
        salience = presence if self.single else self.salience(z)
        return Output(presence, salience, z, a, w)

    def projected(self, features: list[Tensor], present: Tensor) -> list[Tensor]:
        """K times (B, P) after the norm, whose statistics are over the rows that have the encoder; 0 in other rows."""
        results = []
        for x, has, project, norm in zip(features, present.T, self.project, self.norm, strict=True):
            y = x.new_zeros(len(x), project.out_features)
            if has.any():
                results.append(y.masked_scatter(has.unsqueeze(1), norm(project(x[has]))))
            else:
                # Gradients of 0 instead of None, so that the optimiser still updates.
                results.append(y + 0.0 * (project.weight.sum() + norm.weight.sum() + norm.bias.sum()))
        return results

    def attend(self, h: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Gate weights of all encoders of a row, and those of the n selected ones renormalised."""
        if not self.gated:
            a = present.to(h.dtype) / present.sum(dim=1, keepdim=True)
            return a, a
        logits = (self.gate(h.flatten(1)) / self.gate.temperature).masked_fill(~present, float("-inf"))
        a = logits.softmax(dim=1)
        # A stable sort prefers the lower index of equal weights, like the kernels; the selection counts as constant.
        selected = a.detach().sort(dim=1, descending=True, stable=True).indices[:, : self.top_n]
        left_out = torch.ones_like(a, dtype=torch.bool).scatter(1, selected, False)
        return a, logits.masked_fill(left_out, float("-inf")).softmax(dim=1)

    def drop(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.dropout, self.training)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of model.safetensors by name."""
        return {name: value for name, value in self.state_dict().items() if not name.endswith("num_batches_tracked")}


class Standardize(nn.Module):
    """(x − mean) / std per column, with the statistics of the training rows."""

    mean: Tensor
    std: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("std", torch.ones(width))

    def fit(self, x: Tensor) -> None:
        """x (rows, D_k). Sums in f64; a column whose population std is 0 is divided by 1."""
        std, mean = torch.std_mean(x.double(), dim=0, correction=0)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 0, std, torch.ones_like(std)))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class TwoLayers(nn.ModuleList):
    """Linear, relu, linear, with parameters named `0.*` and `1.*`."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__([nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)])

    def forward(self, x: Tensor) -> Tensor:
        return self[1](self[0](x).relu())


class Gate(TwoLayers):
    """The gate's logits u, and the temperature τ that divides them."""

    def __init__(self, inputs: int, hidden: int, encoders: int, settings: Settings) -> None:
        super().__init__(inputs, hidden, encoders)
        self.limits = settings.model.temperature
        start = self.limits.max if self.limits.mode == "anneal" else self.limits.initial
        temperature = torch.tensor([start])
        if self.limits.mode == "learned":
            self.temperature = nn.Parameter(temperature)
        else:
            self.register_buffer("temperature", temperature)

    @torch.no_grad()
    def clamp_temperature(self) -> None:
        self.temperature.clamp_(self.limits.min, self.limits.max)


class Reverse(torch.autograd.Function):
    """Identity forward; backward multiplies by −strength."""

    @staticmethod
    def forward(context, z: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return z.view_as(z)

    @staticmethod
    def backward(context, dz: Tensor) -> tuple[Tensor, None]:
        return -context.strength * dz, None


def losses(network: Network, output: Output, y: Tensor, settings: Settings, reversal: float = 0.0) -> Losses:
    """Losses of a batch whose first rows are the labelled ones, y (B, C), and whose other rows are target rows."""
    labelled = len(y)
    presence_logits, salience_logits = output.presence[:labelled], output.salience[:labelled]
    if settings.loss.presence_loss == "bce":
        presence = F.binary_cross_entropy_with_logits(presence_logits, y)
    else:
        presence = F.cross_entropy(presence_logits, y)
    salience = F.cross_entropy(salience_logits, y)
    total = settings.loss.presence * presence + settings.loss.salience * salience
    domain = torch.zeros_like(total)
    if len(output.z) > labelled:
        is_target = (torch.arange(len(output.z), device=y.device) >= labelled).long()
        domain = F.cross_entropy(network.domain(Reverse.apply(output.z, reversal)), is_target)
        total = total + settings.adaptation.weight * domain
    return Losses(total, presence, salience, domain)


def make_optimizer(network: Network, settings: Settings, **options: bool | None) -> torch.optim.Optimizer:
    """Adam or AdamW with weight decay on every parameter but the temperature; options such as `fused` are PyTorch's."""
    named = dict(network.named_parameters())
    temperature = [named.pop("gate.temperature")] if "gate.temperature" in named else []
    groups = [
        {"params": list(named.values()), "weight_decay": settings.train.weight_decay},
        {"params": temperature, "weight_decay": 0.0},
    ]
    optimizers = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return optimizers[settings.train.optimizer](groups, lr=settings.train.lr, betas=(0.9, 0.999), eps=1e-8, **options)


def train_step(
    network: Network,
    optimizer: torch.optim.Optimizer,
    features: list[Tensor],
    y: Tensor,
    settings: Settings,
    reversal: float = 0.0,
    present: Tensor | None = None,
) -> tuple[Losses, Output]:
    """Forward, backward and update; keeps the gradients for inspection."""
    output = network(features, present)
    step_losses = losses(network, output, y, settings, reversal)
    optimizer.zero_grad(set_to_none=True)
    step_losses.total.backward()
    optimizer.step()
    if network.gate.limits.mode == "learned":
        network.gate.clamp_temperature()
    return step_losses, output
