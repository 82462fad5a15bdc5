"""How often AssociationFinder calls chance an association, and how often it finds one.

    python benchmarks/associations.py [--fields 100] [--groups 20] [--draws 20] [--seed 0]

All stars are simulated: luminous ones of an exponential disc around the Sun, seen through dust,
with Gaia's errors, each field drawn anew. All tests are `NoveltyTest` with its defaults but for the
number of draws and the stabilities, which are left out.

smooth     extinction of 0.7 mag/kpc everywhere
dusty      the same on average, but different by direction, by a factor e on scales of 4 deg

false alarms   fields without associations with any group at p < 0.05, with their 95 %
               Clopper-Pearson interval
found          of other fields with one association of 40 stars, of a standard deviation of 50 pc:
               a group with Jaccard > 0.5 and p < 0.05
Jaccard > 0.5  the same, whatever its p-value
CPU            seconds per field without associations

With 20 draws p < 0.05 means that none of them stands out as much: a test that is exact says so in
4.8 % of all fields. Where one of the first five does, the others are not drawn.
"""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import argparse
import time

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.cluster import DBSCAN

from climbkit import ContrastDBSCAN, NoveltyTest
from climbkit.spectra import AssociationFinder

ALPHA = 0.05
FIRST_DRAWS = 5  # the first draws of a test are those of one with fewer
# kpc: the Sun's distance from the centre (GRAVITY 2019), the disc's scale length and height.
SUN, LENGTH, HEIGHT = 8.178, 2.6, 0.06
FARTHEST = 9.0  # kpc
ABSOLUTE_MAGNITUDES, LIMIT = (-5.5, -1.0), 15.0  # G
EXTINCTION = 0.7  # mag / kpc
DUST_SCALE, N_WAVES = 4.0, 100  # deg; waves that make up the dust
# mas: about those of Gaia DR3 (Lindegren et al. 2021), the same up to the magnitude.
ERROR, ERROR_MAGNITUDE = 0.02, 14.0
GROUP_SIZE, GROUP_SIGMA = 40, 0.05  # stars; kpc
GROUP_DISTANCES = (1.5, 2.5, 4.0)  # kpc
CLUSTERERS = {
    "eps 0.5": None,
    "eps 0.1": DBSCAN(eps=0.1, min_samples=10),
    "contrast": ContrastDBSCAN(),
}


def dust(rng, spread):
    """Extinction (mag/kpc) by direction, log-normal with this spread."""
    waves = rng.normal(0.0, 1.0 / DUST_SCALE, (N_WAVES, 2))
    phases = rng.uniform(0.0, 2 * np.pi, N_WAVES)

    def extinction(lon, lat):
        depth = np.cos(np.column_stack([lon, lat]) @ waves.T + phases).sum(axis=1)
        depth *= spread * np.sqrt(2 / N_WAVES)
        return EXTINCTION * np.exp(depth - spread**2 / 2)

    return extinction


def observe(xyz, extinction, rng):
    """Stars as Gaia sees those that are bright enough."""
    distance = np.linalg.norm(xyz, axis=1)
    lon = np.degrees(np.arctan2(xyz[:, 1], xyz[:, 0])) % 360
    lat = np.degrees(np.arcsin(xyz[:, 2] / distance))
    g = rng.uniform(*ABSOLUTE_MAGNITUDES, len(xyz)) + 5 * np.log10(100 * distance)
    g += extinction(lon, lat) * distance
    error = ERROR * 10 ** (0.2 * np.maximum(g - ERROR_MAGNITUDE, 0))
    parallax = 1 / distance + error * rng.normal(size=len(xyz))
    stars = pd.DataFrame({"l": lon, "b": lat, "parallax": parallax, "parallax_error": error})
    return stars[(g < LIMIT) & (parallax > 3 * error)]


