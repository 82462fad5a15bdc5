"""Gaussian sums by non-uniform fast Fourier transforms."""

import math

import finufft
import numpy as np


def fourier_modes(rows, atol):
    """Modes per dimension."""
    cutoff = math.sqrt(math.log(10 * len(rows) / atol))
    period = np.ptp(rows, axis=0) + cutoff
    return 2 * np.ceil(period * math.sqrt(math.log(100 / atol)) / math.pi).astype(int) + 1


def fourier_density(rows, atol):
    """Gaussian sums at every row."""
    n, d = rows.shape
    cutoff = math.sqrt(math.log(10 * n / atol))
    period = np.ptp(rows, axis=0) + cutoff
    modes = fourier_modes(rows, atol)
    angles = [
        np.ascontiguousarray((rows[:, k] - rows[:, k].min()) * (2 * np.pi / period[k]) - np.pi)
        for k in range(d)
    ]
    eps = max(atol * 0.1, 1e-14)
    type1 = getattr(finufft, f"nufft{d}d1")
    type2 = getattr(finufft, f"nufft{d}d2")
    spectrum = type1(
        *angles, np.ones(n, complex), tuple(map(int, modes)), eps=eps, isign=-1, nthreads=1
    )
    for k in range(d):
        m = np.arange(modes[k]) - modes[k] // 2
        g = math.sqrt(math.pi) / period[k] * np.exp(-((math.pi * m / period[k]) ** 2))
        spectrum *= g.reshape([-1 if j == k else 1 for j in range(d)])
    return np.ascontiguousarray(type2(*angles, spectrum, eps=eps, isign=1, nthreads=1).real)
