"""Trains the network that tells star clusters from field stars by their diagrams.

    python benchmarks/train_cmd_cnn.py search --data FOLDER    # candidates of searches, once
    python benchmarks/train_cmd_cnn.py draw --images 100000    # diagrams to train on
    python benchmarks/train_cmd_cnn.py train                   # stopped, it goes on with --resume
    python benchmarks/train_cmd_cnn.py export                  # climbkit/neural/weights/cmd.keras
    python benchmarks/train_cmd_cnn.py evaluate                # the figures of the model card

FOLDER (or CLIMBKIT_DATA) holds the catalogues. Everything in between goes to the folder --cache.
Clusters, and the fields of the negatives, are split into those to train on, to validate on and to
test: no cluster or field is on two sides. PyTorch trains; the result runs in Keras on any backend.
"""

import argparse
import itertools
import math
import os
import time
from pathlib import Path

import numpy as np

SPLITS = ("train", "validation", "test")
SEEDS = {"train": 1, "validation": 2, "test": 3}
CHUNK = 4_000  # images in a file, and of a pass
N_SYNTHETIC_CLUSTERS, N_SYNTHETIC_FIELDS = 250, 10  # anew for each file
N_HELD_OUT = {"validation": 4_000, "test": 8_000}
CHECKPOINT = "network.pt"
WEIGHTS = Path(__file__).parents[1] / "climbkit" / "neural" / "weights" / "cmd.keras"
ARCHITECTURE = "cmd_residual"
HELD_OUT = ("validation", "validation_whole")
WARM_UP = 8_000  # images until the learning rate is full
DECAY = 1e-2
#: What is kept is a mean of the weights after about the last so many passes.
MEAN_PASSES = 10
CHECK_EVERY = 5  # passes
LEAST_PERSISTENCE = 0.1  # of what the published search draws
THRESHOLD = 0.8  # probability above which the published search keeps a candidate
FALSE_SHARE = 0.03  # of the false groups and random draws of the validation that may reach it
SIZE_BOUNDS = (6, 10, 15, 20, 30, 50, 100, 300, 100_000)
ENOUGH_STARS = (6, 15, 20, 30)


def search(options):
    """Put clusters into fields, search them, and keep the candidates."""
    from _cmd_found import save_found, search_candidates
    from _cmd_sources import GLOBULAR, OPEN, load_clusters, load_fields

    clusters, fields = load_clusters(options.data), load_fields(options.data)
    for split in SPLITS:
        rng = np.random.default_rng(SEEDS[split])
        by_kind = [
            [each for each in clusters[split] if each.kind == kind] for kind in (GLOBULAR, OPEN)
        ]
        found, own_fields = [], fields[split]
        for _ in range(options.searches):
            own = by_kind[rng.integers(2)]
            field = own_fields[rng.integers(len(own_fields))]
            found += search_candidates(own[rng.integers(len(own))], field, rng)
        save_found(options.cache / f"found_{split}.npz", found)
        print(split, len(found), "candidates", flush=True)


def draw(options):
    """Draw diagrams to train on, in files of `CHUNK`, and those that are held out."""
    from _cmd_candidates import (
        draw_candidates,
        save_images,
        searched_candidates,
        whole_candidates,
    )
    from _cmd_found import load_found
    from _cmd_sources import load_clusters, load_fields
    from _cmd_synthetic import disc_stars, synthetic_clusters, synthetic_field

    clusters, fields = load_clusters(options.data), load_fields(options.data)
    for split in SPLITS:
        found = load_found(options.cache / f"found_{split}.npz")
        own = clusters[split], fields[split], found
        if split != "train":
            rng = np.random.default_rng([SEEDS[split], 1])
            candidates = draw_candidates(N_HELD_OUT[split], *own, rng)
            save_images(options.cache / f"{split}.npz", candidates)
            as_found = searched_candidates(found, clusters[split], LEAST_PERSISTENCE)
            save_images(options.cache / f"{split}_searched.npz", as_found)
            rng = np.random.default_rng([SEEDS[split], 2])
            save_images(options.cache / f"{split}_whole.npz", whole_candidates(*own, rng))
            continue
        for number in range(math.ceil(options.images / CHUNK)):
            rng = np.random.default_rng([SEEDS[split], 1, number])
            disc = disc_stars(rng)
            candidates = draw_candidates(
                CHUNK,
                clusters[split] + synthetic_clusters(N_SYNTHETIC_CLUSTERS, rng),
                fields[split] + [synthetic_field(disc, rng) for _ in range(N_SYNTHETIC_FIELDS)],
                found,
                rng,
                varied=True,
            )
            save_images(options.cache / f"chunk_{number:04d}.npz", candidates, rng)


