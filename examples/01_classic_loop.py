"""The classic loop, untouched: a straight line fitted to three points.

    python examples/01_classic_loop.py                         under jtorch
    python examples/01_classic_loop.py --with torch            the very same code under PyTorch
    python examples/01_classic_loop.py --compare --steps 4000  both, from one seed

Under jtorch one iteration of the loop is one compiled program, found again by its path.
Next: 02_digits.py.
"""

from _library import Run

run = Run(__doc__, steps=10)
torch = run.torch  # in your own code: import jtorch as torch
nn = torch.nn
optim = torch.optim

torch.manual_seed(0)
a = torch.tensor([[1.0], [2.0], [3.0]])
b = torch.tensor([[2.0], [4.0], [6.0]])
model = nn.Linear(1, 1)
loss_fn = nn.MSELoss()
optimizer = optim.SGD(model.parameters(), lr=0.01)

# The loop reads no loss, so that nothing stands in its way; a hook keeps them for the comparison.
loss_fn.register_forward_hook(lambda module, inputs, loss: run.log(loss))

for epoch in range(run.options.steps):
    pred = model(a)
    loss = loss_fn(pred, b)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

losses = run.finish()
print("losses:", ", ".join(f"{loss:.5f}" for loss in losses[:10]))
print(f"y = {model.weight.item():.4f} x + {model.bias.item():.4f}")
