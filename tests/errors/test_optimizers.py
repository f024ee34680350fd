"""Misuse of optimizers, schedulers and the DataLoader.

Each row is refused as PyTorch refuses it; see harness.py.
"""

from __future__ import annotations

from typing import Any

from tests.errors.harness import Row, World, each, problems


def scheduler(u: World, name: str, *args: Any, **kwargs: Any) -> Any:
    return getattr(u.t.optim.lr_scheduler, name)(u.sgd, *args, **kwargs)


def resumed(u: World) -> None:
    u.t.optim.lr_scheduler.StepLR(u.sgd, 3, last_epoch=4)


def one_cycle_too_long(u: World) -> None:
    cycle = u.t.optim.lr_scheduler.OneCycleLR(u.sgd, max_lr=0.1, total_steps=2)
    for _ in range(3):
        cycle.step()


def plateau_without_metric(u: World) -> None:
    plateau = u.t.optim.lr_scheduler.ReduceLROnPlateau(u.sgd)
    plateau.step()


def added_twice(u: World) -> None:
    u.sgd.add_param_group({"params": [u.w]})


def loaded_groups(u: World) -> None:
    state = u.sgd.state_dict()
    state["param_groups"] = state["param_groups"] * 2
    u.sgd.load_state_dict(state)


def loaded_sizes(u: World) -> None:
    other = u.t.optim.SGD([u.w, u.t.ones(2, requires_grad=True)])
    u.sgd.load_state_dict(other.state_dict())


def failing_closure(u: World) -> None:
    def closure() -> Any:
        u.sgd.zero_grad()
        loss = (u.w @ u.x).sum()
        loss.backward()
        return loss

    u.sgd.step(closure)


def step_of_integers(u: World) -> None:
    optimizer = u.t.optim.SGD([u.i], lr=0.1)
    u.i.grad = u.v
    optimizer.step()


def sgd(u: World, **options: Any) -> Any:
    return u.t.optim.SGD([u.w], **options)


def adam(u: World, **options: Any) -> Any:
    return u.t.optim.Adam([u.w], **options)


def loader(u: World, *args: Any, **options: Any) -> Any:
    data = u.t.utils.data.TensorDataset(u.x, u.x)
    return u.t.utils.data.DataLoader(data, *args, **options)


def shape_in_the_loader(u: World) -> None:
    data = [u.t.ones(2), u.t.ones(3)]
    for batch in u.t.utils.data.DataLoader(data, batch_size=2):
        batch.add_(1)


def collate_of_objects(u: World) -> None:
    for batch in u.t.utils.data.DataLoader([object(), object()], batch_size=2):
        print(batch)


def error_in_a_dataset(u: World) -> None:
    class Data(u.t.utils.data.Dataset):
        def __len__(self) -> int:
            return 4

        def __getitem__(self, k: int) -> Any:
            return u.x @ u.y

    for batch in u.t.utils.data.DataLoader(Data(), batch_size=2):
        batch.add_(1)


def data(u: World) -> Any:
    return u.t.utils.data


