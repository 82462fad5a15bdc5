"""Simulated XP spectra beside real ones: noise, mean spectra, and whether they can be told apart.

    CLIMBKIT_DATA=FOLDER python benchmarks/xp_likeness.py [--hard]

FOLDER holds spectra/xp_sampled343_field2000.npz: 2,000 real spectra of field stars. Each is set
beside the simulated star (make_xp_spectra) nearest in G and BP-RP, so that the populations agree.
The first table compares the given errors, the second the median spectra, both of spectra divided
by their norm; last comes the AUC of a classifier of real against simulated: 0.5 is what cannot be
told apart. ``--hard`` adds how hard the simulated task is for plain classifiers: 20,000 simulated
spectra, half of them of massive stars, five folds.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import cross_val_predict, cross_val_score
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from climbkit.datasets import make_xp_spectra
from climbkit.datasets._xp_gaiaxpy import load_bases

FAINTEST = 17.65  # G, of the spectra that Gaia DR3 published
COLOR_SCALE = 5.0  # a difference of 0.2 in BP-RP counts as much as one of 1 in G
FARTHEST = 0.3  # in G; real stars without a simulated one so near are left out
COLORS = ((0.6, 0.9), (0.9, 1.1), (1.1, 1.4), (1.4, 1.9), (1.9, 3.0))
SAMPLES = (0, 20, 32, 60, 100, 147, 180, 230, 280, 320, 342)


def unit(flux):
    """Divide spectra by their norm."""
    norm = np.linalg.norm(flux, axis=1, keepdims=True)
    return flux / norm, norm


def linear(n_components):
    """Give logistic regression on principal components."""
    return make_pipeline(PCA(n_components), StandardScaler(), LogisticRegression(max_iter=1000))


def read_real(folder):
    """Give flux, error, G and BP-RP of the real stars."""
    real = np.load(Path(folder) / "spectra" / "xp_sampled343_field2000.npz")
    bases = load_bases(tuple(real["wavelength_nm"]))
    coefficients = np.hstack([real["bp_coeff"], real["rp_coeff"]]).astype(np.float64)
    flux = np.maximum(coefficients @ bases.photometry, np.finfo(float).tiny)
    g, bp, rp = (bases.zero_points - 2.5 * np.log10(flux)).T
    kept = (g < FAINTEST) & np.isfinite(real["flux"]).all(axis=1)
    columns = real["flux"], real["flux_error_diag"], g, bp - rp
    return [np.asarray(column[kept], dtype=np.float64) for column in columns]


def compare(folder):
    """Print how real and simulated spectra of the same brightness and colour differ."""
    flux, error, g, color = read_real(folder)
    mock = make_xp_spectra(
        20_000, massive_fraction=0, hard_negatives=0.05, faint_limit=FAINTEST, random_state=1
    )
    place = mock.frame[["phot_g_mean_mag", "bp_rp"]].to_numpy() * (1.0, COLOR_SCALE)
    search = NearestNeighbors(n_neighbors=1).fit(place)
    apart, twin = search.kneighbors(np.column_stack([g, COLOR_SCALE * color]))
    kept, twin = apart[:, 0] < FARTHEST, twin[apart[:, 0] < FARTHEST, 0]
    (real, real_norm), (fake, fake_norm) = unit(flux[kept]), unit(mock.data[twin].astype(float))
    print(f"{kept.sum()} real stars beside {len(set(twin))} simulated ones")

    ratio = np.median(mock.flux_error[twin] / fake_norm, axis=0)
    ratio /= np.median(error[kept] / real_norm, axis=0)
    print("\nmedian error, simulated over real")
    for k in SAMPLES:
        print(f"  {mock.wavelength[k]:5.0f} nm  {ratio[k]:.2f}")

    print("\nBP-RP       stars   rms difference of the medians / mean flux, all and from 400 nm")
    for low, high in COLORS:
        of = (color[kept] >= low) & (color[kept] < high)
        off = (np.median(real[of], axis=0) - np.median(fake[of], axis=0)) / real[of].mean()
        red = off[mock.wavelength >= 400]
        rms = [np.sqrt(np.mean(part**2)) for part in (off, red)]
        print(f"{low:.1f} to {high:.1f}  {of.sum():5d}   {rms[0]:.3f}  {rms[1]:.3f}")

    both = np.concatenate([real, fake])
    is_mock = np.repeat([0, 1], len(real))
    print("\nreal against simulated, AUC of logistic regression, five folds")
    for n in (5, 10, 40):
        auc = cross_val_score(linear(n), both, is_mock, cv=5, scoring="roc_auc").mean()
        print(f"  {n:2d} components  {auc:.3f}")


def judge():
    """Print how well plain classifiers tell simulated massive stars from lighter ones."""
    mock = make_xp_spectra(20_000, random_state=0)
    flux, _ = unit(mock.data.astype(float))
    boosted = make_pipeline(PCA(40), HistGradientBoostingClassifier(random_state=0))
    print("\nmassive against lighter stars, all simulated: AUC, accuracy")
    for name, model in (("logistic regression", linear(40)), ("gradient boosting", boosted)):
        p = cross_val_predict(model, flux, mock.target, cv=5, method="predict_proba")[:, 1]
        auc, accuracy = roc_auc_score(mock.target, p), accuracy_score(mock.target, p > 0.5)
        print(f"  {name:20s} {auc:.3f}  {accuracy:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hard", action="store_true", help="also judge the simulated task")
    arguments = parser.parse_args()
    compare(os.environ["CLIMBKIT_DATA"])
    if arguments.hard:
        judge()