def disc(n, extinction, rng):
    """Stars of a structureless disc."""
    seen = []
    while sum(map(len, seen)) < n:
        x, y = rng.uniform(-FARTHEST, FARTHEST, (2, 20_000))
        near = np.hypot(x, y) < FARTHEST
        near &= rng.uniform(size=len(x)) < np.exp(-np.hypot(SUN - x, y) / LENGTH)
        z = rng.laplace(0.0, HEIGHT, len(x))
        seen.append(observe(np.column_stack([x, y, z])[near], extinction, rng))
    return pd.concat(seen, ignore_index=True)[:n]


def association(distance, extinction, rng):
    """Stars of one association in the plane."""
    lon = rng.uniform(0, 2 * np.pi)
    centre = distance * np.array([np.cos(lon), np.sin(lon), 0.0])
    seen = []
    while sum(map(len, seen)) < GROUP_SIZE:
        stars = centre + GROUP_SIGMA * rng.normal(size=(GROUP_SIZE, 3))
        seen.append(observe(stars, extinction, rng))
    return pd.concat(seen, ignore_index=True)[:GROUP_SIZE]


def tested(clusterer, stars, n_draws, seed):
    """Fitted finder; with fewer draws where these tell that nothing has p < ALPHA."""
    for draws in (min(FIRST_DRAWS, n_draws), n_draws):
        test = NoveltyTest(n_draws=draws, n_bootstrap=0)
        finder = AssociationFinder(clusterer, significance=test, random_state=seed).fit(stars)
        p = finder.associations_["p_value"]
        if len(p) == 0 or p.min() * (draws + 1) > 1:
            break
    return finder


def alarms(clusterer, n_stars, spread, n_fields, n_draws, seed):
    count, start = 0, time.process_time()
    for field in range(n_fields):
        rng = np.random.default_rng([seed, field])
        stars = disc(n_stars, dust(rng, spread), rng)
        p = tested(clusterer, stars, n_draws, field).associations_["p_value"]
        count += len(p) > 0 and p.min() < ALPHA
    low, high = binomtest(count, n_fields).proportion_ci(method="exact")
    cpu = (time.process_time() - start) / n_fields
    return f"{count / n_fields:.1%} ({low:.1%} to {high:.1%})", f"{cpu:.1f}"


def finds(clusterer, n_stars, spread, distance, n_fields, n_draws, seed):
    found = overlap = 0
    for field in range(n_fields):
        rng = np.random.default_rng([seed, field, int(1000 * distance)])
        extinction = dust(rng, spread)
        stars = [disc(n_stars, extinction, rng), association(distance, extinction, rng)]
        finder = tested(clusterer, pd.concat(stars, ignore_index=True), n_draws, field)
        truth = np.arange(len(finder.labels_)) >= n_stars
        for label, p in enumerate(finder.associations_["p_value"]):
            own = finder.labels_ == label
            if np.sum(own & truth) > 0.5 * np.sum(own | truth):
                overlap += 1
                found += p < ALPHA
    return f"{found / n_fields:.0%}", f"{overlap / n_fields:.0%}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fields", type=int, default=100)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--stars", type=int, nargs="+", default=[3_000, 11_000])
    parser.add_argument("--spreads", type=float, nargs="+", default=[0.0, 1.0])
    parser.add_argument("--clusterers", nargs="+", choices=CLUSTERERS, default=list(CLUSTERERS))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    heads = ["stars", "dust", "clusterer", "false alarms", "CPU"]
    if args.groups:
        heads += [f"found ({distance} kpc), Jaccard > 0.5" for distance in GROUP_DISTANCES]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for n_stars in args.stars:
        for spread in args.spreads:
            for name in args.clusterers:
                settings = CLUSTERERS[name], n_stars, spread
                cells = [f"{n_stars:,}", "dusty" if spread else "smooth", name]
                cells += (
                    alarms(*settings, args.fields, args.draws, args.seed) if args.fields else []
                )
                for distance in GROUP_DISTANCES if args.groups else ():
                    cells.append(
                        ", ".join(finds(*settings, distance, args.groups, args.draws, args.seed))
                    )
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
