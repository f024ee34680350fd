"""torch.nn.utils held against PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch.nn.utils.stateless  # noqa: F401 (PyTorch imports it on demand only)

import jtorch

from .scenarios import Log, compare


def parameters(lib: Any) -> list[Any]:
    """Three parameters, one of them without a gradient."""
    made = [lib.nn.Parameter(lib.ones(*shape)) for shape in ((2,), (2, 3), (4,))]
    made[0].grad = lib.tensor([3.0, -4.0])
    made[1].grad = lib.arange(6.0).reshape(2, 3)
    return made


def norms(lib: Any, log: Log) -> None:
    utils = lib.nn.utils
    for kind in (1, 2, 2.0, 0, 3, "inf", float("inf"), -float("inf")):
        made = parameters(lib)
        gradient = made[0].grad
        log.attempt(f"{kind}", lambda k=kind, p=made: utils.clip_grad_norm_(p, 1.5, norm_type=k))
        log.note([p.grad for p in made], made[0].grad is gradient)
        log.note(utils.get_total_norm([p.grad for p in made[:2]], float(kind)))
    made = parameters(lib)
    log.note(utils.clip_grad_norm_(made, 100.0), [p.grad for p in made])
    log.note(utils.clip_grad_norm_([], 1.0), utils.clip_grad_norm_(made[2:], 1.0))
    log.note(utils.clip_grad_norm_(made[0], lib.tensor(0.5)), made[0].grad)
    log.note(utils.get_total_norm([]), utils.get_total_norm(made[0].grad))
    utils.clip_grads_with_norm_((p for p in made), 1.0, lib.tensor(4.0))
    log.note([p.grad for p in made])
    made[0].grad = lib.tensor([1.0, float("nan")])
    log.attempt("nan", lambda: utils.clip_grad_norm_(made, 1.0, error_if_nonfinite=True))
    log.attempt("nan", lambda: utils.clip_grad_norm_(made, 1.0))
    log.note([p.grad for p in made])
    log.attempt("empty", lambda: utils.clip_grad_norm_((p for p in ()), 1.0))
    log.attempt("old", lambda: utils.clip_grad_norm(parameters(lib), 1.0))


def values(lib: Any, log: Log) -> None:
    made = parameters(lib)
    log.note(lib.nn.utils.clip_grad_value_(made, 2.5), [p.grad for p in made])
    log.note(lib.nn.utils.clip_grad_value_(made[0], 1), made[0].grad)


def vectors(lib: Any, log: Log) -> None:
    utils = lib.nn.utils
    made = parameters(lib)
    vector = utils.parameters_to_vector(made)
    log.note(vector, vector.requires_grad)
    utils.vector_to_parameters(lib.arange(12.0), made)
    log.note(made, [p.requires_grad for p in made])
    log.attempt("no tensor", lambda: utils.vector_to_parameters([1], made))
    log.attempt("too short", lambda: utils.vector_to_parameters(lib.arange(3.0), made))


def fusion(lib: Any, log: Log) -> None:
    utils = lib.nn.utils
    for kind, transposed in (("Conv2d", False), ("ConvTranspose2d", True)):
        for bias in (True, False):
            lib.manual_seed(0)
            layer = getattr(lib.nn, kind)(2, 3, 2, bias=bias).eval()
            norm = lib.nn.BatchNorm2d(3, affine=bias).eval()
            norm.running_mean.copy_(lib.arange(3.0))
            norm.running_var.copy_(lib.arange(3.0) + 1)
            fused = utils.fuse_conv_bn_eval(layer, norm, transposed)
            image = lib.arange(18.0).reshape(1, 2, 3, 3).sin()
            log.note(fused, fused(image), (fused(image) - norm(layer(image))).abs().max() < 1e-6)
            log.note(fused.weight.requires_grad, fused.bias.requires_grad, fused is layer)
    for features in (3, 1):
        layer, norm = lib.nn.Linear(2, 3).eval(), lib.nn.BatchNorm1d(features).eval()
        norm.running_mean.fill_(2.0)
        log.note(utils.fuse_linear_bn_eval(layer, norm)(lib.ones(1, 2)))
    log.attempt("training", lambda: utils.fuse_linear_bn_eval(layer.train(), norm))
    log.attempt(
        "features", lambda: utils.fuse_linear_bn_eval(layer.eval(), lib.nn.BatchNorm1d(2).eval())
    )
    norm = lib.nn.BatchNorm1d(3, track_running_stats=False).eval()
    log.attempt("no statistics", lambda: utils.fuse_linear_bn_eval(layer, norm))


def without_values(lib: Any, log: Log) -> None:
    utils = lib.nn.utils
    lib.manual_seed(0)
    layer = utils.skip_init(lib.nn.Linear, 3, 4, bias=False, dtype=lib.float64)
    log.note(layer, layer.weight.shape, layer.weight.dtype, layer.weight.requires_grad, lib.rand(2))
    log.attempt("class", lambda: utils.skip_init(int))
    log.attempt("device", lambda: utils.skip_init(lib.nn.ReLU))
    net = lib.nn.Sequential(lib.nn.Conv2d(2, 3, 2), lib.nn.Conv3d(2, 3, 2), lib.nn.Linear(2, 2))
    before = [p.detach().clone() for p in net.parameters()]
    log.note(utils.convert_conv2d_weight_memory_format(net, lib.channels_last) is net)
    log.note([p.stride() for p in net.parameters()])
    utils.convert_conv3d_weight_memory_format(net, lib.channels_last_3d)
    log.note([p.stride() for p in net.parameters()])
    log.note([bool((p == q).all()) for p, q in zip(net.parameters(), before, strict=True)])


def other_tensors(lib: Any, log: Log) -> None:
    call = lib.nn.utils.stateless._functional_call
    lib.manual_seed(0)
    net = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2), lib.nn.Linear(2, 2))
    x = lib.arange(6.0).reshape(3, 2)
    own = net(x)
    scale = lib.ones((), requires_grad=True)
    given = {"0.weight": lib.eye(2) * scale, "1.running_mean": lib.zeros(2)}
    call(net, given, (x,)).sin().sum().backward()
    log.note(scale.grad, given, net[0].weight, net[0].weight.grad, net[1].running_mean)
    log.note(type(net[0].weight).__name__, [name for name, _ in net.named_parameters()], own)
    log.attempt("strict", lambda: call(net, {"0.weight": lib.eye(2), "no": x}, x, strict=True))
    log.attempt("unknown", lambda: call(net, {"no.weight": x}, x))
    log.attempt("number", lambda: call(net, {"0.weight": 3}, x))
    net[2].weight = net[0].weight
    tied = call(net.eval(), {"0.weight": lib.eye(2)}, x)
    log.note(tied, call(net, {"0.weight": lib.eye(2)}, x, tie_weights=False))
    both = {"0.weight": lib.eye(2), "2.weight": lib.ones(2, 2)}
    log.attempt("both", lambda: call(net, both, x))
    log.note(call(net, both, x, tie_weights=False), call(net, {}, x, {}))
    log.attempt("old", lambda: lib.nn.utils.stateless.functional_call(net, {}, x))
    log.attempt("parallel", lambda: call(lib.nn.DataParallel(net), {}, x))


def gradients_of_convolutions(lib: Any, log: Log) -> None:
    sizes = {1: (7,), 2: (7, 6), 3: (5, 4, 4)}
    for dims, size in sizes.items():
        ones = (1,) * dims
        image = lib.arange(8.0, dtype=lib.float64).reshape(2, 4, *ones).expand(2, 4, *size).sin()
        kernel = lib.arange(12.0, dtype=lib.float64).reshape(6, 2, *ones).cos()
        kernel = kernel.expand(6, 2, *(2,) * dims).clone()
        options = {"stride": 2, "padding": 1, "dilation": 1, "groups": 2}
        output = getattr(lib.nn.functional, f"conv{dims}d")(image, kernel, None, **options)
        of_input = getattr(lib.nn.grad, f"conv{dims}d_input")
        of_weight = getattr(lib.nn.grad, f"conv{dims}d_weight")
        with lib.no_grad():
            log.note(of_input(image.shape, kernel, output, **options))
            log.note(of_weight(image, kernel.shape, output, **options))
        kernel.requires_grad_()
        found = of_input(image.shape, kernel, output, 2, 1, 1, 2)
        found.sin().sum().backward()
        log.note(found.requires_grad, kernel.grad)
        log.note(of_weight(image, kernel.shape, output, **options).requires_grad)


def small_things(lib: Any, log: Log) -> None:
    nn = lib.nn
    for given in (None, {}, {"device": "cpu"}, {"factory_kwargs": {"dtype": lib.float64}}):
        log.note(nn.factory_kwargs(given))
    log.attempt("unknown", lambda: nn.factory_kwargs({"no": 1}))
    twice = {"dtype": 1, "factory_kwargs": {"dtype": 2}}
    log.attempt("twice", lambda: nn.factory_kwargs(twice))
    net = nn.DataParallel(nn.Linear(2, 2))
    log.note(net, list(net.state_dict()), net.device_ids)
    state = net.state_dict()
    nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
    log.note(list(state), state._metadata)
    log.attempt("container", lambda: nn.Container(a=nn.ReLU(), b=None))
    inner = nn.Sequential(nn.BatchNorm1d(3, affine=False))
    outer = nn.Sequential(nn.BatchNorm2d(2, momentum=None), inner)
    norms = nn.SyncBatchNorm.convert_sync_batchnorm(outer)
    log.note(norms, list(norms.state_dict()), type(norms[0]).__name__, norms[0].momentum)


SCENARIOS = [
    norms,
    values,
    vectors,
    fusion,
    without_values,
    other_tensors,
    gradients_of_convolutions,
    small_things,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_as_pytorch(scenario: Any) -> None:
    compare(scenario)


def test_data_parallel() -> None:
    """PyTorch's function needs a GPU; with one device it calls the module."""
    x = jtorch.ones(2)
    assert jtorch.nn.parallel.data_parallel(jtorch.nn.Identity(), x, module_kwargs={}) is x
