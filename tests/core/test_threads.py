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


def test_a_leaf_that_another_thread_takes() -> None:
    """A Tensor that enters a trace again, during backward, since another thread used it: the next
    backward from the same place, undisturbed, does not take the same path."""
    shared = jtorch.arange(7.0) * 2
    shared.tolist()
    own = jtorch.ones(7).requires_grad_()
    for step in range(6):
        loss = (own * shared + step).sum()
        if step == 2:  # from here on the number varies, and the path stays the same
            thread = threading.Thread(target=lambda: shared.add(1))
            thread.start()
            thread.join()
        loss.backward()
        assert own.grad.tolist() == [(step + 1) * 2 * k for k in range(7)]