def train(options):
    """Train for so many images, from the checkpoint if asked, and keep a checkpoint on the way."""
    import _cmd_torch as network_module
    import torch
    from sklearn.metrics import roc_auc_score

    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    network = network_module.make_network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=options.rate, weight_decay=DECAY)
    path, seen = options.cache / CHECKPOINT, 0
    mean = network_module.make_network()
    if options.resume:
        seen = network_module.load_checkpoint(path, network, mean)["seen"]
    first, n_passes = seen, seen // CHUNK
    rng = np.random.default_rng([options.seed, seen])
    held_out = {name: np.load(options.cache / f"{name}.npz") for name in HELD_OUT}
    held_out = {name: (each["images"], each["y"]) for name, each in held_out.items()}
    files = sorted(options.cache.glob("chunk_*.npz"))
    begin, order = time.monotonic(), []
    while seen < options.passed:
        order = order or [files[row] for row in rng.permutation(len(files))]
        with np.load(order.pop()) as chunk:
            X, y = chunk["images"], chunk["y"]

        def rate(share, done=seen, n_images=y.size):
            done = done + share * n_images
            slow_start = min(1.0, (done - first) / WARM_UP)
            cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, done / options.passed))
            return options.rate * slow_start * max(1e-3, cosine)

        loss = network_module.train_epoch(
            network, optimizer, rate, X, y, batch_size=options.batch_size, rng=rng
        )
        seen, n_passes = seen + len(y), n_passes + 1
        network_module.move_towards(mean, network, max(1.0 / MEAN_PASSES, 1.0 / n_passes))
        if n_passes % CHECK_EVERY and seen < options.passed:
            continue
        network_module.save_checkpoint(path, network, mean, {"seen": seen})
        auc = [
            f"{roc_auc_score(y, network_module.logits_of(mean, X)):.4f} ({name})"
            for name, (X, y) in held_out.items()
        ]
        minutes = (time.monotonic() - begin) / 60
        print(
            f"{minutes:5.1f} min, {seen:7d} images, loss {loss:.4f}, AUC {', '.join(auc)}",
            flush=True,
        )


def export(options):
    """Put the weights into the Keras network, fit temperature and prior, and save it."""
    import _cmd_torch as network_module

    from climbkit.neural import ARCHITECTURES, CNNClassifier

    network, mean = network_module.make_network(), network_module.make_network()
    network_module.load_checkpoint(options.cache / CHECKPOINT, network, mean)
    keras_network = ARCHITECTURES[ARCHITECTURE]((128, 128, 1), 1)
    keras_network.set_weights(network_module.keras_weights(mean))
    model = CNNClassifier.from_network(keras_network, classes=[0, 1], architecture=ARCHITECTURE)
    with np.load(options.cache / "validation.npz") as held_out:
        X, y, kind = held_out["images"], held_out["y"], held_out["kind"]
    model.calibrate(X, y)
    # Which share of the candidates are clusters differs from search to search, so that any prior
    # is a choice: that for which few false groups and random draws reach the published threshold.
    false = (y == 0) & np.isin(kind, ["found", "random"])
    logits = model.decision_function(X) / model.temperature_
    limit = np.quantile(logits[false], 1 - FALSE_SHARE)
    prior = math.log(THRESHOLD / (1 - THRESHOLD)) - limit
    weights = keras_network.get_weights()
    weights[-1] = weights[-1] + np.float32(prior * model.temperature_)
    keras_network.set_weights(weights)
    WEIGHTS.parent.mkdir(exist_ok=True)
    model.save(WEIGHTS)
    recall = np.mean(logits[y == 1] >= limit)
    print(f"temperature {model.temperature_:.3f}, prior log-odds {prior:.3f}, recall {recall:.3f}")
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size / 1e6:.2f} MB")


