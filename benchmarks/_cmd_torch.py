"""The network of `CNNClassifier("cmd")`, trained in PyTorch and put back into Keras.

A step of one image takes Keras 20 to 30 ms of CPU time, on any of its backends, and this 5 ms:
images in channels-last order, products in bfloat16, and the maximum before ReLU, which is the same
function. Like the network in Keras it sees ink, 1 - image, here times a constant that goes into the
weights of the first layer at the end.
"""

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import nn

N_BLOCKS, N_FILTERS, KERNEL, POOL = 4, 32, 3, 2
N_DENSE, N_FLAT = 128, 1152
N_THREADS = 2
INK_SCALE = 3.0  # so that points weigh about 1
WHITE = 255.0


def make_network():
    """Return the published network: 192,289 parameters, one logit."""
    layers, channels = [], 1
    for _ in range(N_BLOCKS):
        layers += [nn.Conv2d(channels, N_FILTERS, KERNEL), nn.MaxPool2d(POOL), nn.ReLU()]
        channels = N_FILTERS
    layers += [nn.Flatten(), nn.Linear(N_FLAT, N_DENSE), nn.ReLU()]
    layers += [nn.Linear(N_DENSE, N_DENSE), nn.ReLU(), nn.Linear(N_DENSE, 1)]
    network = nn.Sequential(*layers).to(memory_format=torch.channels_last)
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
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
    """Return the weights in the order and layout of `climbkit.neural.ARCHITECTURES["cmd"]`."""
    weights, side = [], 6
    for number, layer in enumerate(network):
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        kernel = layer.weight.detach().float().numpy().astype(np.float64)
        bias = layer.bias.detach().float().numpy().astype(np.float64)
        if isinstance(layer, nn.Conv2d):
            kernel = kernel.transpose(2, 3, 1, 0)
            if number == 0:
                kernel = kernel * INK_SCALE
        elif kernel.shape[1] == N_FLAT:  # Keras lays channels last when it flattens
            kernel = kernel.reshape(N_DENSE, N_FILTERS, side, side).transpose(2, 3, 1, 0)
            kernel = kernel.reshape(N_FLAT, N_DENSE)
        else:
            kernel = kernel.T
        weights += [kernel.astype(np.float32), bias.astype(np.float32)]
    return weights


def save_checkpoint(path, network, optimizer, progress):
    """Write network, optimizer and progress; the file of before stays until the new is whole."""
    path = Path(path)
    part = path.with_suffix(".part")
    state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**state, "progress": progress}, part)
    part.replace(path)


def load_checkpoint(path, network, optimizer=None):
    """Read what `save_checkpoint` wrote and return the progress."""
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    if optimizer is not None:
        optimizer.load_state_dict(state["optimizer"])
    return state["progress"]
