"""Layouts: every Tensor is strided; the others have names, and are refused."""

from __future__ import annotations

import copy
import pickle

import pytest

import jtorch


@pytest.mark.parametrize("name", ["strided", "sparse_coo", "sparse_csr", "sparse_bsc"])
def test_a_layout_is_one_object(name: str) -> None:
    layout = getattr(jtorch, name)
    assert isinstance(layout, jtorch.layout)
    assert repr(layout) == f"torch.{name}"
    assert copy.deepcopy(layout) is layout
    assert pickle.loads(pickle.dumps(layout)) is layout


def test_tensors_are_strided() -> None:
    assert jtorch.zeros(2, layout=jtorch.strided).layout is jtorch.strided
    assert jtorch.zeros(2).layout != jtorch.sparse_coo
    with pytest.raises(NotImplementedError, match="dense, got: layout=torch.sparse_coo"):
        jtorch.zeros(2, layout=jtorch.sparse_coo)
