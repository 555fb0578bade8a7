"""The configuration keys that the twin supports, with names and defaults as in src/config/."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Temperature:
    mode: str = "learned"  # fixed, learned or anneal
    initial: float = 0.7
    min: float = 0.55
    max: float = 1.25


@dataclass
class Model:
    projection: int = 256  # P
    gate_hidden: int = 128  # A
    fused: int = 512  # F
    head_hidden: int = 256  # H
    top_n: int | str = "auto"  # n
    dropout: float = 0.33
    dropout_warmup_epochs: int = 0
    attention: str = "gate"  # gate, uniform or mean
    fusion_norm: str = "batch"  # batch or none
    heads: str = "dual"  # dual or single
    temperature: Temperature = field(default_factory=Temperature)

    def kept(self, encoders: int) -> int:
        """n for a pool of K encoders; without a gate all are kept."""
        if self.attention != "gate":
            return encoders
        if self.top_n == "auto":
            return max(1, round(22 / 36 * encoders))
        return int(self.top_n)


@dataclass
class Loss:
    presence: float = 0.68
    salience: float = 0.32
    presence_loss: str = "soft_ce"  # soft_ce or bce


@dataclass
class Adaptation:
    enabled: bool = False
    weight: float = 0.15
    reversal: float = 0.3
    schedule: str = "constant"  # constant or dann


@dataclass
class Plateau:
    factor: float = 0.5
    patience: int = 3
    threshold: float = 1e-4
    min_lr: float = 1e-6


@dataclass
class Train:
    optimizer: str = "adam"  # adam or adamw
    lr: float = 3e-4
    weight_decay: float = 1e-3
    batch: int = 64  # B; adaptation adds as many target rows
    max_epochs: int = 100
    max_steps: int = 0
    shuffle: bool = True
    seed: int = 0
    patience: int = 7
    min_delta: float = 1e-3
    plateau: Plateau = field(default_factory=Plateau)


@dataclass
class Settings:
    model: Model = field(default_factory=Model)
    loss: Loss = field(default_factory=Loss)
    adaptation: Adaptation = field(default_factory=Adaptation)
    train: Train = field(default_factory=Train)

    @classmethod
    def with_overrides(cls, overrides: list[str]) -> "Settings":
        """The defaults with `a.b=value` applied; values are JSON, or words without quotes."""
        settings = cls()
        for override in overrides:
            key, equals, value = override.partition("=")
            *sections, name = key.split(".")
            section: Any = settings
            for part in sections:
                section = getattr(section, part, None)
            if not equals or not sections or not hasattr(section, name):
                raise SystemExit(f"--set {override}: expected KEY=VALUE with a key of {flat_keys(asdict(settings))}")
            setattr(section, name, parse_value(value))
        return settings


def parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def flat_keys(nested: dict[str, Any], prefix: str = "") -> str:
    names = (
        flat_keys(value, f"{prefix}{name}.") if isinstance(value, dict) else f"{prefix}{name}"
        for name, value in nested.items()
    )
    return ", ".join(names)
