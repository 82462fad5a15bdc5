"""CMDImageTransformer against matplotlib's savefig, read back and resized by Pillow.

Images of the same diagrams by both ways, in one process and one thread, on CPU time:

    python benchmarks/cmd_images.py
    python benchmarks/cmd_images.py --data FOLDER --figure cmd_images.png

With a folder of data (or CLIMBKIT_DATA) the members of real globular clusters are drawn too. The
last lines are a table; the figure shows some images of both ways.
"""

import argparse
import io
import os

# Before NumPy is loaded: one thread.
for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from PIL import Image

from climbkit.cmd import CMDImageTransformer
from climbkit.plotting import CMDDisplay

COUNTS = (10, 30, 100, 300, 1_000, 3_000, 10_000)
N_PEER = 8  # images by the slow way, of each kind
LEAST_SECONDS = 0.3  # of CPU by the quick way
MOST_AT_A_TIME = 400
SIDE, FIGURE, DPI = 128, 600, 100.0
REAL_FILE = "cmd_training/globular_cluster_members_edr3.parquet"


def simulated(n_stars, rng):
    """A main sequence with its turn-off, giants and some field."""
    g = rng.triangular(14.0, 20.8, 20.8, n_stars)
    color = np.where(g < 17.5, 1.4 - 0.12 * (g - 14), 0.75 + 0.03 * (g - 18.5) ** 2)
    return color + rng.normal(0, 0.02 + 0.1 * 10 ** (0.3 * (g - 21)), n_stars), g


def real_clusters(folder):
    """Colours and magnitudes of the members of each globular cluster."""
    table = pd.read_parquet(Path(folder) / REAL_FILE)
    magnitude = next(name for name in table if name in ("phot_g_mean_mag", "g_mag", "G"))
    cluster = next(name for name in table if name in ("cluster", "name", "Cluster"))
    # Members of crowded cores have no colour.
    return {
        name: (stars["bp_rp"].to_numpy(float), stars[magnitude].to_numpy(float))
        for name, stars in table.groupby(cluster)
        if stars["bp_rp"].notna().any()
    }


def by_matplotlib(color, g):
    """The published way, but through memory instead of a file."""
    figure = plt.figure(figsize=(FIGURE / DPI, FIGURE / DPI), dpi=DPI)
    ax = figure.add_subplot()
    ax.scatter(color, g, s=1, c="black")
    seen = np.isfinite(color) & np.isfinite(g)
    ax.set_xlim(color[seen].min() - 0.15, color[seen].max() + 0.26)
    ax.set_ylim(21.0, g[seen].min() - 0.17)
    ax.axis("off")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    image = Image.open(file).convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def compare(diagrams):
    """CPU seconds an image by both ways, and how the images differ."""
    drawing = CMDImageTransformer(SIDE, figure_size=FIGURE, dpi=DPI, channel_axis=False)
    many = [diagrams[i % len(diagrams)] for i in range(MOST_AT_A_TIME)]
    drawing.transform(many)  # compiled, and with memory as any later call finds it
    by_matplotlib(*diagrams[0])
    n_images, start = 0, time.process_time()
    while (quick := time.process_time() - start) < LEAST_SECONDS:
        n_images += len(drawing.transform(many))
    some = diagrams[:: max(1, len(diagrams) // N_PEER)][:N_PEER]
    start = time.process_time()
    expected = np.array([by_matplotlib(*stars) for stars in some])
    slow = time.process_time() - start
    difference = np.abs(drawing.transform(some) - expected)
    return {
        "stars": float(np.mean([len(color) for color, _ in diagrams])),
        "us": 1e6 * quick / n_images,
        "peer_ms": 1e3 * slow / len(some),
        "ratio": (slow / len(some)) / (quick / n_images),
        "mad": float(difference.mean()),
        "max": float(difference.max()),
        "equal": float((difference == 0).mean()),
    }


def print_line(name, result):
    """One line of the table."""
    print(
        f"{name:24}{result['stars']:9.0f}{result['us']:10.1f}{result['peer_ms']:10.1f}"
        f"{result['ratio']:8.0f}{result['mad']:10.1e}{255 * result['max']:9.1f}"
        f"{100 * result['equal']:10.2f}"
    )


def draw_both(diagrams, path):
    """Images of both ways below each other."""
    stars = list(diagrams.values())
    ours = CMDImageTransformer(channel_axis=False).transform(stars)
    theirs = np.array([by_matplotlib(*one) for one in stars])
    titles = [*(f"{name}, climbkit" for name in diagrams), *(f"{n}, matplotlib" for n in diagrams)]
    display = CMDDisplay.from_images(
        np.concatenate([ours, theirs]), titles=titles, n_columns=len(stars)
    )
    display.figure_.savefig(path)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("CLIMBKIT_DATA"), help="folder of data")
    parser.add_argument("--figure", help="file for images of both ways")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    lines = {
        "simulated": [[simulated(count, rng) for _ in range(N_PEER)] for count in COUNTS],
    }
    shown = {f"{count} stars": lines["simulated"][i][0] for i, count in enumerate(COUNTS[::2])}
    if options.data:
        clusters = real_clusters(options.data)
        some = {name: stars for name, stars in clusters.items() if len(stars[0]) <= 1_000}
        lines |= {"real, all members": [list(clusters.values())]}
        lines |= {"real, up to 1,000": [list(some.values())]}
        shown = dict(list(clusters.items())[:: max(1, len(clusters) // 6)][:6])
    print(
        f"{'diagrams':24}{'stars':>9}{'us/image':>10}{'peer ms':>10}{'ratio':>8}"
        f"{'mean diff':>10}{'max/255':>9}{'equal %':>10}"
    )
    for name, sets in lines.items():
        for diagrams in sets:
            print_line(name, compare(diagrams))
    if options.figure:
        draw_both(shown, options.figure)


if __name__ == "__main__":
    main()
