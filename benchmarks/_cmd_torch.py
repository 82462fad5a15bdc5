"""The network of `CNNClassifier("cmd")`, trained in PyTorch and put back into Keras.

A step of one image takes Keras 20 to 30 ms of CPU time, on any of its backends, and this 4 ms:
images in channels-last order, and products in bfloat16. Like the network in Keras it sees ink,
1 - image, here times a constant that goes into the weights of the first layer at the end.
"""

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import nn

from climbkit.neural._residual import DENSE, FIRST_FILTERS, STAGES

SIDE = 4  # of the image, in pixels, before the dense layers
N_THREADS = 2
INK_SCALE = 3.0  # so that points weigh about 1
WHITE = 255.0


class Residual(nn.Module):
    """Two convolutions whose result is added to what they were given."""

    def __init__(self, channels):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.second(torch.relu(self.first(torch.relu(x))))


def make_network():
    """Return `climbkit.neural.ARCHITECTURES["cmd_residual"]`: one logit, random weights."""
    layers = [nn.Conv2d(1, FIRST_FILTERS, 3, padding=1), nn.MaxPool2d(2)]
    channels = FIRST_FILTERS
    for filters, n_blocks in STAGES:
        layers += [nn.ReLU(), nn.Conv2d(channels, filters, 3, stride=2, padding=1)]
        layers += [Residual(filters) for _ in range(n_blocks)]
        channels = filters
    layers += [nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()]
    layers += [nn.Linear(channels * SIDE**2, DENSE), nn.ReLU(), nn.Linear(DENSE, 1)]
    network = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    for layer in network.modules():
        if isinstance(layer, Residual):
            nn.init.zeros_(layer.second.weight)
    return network


def as_ink(images):
    """Images of 8 bits, shape (n, 128, 128), as what the network sees."""
    ink = torch.from_numpy(images).float().neg_().add_(WHITE).mul_(INK_SCALE / WHITE)
    return ink[:, None].contiguous(memory_format=torch.channels_last)


def logits_of(network, images, batch_size=32):
    """Return the logit of each image of 8 bits, shape (n,)."""

    def part(begin):
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            return network(as_ink(images[begin : begin + batch_size])).float()[:, 0]

    with ThreadPoolExecutor(N_THREADS) as threads:
        return torch.cat(list(threads.map(part, range(0, len(images), batch_size)))).numpy()


def train_epoch(network, optimizer, rate, images, y, *, batch_size, rng):
    """Run once over images.

    Parameters
    ----------
    network, optimizer : Module and Optimizer
        What is trained, in place.
    rate : callable
        ``rate(share)`` gives the learning rate when this share of the images is done.
    images : ndarray of shape (n, 128, 128), dtype uint8
        255 is white.
    y : ndarray of shape (n,)
        0 or 1.
    batch_size : int
        Images in a step, which are shared among the threads.
    rng : Generator
        Shuffles.

    Returns
    -------
    loss : float
        Mean over the images.
    """
    order = rng.permutation(len(y))
    target = torch.from_numpy(y.astype(np.float32))
    parameters = list(network.parameters())
    starts = iter(range(0, len(y) - batch_size + 1, batch_size))
    lock, losses = Lock(), []

    def work(replica):
        own = list(replica.parameters())
        while True:
            with lock:
                begin = next(starts, None)
                if begin is None:
                    return
                for mine, newest in zip(own, parameters, strict=True):
                    mine.data.copy_(newest.data)
            rows = order[begin : begin + batch_size]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out = replica(as_ink(images[rows])).float()[:, 0]
            loss = nn.functional.binary_cross_entropy_with_logits(out, target[rows])
            gradients = torch.autograd.grad(loss, own)
            with lock:
                losses.append(loss.item())
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter.grad = gradient
                for group in optimizer.param_groups:
                    group["lr"] = float(rate(begin / len(y)))
                optimizer.step()

    # Each thread steps by itself, one step late at most: waiting for each other is slow where other
    # programs run too, and torch's own threads wait in each layer.
    with ThreadPoolExecutor(N_THREADS) as threads:
        list(threads.map(work, [copy.deepcopy(network) for _ in range(N_THREADS)]))
    return float(np.mean(losses))


def keras_weights(network):
    """Return the weights in the order and layout of the network in Keras."""
    weights = []
    for layer in network.modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        kernel = layer.weight.detach().double().numpy()
        if isinstance(layer, nn.Conv2d):
            kernel = kernel.transpose(2, 3, 1, 0)
            if not weights:
                kernel = kernel * INK_SCALE
        elif kernel.shape[0] == DENSE:  # Keras lays channels last when it flattens
            kernel = kernel.reshape(DENSE, -1, SIDE, SIDE).transpose(2, 3, 1, 0)
            kernel = kernel.reshape(-1, DENSE)
        else:
            kernel = kernel.T
        weights += [kernel.astype(np.float32), layer.bias.detach().float().numpy()]
    return weights


def move_towards(mean, network, share):
    """Take a share of each weight from the network."""
    with torch.no_grad():
        for kept, newest in zip(mean.parameters(), network.parameters(), strict=True):
            kept.lerp_(newest, share)


def save_checkpoint(path, network, mean, progress):
    """Write network, mean and progress; the file of before stays until the new is whole."""
    path = Path(path)
    part = path.with_suffix(".part")
    state = {"network": network.state_dict(), "mean": mean.state_dict()}
    torch.save({**state, "progress": progress}, part)
    part.replace(path)


def load_checkpoint(path, network, mean):
    """Read what `save_checkpoint` wrote and return the progress."""
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    mean.load_state_dict(state["mean"])
    return state["progress"]
