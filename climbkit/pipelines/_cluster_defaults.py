"""The stages that a cluster search has unless it is told otherwise."""

import importlib.util
from importlib import resources

import numpy as np

from climbkit.cmd._candidate_classifier import CandidateClassifier
from climbkit.survey._crossmatch import CatalogueCrossmatch
from climbkit.survey._gaia_cuts import CUTS
from climbkit.survey._gaia_quality import GaiaQualityMask
from climbkit.survey._membership import GMMMembership
from climbkit.survey._repetitions import RepetitionMerger
from climbkit.survey._selector import CandidateSelector
from climbkit.survey._significance import ClusterSignificanceTest
from climbkit.survey._star_columns import numbers_in
from climbkit.survey._structure import ClusterStructure
from climbkit.survey._tiled_hdbscan import TiledHDBSCAN
from climbkit.survey._widening import CandidateWidening

#: Parameters of the quality mask: Lindegren et al. 2021 (A&A 649, A2) advise a ruwe below 1.4.
#: Cuts of the published search that take faint or crowded stars are left out, as membership knows
#: the errors of each star.
_QUALITY = {
    "min_parallax_over_error": -5.0,
    "require_photometry": False,
    "min_params_solved": 3,
    "max_ruwe": 1.4,
    "max_excess_noise_sig": None,
    "max_harmonic_amplitude": None,
    "min_visibility_periods": None,
    "max_multi_peak": None,
}
# Variance of the parallax [microarcsec^2] against z, and errors of proper motions by that of the
# parallax: Gaia DR3, https://www.cosmos.esa.int/web/gaia/science-performance
_PARALLAX_VARIANCE = (40.0, 800.0, 30.0)
_ERRORS = {"parallax_error": 1.0, "pmra_error": 1.03, "pmdec_error": 0.89}
_BRIGHT, _ZERO = 13.0, 15.0  # G below which errors are constant, and of z = 1
_MAGNITUDE = "phot_g_mean_mag"
_PHOTOMETRY = ("bp_rp", _MAGNITUDE)
_WEIGHTS = "cmd.keras"  # of the default classifier

#: Classes of the stages by their parameter, for the builder.
STAGES = {
    "quality": GaiaQualityMask,
    "tiledhdbscan": TiledHDBSCAN,
    "preselection": CandidateSelector,
    "merger": RepetitionMerger,
    "widening": CandidateWidening,
    "membership": GMMMembership,
    "significance": ClusterSignificanceTest,
    "classifier": CandidateClassifier,
    "selection": CandidateSelector,
    "structure": ClusterStructure,
    "crossmatch": CatalogueCrossmatch,
}
_PARAMETERS = {
    "quality": _QUALITY,
    "preselection": {"min_persistence": 0.05},
    "merger": {"min_share": 0.5},
    "membership": {"max_iter": 100},
    "significance": {"n_draws": 199},
    "selection": {
        "min_members": 10,
        "min_evidence": 20.0,
        "max_p_cst": 0.01,
        "sure_evidence": 3.5,
        "min_class_probability": 0.05,
    },
}


def default_stage(name):
    """Return a new stage with the parameters of the search.

    Parameters
    ----------
    name : str
        Parameter of `ClusterSearch`.

    Returns
    -------
    stage : BaseEstimator
        Not fitted.
    """
    return STAGES[name](**_PARAMETERS.get(name, {}))


def possible_cuts(mask, columns):
    """Return a quality mask without the cuts whose columns are absent.

    Parameters
    ----------
    mask : GaiaQualityMask
        Any.
    columns : DataFrame
        Stars.

    Returns
    -------
    mask : GaiaQualityMask
        A new one.
    left_out : list of str
        Names of the cuts that were left out.
    """
    limits = {name: getattr(mask, name) for name in CUTS}
    wanted = [name for name, limit in limits.items() if limit is not None and limit is not False]
    left_out = [name for name in wanted if not set(CUTS[name].columns(columns)) <= set(columns)]
    off = {name: False if name == "require_photometry" else None for name in left_out}
    return GaiaQualityMask(**{**mask.get_params(), **off}), left_out


def with_errors(table):
    """Return stars with errors of parallax and proper motions, as they usually are.

    Parameters
    ----------
    table : DataFrame of shape (n_stars, n_columns)
        Stars.

    Returns
    -------
    table : DataFrame
        The same with the columns of errors that it lacked, by magnitude as of Gaia DR3.
    added : list of str or None
        Names of these columns; None where they cannot be told, without ``phot_g_mean_mag``.
    """
    added = [name for name in _ERRORS if name not in table]
    if not added:
        return table, added
    if _MAGNITUDE not in table:
        return table, None
    z = 10.0 ** (0.4 * (np.maximum(numbers_in(table, _MAGNITUDE), _BRIGHT) - _ZERO))
    error = np.sqrt(np.polynomial.polynomial.polyval(z, _PARALLAX_VARIANCE)) / 1000.0
    return table.assign(**{name: _ERRORS[name] * error for name in added}), added


def classifier_lacks(stars):
    """Tell what the default classifier cannot do without.

    Parameters
    ----------
    stars : DataFrame
        Stars.

    Returns
    -------
    lacking : str
        In words; empty where nothing is lacking.
    """
    if importlib.util.find_spec("keras") is None:
        return "Keras is not installed (pip install climbkit[neural])"
    if not resources.files("climbkit.neural").joinpath("weights", _WEIGHTS).is_file():
        return "there are no trained weights"
    absent = [name for name in _PHOTOMETRY if name not in stars]
    return f"the stars have no {' and no '.join(absent)}" if absent else ""
