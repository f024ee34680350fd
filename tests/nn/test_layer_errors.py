"""What layers refuse, in PyTorch's words."""

from __future__ import annotations

import pytest
import torch

import jtorch

from .test_layers import row

ERRORS = [
    "nn.Bilinear(0, 1, 2)",
    "nn.Unflatten(1, 3)",
    "nn.Unflatten(1, (2, 'a'))",
    "nn.Dropout(2)",
    "nn.Embedding(3, 4, padding_idx=3)",
    "nn.Embedding(3, 4, _weight=torch.ones(2, 2))",
    "nn.Embedding.from_pretrained(torch.ones(2))",
    "nn.EmbeddingBag(3, 4, padding_idx=3)",
    "nn.EmbeddingBag(3, 4, _weight=torch.ones(2, 2))",
    "nn.EmbeddingBag(3, 4, mode='max', scale_grad_by_freq=True)(torch.ones(1, 1).long())",
    "nn.EmbeddingBag(3, 4, mode='max', sparse=True)(torch.ones(1, 1).long())",
    "nn.EmbeddingBag(3, 4, mode='low')(torch.ones(1, 1).long())",
    "nn.EmbeddingBag(3, 4)(torch.ones(1).long())",
    "nn.EmbeddingBag(3, 4)(torch.ones(1, 1, 1).long())",
    "nn.EmbeddingBag(3, 4)(torch.ones(1).long(), torch.zeros(1, 1).long())",
    "nn.EmbeddingBag(3, 4)(torch.ones(1, 2).long(), None, torch.ones(1, 1))",
    "nn.EmbeddingBag(3, 4)(torch.ones(1, 2).long(), None, torch.ones(1, 2))",
    "nn.EmbeddingBag(3, 4)(torch.tensor([1, 1]), torch.tensor([1]))",
    "nn.EmbeddingBag(3, 4)(torch.tensor([1, 1]), torch.tensor([0, 3]))",
    "nn.EmbeddingBag(3, 4)(torch.tensor([1, 4]), torch.tensor([0]))",
    "nn.EmbeddingBag(3, 4)(torch.ones(1), torch.tensor([0]))",
    "nn.EmbeddingBag.from_pretrained(torch.ones(2))",
    "nn.FractionalMaxPool2d(2)",
    "nn.FractionalMaxPool3d(2, 2, 0.5)",
    "nn.FractionalMaxPool2d(2, output_ratio=(0.5, 1))",
    "nn.FractionalMaxPool2d(2, 3)(torch.ones(2, 3))",
    "nn.CrossMapLRN2d(2)(torch.ones(2, 3, 4))",
    "nn.SyncBatchNorm(2)(torch.ones(2))",
    "nn.SyncBatchNorm(2)(torch.ones(2, 0))",
    "nn.LinearCrossEntropyLoss(2, 3, weight=torch.ones(2))",
    "nn.LinearCrossEntropyLoss(2, 3, label_smoothing=2)",
    "nn.AdaptiveLogSoftmaxWithLoss(2, 3, [])",
    "nn.AdaptiveLogSoftmaxWithLoss(2, 3, [2, 1])",
    "nn.AdaptiveLogSoftmaxWithLoss(2, 3, [1, 1.5])",
    "nn.AdaptiveLogSoftmaxWithLoss(2, 3, [1])(torch.ones(2, 2), torch.ones(3).long())",
    "nn.AdaptiveLogSoftmaxWithLoss(2, 3, [1])(torch.ones(2), torch.ones(2).long())",
    "nn.AdaptiveLogSoftmaxWithLoss(2, 3, [1])(torch.ones(2, 2), torch.ones(()).long())",
    "nn.AdaptiveLogSoftmaxWithLoss(2, 3, [1])(torch.ones(2, 2), torch.ones(2, 2).long())",
    "nn.AdaptiveLogSoftmaxWithLoss(2, 3, [1])(torch.ones(2, 2), torch.tensor([3, 0]))",
    "nn.LazyLinear(2).weight.shape",
    "nn.LazyConv2d(3, 2, groups=3)(torch.ones(2, 2, 2))",
    "nn.LazyConv2d(3, 2)(torch.ones(2, 2))",
    "nn.LazyBatchNorm2d()(torch.ones(2, 2))",
    "nn.Conv2d(3, 4, 3, padding='same', stride=2)",
    "nn.Conv2d(3, 4, 3, groups=2)",
    "nn.Conv2d(4, 3, 3, groups=2)",
    "nn.Conv2d(4, 3, 3, groups=0)",
    "nn.ConvTranspose2d(3, 4, 3, padding_mode='reflect')",
    "nn.GroupNorm(3, 4)",
    "nn.BatchNorm1d(3)(torch.ones(2, 3, 4, 5))",
    "nn.BatchNorm2d(3)(torch.ones(2, 3))",
    "nn.BatchNorm3d(3)(torch.ones(2, 3))",
    "nn.InstanceNorm2d(3)(torch.ones(2, 3))",
    "nn.InstanceNorm2d(3, affine=True)(torch.ones(2, 4, 5, 5))",
    "nn.HuberLoss(delta=1j)",
    "nn.MultiMarginLoss(p=3)",
    "nn.MultiMarginLoss(weight=torch.ones(2, 2))",
    "nn.TripletMarginLoss(margin=-1)",
    "nn.Hardtanh(1, -1)",
    "nn.Softmax2d()(torch.ones(2))",
    "nn.CircularPad1d(1)(torch.ones(2))",
]


@pytest.mark.parametrize("text", ERRORS)
def test_errors_as_pytorch(text: str) -> None:
    said = []
    for library in (torch, jtorch):
        with pytest.raises(Exception) as caught:
            row(text).build(library)
        said.append((caught.type, str(caught.value)))
    assert said[1] == said[0]
