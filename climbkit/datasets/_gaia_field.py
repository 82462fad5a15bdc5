"""Real fields of Gaia stars around known clusters, read from the user's own files."""

import os
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from climbkit._optional import import_optional
from climbkit.base import UNLABELLED
from climbkit.datasets._cluster_field import UNITS
from climbkit.datasets._rr_lyrae import DATA_VARIABLE

#: Units of the columns that a field may have; columns that are not named here have none.
_UNITS = UNITS | {"ra_error": "mas", "dec_error": "mas"}
_UNITS |= dict.fromkeys(["radial_velocity", "radial_velocity_error"], "km / s")
_UNITS |= dict.fromkeys(["phot_bp_mean_mag", "phot_rp_mean_mag"], "mag")
_UNITS |= dict.fromkeys(["bp_g", "g_rp", "grvs_mag"], "mag") | {"astrometric_excess_noise": "mas"}
_NEEDED = ("ra", "dec", "l", "b", "parallax", "pmra", "pmdec", "phot_g_mean_mag", "bp_rp")
_LABEL, _PROBABILITY = "ref_label", "ref_prob"

_UNFILTERED = "No quality cut: faint stars, and some without parallax and proper motion (NaN)."
_NO_MEMBERS = "Nobody's list of members comes with it."
_NARROW = (
    "Narrow: most of the stars are members. Membership is that of Vasiliev & Baumgardt (2021); "
    "a member has a probability above 0.5. Stars of crowded cores lack bp_rp."
)


class _Field(NamedTuple):
    path: str
    n_stars: int
    release: str
    caveat: str


_FIELDS = {
    "blanco1": _Field(
        "gaia_fields/blanco1_gaiadr2_g18.csv.gz",
        14785,
        "Gaia DR2",
        "G < 18 and ruwe < 1.4; holds ra = 0. Labels and probabilities disagree for 164 stars.",
    ),
    "blank": _Field(
        "gaia_fields/blank_ra45_dec0_gaiadr3_full.parquet",
        2390,
        "Gaia DR3",
        "No known cluster: a negative control, with every column of gaia_source. 375 stars have "
        "no parallax. Its column dist is the distance in degrees from (ra, dec) = (45, 0).",
    ),
    "m67": _Field(
        "gaia_fields/m67_gaiadr3.csv.gz", 10718, "Gaia DR3", f"{_UNFILTERED} {_NO_MEMBERS}"
    ),
    "ngc103": _Field(
        "gaia_fields/ngc103_gaiadr3_g18p5.csv.gz", 8683, "Gaia DR3", "G < 18.5; no source_id."
    ),
    "ngc2112": _Field("gaia_fields/ngc2112_gaia.csv.gz", 3040, "Gaia", _UNFILTERED),
    "ngc2323": _Field(
        "gaia_fields/ngc2323_gaiaedr3_filtered.csv.gz",
        16368,
        "Gaia EDR3",
        "Filtered by its authors: G < 18, no negative parallax, small errors; no source_id. "
        + _NO_MEMBERS,
    ),
    "ngc2477": _Field(
        "gaia_fields/ngc2477_gaia.csv.gz", 7100, "Gaia", f"{_UNFILTERED} {_NO_MEMBERS}"
    ),
    "ngc6405": _Field(
        "gaia_fields/ngc6405_gaia.csv.gz", 3835, "Gaia", f"{_UNFILTERED} {_NO_MEMBERS}"
    ),
    "ngc7789": _Field(
        "gaia_fields/ngc7789_gaia.csv.gz", 12859, "Gaia", f"{_UNFILTERED} {_NO_MEMBERS}"
    ),
    "ngc288": _Field(
        "gc_fields/ngc288_gaiaedr3.csv.gz",
        12191,
        "Gaia EDR3",
        f"{_NARROW} Within 0.9 deg of the South Galactic Pole.",
    ),
    "ngc362": _Field("gc_fields/ngc362_gaiaedr3.csv.gz", 19537, "Gaia EDR3", _NARROW),
    "ngc4147": _Field("gc_fields/ngc4147_gaiaedr3.csv.gz", 1419, "Gaia EDR3", _NARROW),
    "ngc6441": _Field(
        "gc_fields/ngc6441_crowded_gaiaedr3.csv.gz",
        22109,
        "Gaia EDR3",
        _NARROW.replace("most of the stars are", "13 % of the stars are"),
    ),
    "pal5": _Field("gc_fields/pal5_gaiaedr3.csv.gz", 824, "Gaia EDR3", _NARROW),
}
_LABELLED = ("blanco1", "ngc103", "ngc2112", "ngc288", "ngc362", "ngc4147", "ngc6441", "pal5")

_HOW_TO_GET = f"""\
The Gaia field {{name!r}} was not found {{where}}.
The fields are not part of climbkit. Set the environment variable {DATA_VARIABLE}, or the parameter
data_home, to a folder that holds {{path}}.
climbkit.datasets.make_cluster_field simulates a field with clusters, without any file."""

_DESCR = """{n} stars of {release} in the field {name!r}

{caveat}

This work has made use of data from the European Space Agency mission Gaia
(https://www.cosmos.esa.int/gaia), processed by the Gaia Data Processing and Analysis Consortium
(DPAC)."""


@validate_params({"labelled": ["boolean"]}, prefer_skip_nested_validation=True)
def gaia_field_names(*, labelled=False):
    """Name the fields that `load_gaia_field` knows.

    Parameters
    ----------
    labelled : bool, default=False
        Only those that come with published members.

    Returns
    -------
    names : list of str
        Names; whether the files are there is another question.

    Examples
    --------
    >>> from climbkit.datasets import gaia_field_names
    >>> len(gaia_field_names())
    14
    >>> gaia_field_names(labelled=True)
    ['blanco1', 'ngc103', 'ngc2112', 'ngc288', 'ngc362', 'ngc4147', 'ngc6441', 'pal5']
    """
    return [name for name in _FIELDS if not labelled or name in _LABELLED]


