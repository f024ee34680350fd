"""A convolutional network reads 1,797 real handwritten digits, 8 by 8 pixels each.

    python examples/02_digits.py                 under jtorch
    python examples/02_digits.py --with torch    the very same code under PyTorch
    python examples/02_digits.py --compare       both, from one seed: weights, shuffles, masks

It prints the test accuracy, and draws the loss curve and a sheet of the digits it got wrong.
Next: 03_text.py.
"""

import itertools
import math
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from _library import Run
from sklearn.datasets import load_digits
from tqdm import tqdm

run = Run(__doc__, steps=1150, output="examples/output")
torch = run.torch  # in your own code: import jtorch as torch
nn = torch.nn
data = torch.utils.data

# The digits: grey values from 0 to 16, four fifths to learn from and the rest to be tested on.
torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
train_set, test_set = data.random_split(data.TensorDataset(images, labels), [1437, 360])
train_loader = data.DataLoader(train_set, batch_size=64, shuffle=True)
test_loader = data.DataLoader(test_set, batch_size=360)

# Smooth all the way (GELU and averages): under ReLU or a maximum, a difference in the last bit
# now and then flips a unit, and two runs of PyTorch itself, with and without oneDNN, part by
# percents within 100 steps. Here they stay together to 6 digits.
model = nn.Sequential(
    nn.Conv2d(1, 16, kernel_size=3, padding=1),
    nn.GELU(),
    nn.Conv2d(16, 32, kernel_size=3, padding=1),
    nn.GELU(),
    nn.AvgPool2d(2),
    nn.Flatten(),
    nn.Dropout(0.25),
    nn.Linear(32 * 4 * 4, 64),
    nn.GELU(),
    nn.Dropout(0.5),
    nn.Linear(64, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

# Training: fifty rounds through the loader, if --steps doesn't say otherwise.
model.train()
epochs = itertools.chain.from_iterable(itertools.repeat(train_loader))
progress = tqdm(itertools.islice(epochs, run.options.steps), total=run.options.steps)
for image, label in progress:
    loss = loss_fn(model(image), label)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log(loss)
    progress.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
losses = run.finish()

# Testing: which digits does it read wrongly?
model.eval()
wrong = []
with torch.no_grad():
    for image, label in test_loader:
        guess = model(image).argmax(dim=1)
        mistaken = guess != label
        rows = zip(image[mistaken], label[mistaken], guess[mistaken], strict=True)
        wrong += [(i.squeeze(0).numpy(), t.item(), g.item()) for i, t, g in rows]
print(f"test accuracy: {1 - len(wrong) / len(test_set):.2%} of {len(test_set)} digits")

# Drawing: the loss curve, and the digits that were misread.
matplotlib.use("Agg")
output = Path(run.options.output)
output.mkdir(parents=True, exist_ok=True)

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
axes.semilogy(losses)
axes.set(xlabel="step", ylabel="loss", title=f"digits under {run.options.library}")
figure.savefig(output / "digits_loss.png", dpi=120)

rows = max(1, math.ceil(len(wrong) / 8))
figure, grid = plt.subplots(rows, 8, figsize=(8, 1.2 * rows + 0.4), layout="constrained")
for axes in grid.flat:
    axes.axis("off")
for axes, (picture, truth, guess) in zip(grid.flat, wrong, strict=False):
    axes.imshow(picture, cmap="gray_r")
    axes.set_title(f"{truth} read as {guess}", fontsize=8)
figure.suptitle(f"{len(wrong)} of {len(test_set)} digits misread")
figure.savefig(output / "digits_wrong.png", dpi=120)
print(f"drawn: {output / 'digits_loss.png'}, {output / 'digits_wrong.png'}")