ROWS = [
    # parameters
    Row("optimizer got an empty parameter list", lambda u: u.t.optim.SGD([], lr=0.1)),
    Row("optimizer got an empty parameter list", lambda u: u.t.optim.Adam(iter([]))),
    Row("empty parameter list", lambda u: u.t.optim.AdamW(u.t.nn.ReLU().parameters())),
    Row(
        "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
        "torch.FloatTensor",
        lambda u: u.t.optim.SGD(u.w, lr=0.1),
    ),
    Row("can't optimize a non-leaf Tensor", lambda u: u.t.optim.SGD([u.h], lr=0.1)),
    Row("optimizer can only optimize Tensors", lambda u: u.t.optim.SGD([1.0], lr=0.1)),
    Row("optimizer can only optimize Tensors", lambda u: u.t.optim.SGD("weights", lr=0.1)),
    Row("not iterable", lambda u: u.t.optim.SGD(None, lr=0.1)),
    Row("not iterable", lambda u: u.t.optim.SGD(u.t.nn.Linear(2, 3), lr=0.1)),
    Row("ordered collections", lambda u: u.t.optim.SGD([{"params": {u.w}}], lr=0.1)),
    Row("some parameters appear in more than one parameter group", added_twice),
    Row(
        "some parameters appear in more than one parameter group",
        lambda u: u.t.optim.Adam([{"params": [u.w]}, {"params": [u.w]}]),
    ),
    Row("params", lambda u: u.t.optim.Adam([{"parameters": [u.w]}])),
    Row("param_group must be a dict", lambda u: u.sgd.add_param_group([u.w])),
    # options
    Row("Invalid learning rate: -0.1", lambda u: sgd(u, lr=-0.1)),
    Row("Invalid learning rate: -1", lambda u: adam(u, lr=-1)),
    Row("Invalid learning rate: -0.5", lambda u: u.t.optim.AdamW([u.w], lr=-0.5)),
    Row("Invalid beta parameter at index 0: 1.0", lambda u: adam(u, betas=(1.0, 0.9))),
    Row("Invalid beta parameter at index 1: -0.1", lambda u: adam(u, betas=(0.9, -0.1))),
    Row(
        "Invalid beta parameter at index 1: 1.5", lambda u: u.t.optim.AdamW([u.w], betas=(0.9, 1.5))
    ),
    Row("Invalid epsilon value: -1", lambda u: adam(u, eps=-1)),
    Row("Invalid weight_decay value: -1", lambda u: adam(u, weight_decay=-1)),
    Row("Invalid weight_decay value: -1", lambda u: sgd(u, weight_decay=-1)),
    Row("Invalid momentum value: -0.9", lambda u: sgd(u, momentum=-0.9)),
    Row(
        "Nesterov momentum requires a momentum and zero dampening", lambda u: sgd(u, nesterov=True)
    ),
    Row("unexpected keyword argument 'learning_rate'", lambda u: sgd(u, learning_rate=0.1)),
    Row("", lambda u: adam(u, betas=0.9)),
    Row("", lambda u: sgd(u, lr="fast")),
    # use
    Row("different number of parameter groups", loaded_groups),
    Row("doesn't match the size of optimizer's group", loaded_sizes),
    Row("param_groups", lambda u: u.sgd.load_state_dict({})),
    Row("mat1 and mat2 shapes cannot be multiplied", failing_closure),
    Row("", step_of_integers),
    # schedulers
    Row("param 'initial_lr' is not specified in param_groups[0] when resuming", resumed),
    Row("is not an Optimizer", lambda u: u.t.optim.lr_scheduler.StepLR(u.w, 3)),
    Row("missing 1 required positional argument: 'step_size'", lambda u: scheduler(u, "StepLR")),
    Row(
        "You must define either total_steps OR (epochs AND steps_per_epoch)",
        lambda u: scheduler(u, "OneCycleLR", max_lr=0.1),
    ),
    Row(
        "Expected positive integer total_steps, but got 0",
        lambda u: scheduler(u, "OneCycleLR", max_lr=0.1, total_steps=0),
    ),
    Row("Tried to step 3 times", one_cycle_too_long),
    Row("Factor should be < 1.0", lambda u: scheduler(u, "ReduceLROnPlateau", factor=1.5)),
    Row("mode best is unknown", lambda u: scheduler(u, "ReduceLROnPlateau", mode="best")),
    Row("missing 1 required positional argument: 'metrics'", plateau_without_metric),
    Row(
        "Expected 1 lr_lambdas, but got 2",
        lambda u: scheduler(u, "LambdaLR", [lambda e: 1.0, lambda e: 1.0]),
    ),
    Row("T_0", lambda u: scheduler(u, "CosineAnnealingWarmRestarts", 0)),
    # data
    Row(
        "batch_size should be a positive integer value, but got batch_size=0",
        lambda u: loader(u, 0),
    ),
    Row("batch_size should be a positive integer value", lambda u: loader(u, batch_size=1.5)),
    Row(
        "sampler option is mutually exclusive with shuffle",
        lambda u: loader(u, shuffle=True, sampler=data(u).SequentialSampler(u.x)),
    ),
    Row(
        "batch_sampler option is mutually exclusive with batch_size",
        lambda u: loader(u, batch_size=2, batch_sampler=[[0], [1]]),
    ),
    Row("mutually exclusive with drop_last", lambda u: loader(u, batch_size=None, drop_last=True)),
    Row("num_workers option should be non-negative", lambda u: loader(u, num_workers=-1)),
    Row("timeout option should be non-negative", lambda u: loader(u, timeout=-1)),
    Row("got an unexpected keyword argument", lambda u: loader(u, batchsize=2)),
    Row("num_samples=0", lambda u: data(u).DataLoader([], shuffle=True)),
    Row(
        "num_samples should be a positive integer value",
        lambda u: data(u).RandomSampler(u.x, num_samples=0),
    ),
    Row(
        "replacement should be a boolean value", lambda u: data(u).RandomSampler(u.x, replacement=2)
    ),
    Row("Size mismatch between tensors", lambda u: data(u).TensorDataset(u.x, u.v)),
    Row(
        "Sum of input lengths does not equal the length of the input dataset",
        lambda u: data(u).random_split([1, 2, 3], [1, 1]),
    ),
    Row("stack expects each tensor to be equal size", shape_in_the_loader),
    Row("default_collate: batch must contain tensors, numpy arrays", collate_of_objects),
    Row("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", error_in_a_dataset),
]


@each(ROWS)
def test_refused(place: int, mode: str) -> None:
    assert problems(ROWS[place], mode) == []
