"""ResNet-18 as it is used on CIFAR: a 3x3 stem, four stages of two blocks, batch normalisation.

He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015 (arXiv 1512.03385).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

TITLE = "ResNet-18, 3x32x32, batch 16, SGD with momentum"

BATCH = 16
STAGES = ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))


def batch() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    return (
        random.standard_normal((BATCH, 3, 32, 32)).astype(np.float32),
        random.randint(0, 10, BATCH),
    )


def setup(torch: Any) -> Callable[[], Any]:
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, channels: int, width: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(width)
            self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(width)
            self.relu = nn.ReLU()
            self.shortcut = nn.Sequential()
            if stride != 1:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(channels, width, 1, stride=stride, bias=False),
                    nn.BatchNorm2d(width),
                )

        def forward(self, x: Any) -> Any:
            y = self.relu(self.norm1(self.conv1(x)))
            y = self.norm2(self.conv2(y))
            return self.relu(y + self.shortcut(x))

    torch.manual_seed(0)
    images, labels = (torch.tensor(array) for array in batch())
    stages = [
        nn.Sequential(Block(channels, width, stride), Block(width, width, 1))
        for channels, width, stride in STAGES
    ]
    model = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        *stages,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 10),
    )
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> Any:
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def setup_jax() -> Callable[[], Any]:
    import jax

    from ..jax_training import Initial, batch_norm, conv, cross_entropy, linear, trainer

    initial = Initial()

    def block(channels: int, width: int, stride: int) -> dict[str, Any]:
        parameters = {
            "conv1": initial.conv(channels, width, 3, bias=False),
            "norm1": initial.norm(width),
            "conv2": initial.conv(width, width, 3, bias=False),
            "norm2": initial.norm(width),
        }
        if stride != 1:
            parameters["shortcut"] = initial.conv(channels, width, 1, bias=False)
            parameters["shortcut_norm"] = initial.norm(width)
        return parameters

    parameters = {
        "stem": initial.conv(3, 64, 3, bias=False),
        "norm": initial.norm(64),
        "stages": [[block(c, w, s), block(w, w, 1)] for c, w, s in STAGES],
        "head": initial.linear(512, 10),
    }

    def apply_block(parameters: Any, statistics: Any, x: Any, stride: int) -> tuple[Any, Any]:
        new = {}
        y = conv(parameters["conv1"], x, stride=stride, padding=1)
        y, new["norm1"] = batch_norm(parameters["norm1"], statistics["norm1"], y)
        y = conv(parameters["conv2"], jax.nn.relu(y), padding=1)
        y, new["norm2"] = batch_norm(parameters["norm2"], statistics["norm2"], y)
        if "shortcut" in parameters:
            x = conv(parameters["shortcut"], x, stride=stride)
            norm = "shortcut_norm"
            x, new[norm] = batch_norm(parameters[norm], statistics[norm], x)
        return jax.nn.relu(y + x), new

    def loss_of(parameters: Any, statistics: Any, images: Any, labels: Any) -> tuple[Any, Any]:
        x = conv(parameters["stem"], images, padding=1)
        x, norm = batch_norm(parameters["norm"], statistics["norm"], x)
        x = jax.nn.relu(x)
        new: dict[str, Any] = {"norm": norm, "stages": []}
        for blocks, old, (_, _, stride) in zip(
            parameters["stages"], statistics["stages"], STAGES, strict=True
        ):
            x, first = apply_block(blocks[0], old[0], x, stride)
            x, second = apply_block(blocks[1], old[1], x, 1)
            new["stages"].append([first, second])
        x = linear(parameters["head"], x.mean((1, 2)))
        return cross_entropy(x, labels), new

    statistics = initial.statistics_of(parameters)
    images, labels = batch()
    images = images.transpose(0, 2, 3, 1).copy()
    return trainer(
        loss_of, parameters, "momentum", jax.device_put((images, labels)), statistics=statistics
    )