@validate_params(
    {"name": [str], "data_home": [str, os.PathLike, None]}, prefer_skip_nested_validation=True
)
def load_gaia_field(name, *, data_home=None):
    """Load a real field of Gaia stars, most of them around a known star cluster.

    Open clusters: blanco1, m67, ngc103, ngc2112, ngc2323, ngc2477, ngc6405, ngc7789. Globular
    clusters [1]_: ngc288, ngc362, ngc4147, ngc6441, pal5. No cluster: blank. The files are not
    part of climbkit: they are read from a folder of yours.

    Parameters
    ----------
    name : str
        Name of the field; see `gaia_field_names`.
    data_home : str or path-like, default=None
        Folder that holds the files, under ``gaia_fields/`` and ``gc_fields/``; the environment
        variable ``CLIMBKIT_DATA`` names the default.

    Returns
    -------
    field : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame of shape (n_stars, n_columns)
            ra, dec, l, b [deg], parallax [mas], pmra, pmdec [mas/yr], phot_g_mean_mag and bp_rp
            [mag], all float64; source_id (int64), errors and further columns of Gaia where the
            file has them. Missing values are NaN.
        target : ndarray of shape (n_stars,), dtype int64, or None
            1 for published members, -1 for all other stars; None where there is no list.
        probability : ndarray of shape (n_stars,) or None
            Published membership probability, from 0 to 1.
        feature_names, units : list and dict
            Names of the columns of `data`, and their units.
        release : str
            Gaia's data release; plain "Gaia" where it is not known.
        caveat : str
            What to know before using the field.
        DESCR : str
            Description of the data set, with whom to credit.

    Raises
    ------
    FileNotFoundError
        If the file is not there; the message says where it was looked for.
    ImportError
        If the field is ``"blank"``, a Parquet file, and pyarrow is missing
        (``pip install climbkit[survey]``).
    ValueError
        If there is no field of this name, or its file is damaged or cut short.

    See Also
    --------
    make_cluster_field : A simulated region that needs no files.

    Notes
    -----
    Published members are no truth: they are what another method found, often on the brighter
    stars only, and a star that is not listed may well be a member. In the fields of globular
    clusters most stars are members, so a score that counts stars says little there. Fields differ
    in data release, in limits and in quality cuts: read `caveat`.

    References
    ----------
    .. [1] Vasiliev & Baumgardt (2021), "Gaia EDR3 view on galactic globular clusters",
       MNRAS 505, 5978, https://doi.org/10.1093/mnras/stab1475

    Examples
    --------
    >>> from climbkit.datasets import load_gaia_field
    >>> field = load_gaia_field("ngc6441")  # doctest: +SKIP
    >>> field.data.shape, int((field.target == 1).sum())  # doctest: +SKIP
    ((22109, 13), 2955)
    """
    if name not in _FIELDS:
        raise ValueError(f"name must be one of {list(_FIELDS)}; got {name!r}.")
    field = _FIELDS[name]
    data = _read(_find(name, field.path, data_home), field.n_stars, name in _LABELLED)
    target = probability = None
    if name in _LABELLED:
        target = np.where(data.pop(_LABEL).to_numpy() > 0, np.int64(1), np.int64(UNLABELLED))
        probability = data.pop(_PROBABILITY).to_numpy(dtype=np.float64)
    first = [column for column in UNITS if column in data]
    data = data[first + [column for column in data if column not in first]]
    return Bunch(
        data=data,
        target=target,
        probability=probability,
        feature_names=list(data),
        units={column: _UNITS[column] for column in data if _UNITS.get(column)},
        release=field.release,
        caveat=field.caveat,
        DESCR=_DESCR.format(n=len(data), name=name, release=field.release, caveat=field.caveat),
    )


def _find(name, path, data_home):
    folder = data_home if data_home is not None else os.environ.get(DATA_VARIABLE)
    if not folder:
        where = f"(data_home is None and {DATA_VARIABLE} is unset)"
    elif (found := Path(folder).expanduser() / path).is_file():
        return found
    else:
        where = f"in {folder}"
    raise FileNotFoundError(_HOW_TO_GET.format(name=name, where=where, path=path))


def _read(path, n_stars, labelled):
    """Read a file, with lower-case names and float64 where Gaia has numbers."""
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            import_optional("pyarrow", "survey")
            data = pd.read_parquet(path)
        else:
            data = pd.read_csv(path)
    except (ValueError, OSError, EOFError, zlib.error) as error:  # what gzip, csv and Arrow raise
        raise ValueError(f"{path} cannot be read, it is damaged or cut short: {error}") from error
    data.columns = [column.lower() for column in data]
    wanted = _NEEDED + ((_LABEL, _PROBABILITY) if labelled else ())
    missing = [column for column in wanted if column not in data]
    if missing or len(data) != n_stars:
        raise ValueError(
            f"{path} has {len(data)} rows and lacks the columns {missing}; it should have "
            f"{n_stars} rows and lack none: it was cut short, or is another version."
        )
    if "source_id" in data and data["source_id"].dtype != np.int64:
        raise ValueError(f"{path} has source_id as {data['source_id'].dtype}; only int64 is exact.")
    numbers = [column for column in UNITS if column in data and column != "source_id"]
    return data.astype(dict.fromkeys(numbers, np.float64))
