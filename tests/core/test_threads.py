"""Several threads that use one Tensor at the same moment: each records into its own trace."""

from __future__ import annotations

import threading

import jtorch


def test_a_shared_tensor() -> None:
    shared = jtorch.arange(5.0) * 2
    shared.tolist()
    gradients: list[list[float]] = []
    errors: list[BaseException] = []

    def work(k: int) -> None:
        try:
            own = jtorch.ones(5).requires_grad_()
            for _ in range(60):
                (own * shared + k).sum().backward()
            gradients.append(own.grad.tolist())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert gradients == [[60.0 * 2 * k for k in range(5)]] * 4
