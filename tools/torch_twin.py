"""blendfuse's model in plain PyTorch: golden values for the tests, and reference results on a real pool.

    python tools/torch_twin.py golden --out tests/golden
    python tools/torch_twin.py train --data DIR --fold 0 --set model.top_n=8

Needs torch and numpy only; tests/golden/README.md says how to set them up.
"""

import argparse
from pathlib import Path

import torch

from twin import golden, train
from twin.settings import Settings


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    arguments.run(arguments)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("golden", help="make the golden values of the tests")
    command.add_argument("--out", type=Path, required=True, help="folder for <case>.npz and <case>.json")
    command.set_defaults(run=lambda arguments: golden.write_all(arguments.out))

    command = commands.add_parser("train", help="train on a pool and print both metrics per fold")
    command.add_argument("--data", type=Path, required=True, help="pool folder: features/ and train_metadata.csv")
    command.add_argument("--fold", type=int, nargs="+", required=True, help="validation folds, one run each")
    command.add_argument("--device", default="cpu", help="a torch device, such as cpu or cuda")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as model.top_n=8")
    command.set_defaults(
        run=lambda arguments: train.run(
            arguments.data, arguments.fold, torch.device(arguments.device), Settings.with_overrides(arguments.set)
        )
    )

    for command in commands.choices.values():
        command.add_argument("--threads", type=int, default=2, help="threads torch may use (default 2)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