def evaluate(options):
    """Print how well the shipped network does on clusters and fields it never saw."""
    from climbkit.neural import CNNClassifier

    model = CNNClassifier.pretrained("cmd")
    for name in ("test", "test_searched", "test_whole"):
        with np.load(options.cache / f"{name}.npz") as test:
            y, n_stars, kind, source = (test[each] for each in ("y", "n_stars", "kind", "source"))
            p = model.predict_proba(test["images"])[:, 1]
        print(f"\n{name}: {len(np.unique(source[y == 1]))} clusters\n")
        print("| candidates | clusters | field | ROC AUC | recall at 0.8 | false at 0.8 |")
        print("|---|---|---|---|---|---|")
        for low, high in itertools.pairwise(SIZE_BOUNDS):
            size = f"{low} to {high - 1} stars" if high < SIZE_BOUNDS[-1] else f"{low} and more"
            _print_row(size, y, p, (n_stars >= low) & (n_stars < high))
        for low in ENOUGH_STARS:
            _print_row(f"all of {low} stars and more", y, p, n_stars >= low)
        if name == "test_whole":
            _print_kinds(y, p, kind)
        print("\n| kind | candidates | p >= 0.8 | of 30 stars and more | p >= 0.8 |")
        print("|---|---|---|---|---|")
        groups = [(each, kind == each) for each in np.unique(kind)]
        groups += [(each, (source == each) & (y == 0)) for each in np.unique(source[y == 0])]
        for label, own in groups:
            rich = own & (n_stars >= ENOUGH_STARS[-1])
            kept = [f"{np.mean(p[rows] >= THRESHOLD):.3f}" for rows in (own, rich) if rows.any()]
            print(f"| {label} | {own.sum()} | {kept[0]} | {rich.sum()} | {kept[-1]} |")


def _print_kinds(y, p, kind):
    """Print a row for each kind of cluster, against random draws and false groups and all."""
    for label, field in (
        ("random and found", ["random", "found"]),
        ("all", np.unique(kind[y == 0])),
    ):
        field = np.isin(kind, field)
        for own in np.unique(kind[y == 1]):
            _print_row(f"{own} against {label}", y, p, field | (kind == own))
        _print_row(f"both against {label}", y, p, field | (y == 1))


def _print_row(name, y, p, rows):
    from sklearn.metrics import roc_auc_score

    cluster, field = rows & (y == 1), rows & (y == 0)
    if not (cluster.any() and field.any()):
        return
    auc = roc_auc_score(y[rows], p[rows])
    recall, false = np.mean(p[cluster] >= THRESHOLD), np.mean(p[field] >= THRESHOLD)
    print(f"| {name} | {cluster.sum()} | {field.sum()} | {auc:.3f} | {recall:.3f} | {false:.3f} |")


STEPS = {each.__name__: each for each in (search, draw, train, export, evaluate)}


def main():
    """Run one step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("--data", type=Path, default=os.environ.get("CLIMBKIT_DATA"))
    parser.add_argument("--cache", type=Path, default=Path("build/cmd_training"))
    parser.add_argument("--searches", type=int, default=1_000, help="of each split")
    parser.add_argument("--images", type=int, default=200_000, help="drawn, each used anew")
    parser.add_argument("--passed", type=int, default=420_000, help="images to train on in all")
    parser.add_argument("--rate", type=float, default=1e-3, help="largest learning rate")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.step in ("search", "draw") and not options.data:
        parser.error("--data is needed, or the environment variable CLIMBKIT_DATA")
    options.cache.mkdir(parents=True, exist_ok=True)
    STEPS[options.step](options)


if __name__ == "__main__":
    main()
