"""fetch_region against a made-up archive that answers by the conditions of the query."""

import re
import sys
import types

import numpy as np
import pandas as pd
import pytest

from climbkit.survey import fetch_region
from climbkit.survey._gaia_region import REGION_COLUMNS

pytest.importorskip("astroquery")

_COMPARISON = re.compile(r"\b(ra|dec|l|b|ruwe) (>=|<=|<|>) (-?[\d.e+-]+)")
_CONE = re.compile(r"CIRCLE\('ICRS', (-?[\d.]+), (-?[\d.]+), ([\d.e+-]+)\)")
_OPERATORS = {">=": np.greater_equal, "<=": np.less_equal, "<": np.less, ">": np.greater}


def made_up_sky(n=3000):
    """Stars over the whole sky; no value is of a real one."""
    from astropy.coordinates import SkyCoord

    rng = np.random.default_rng(0)
    sky = SkyCoord(rng.uniform(0, 360, n), np.rad2deg(np.arcsin(rng.uniform(-1, 1, n))), unit="deg")
    columns = {
        "ra": sky.ra.deg,
        "dec": sky.dec.deg,
        "l": sky.galactic.l.deg,
        "b": sky.galactic.b.deg,
    }
    # Some lie on the limits of pieces.
    columns["l"][:4], columns["b"][:4] = [10.0, 11.0, 12.0, 12.0], [0.0, 1.0, 2.0, 1.0]
    columns["source_id"] = 2**60 + 2 * rng.permutation(n) + 1
    for name in REGION_COLUMNS:
        columns.setdefault(name, rng.uniform(0.5, 2.0, n))
    columns["astrometric_params_solved"] = rng.choice([3, 31, 95], n).astype(np.int16)
    return columns


SKY = made_up_sky()


class Archive:
    """Stands in for astroquery.gaia.Gaia: understands what fetch_region asks, fails at times."""

    def __init__(self):
        self.queries, self.fail_at = [], None

    def launch_job_async(self, query):
        self.queries.append(query)
        if self.fail_at is not None and len(self.queries) > self.fail_at:
            raise ConnectionError("the line is dead")
        return types.SimpleNamespace(get_results=lambda: self.answer(query))

    def answer(self, query):
        from astropy.table import MaskedColumn, Table

        names = query.partition(" FROM ")[0].removeprefix("SELECT ").split(", ")
        where = query.partition(" WHERE ")[2]
        good = np.ones(len(SKY["ra"]), dtype=bool)
        for name, sign, value in _COMPARISON.findall(where):
            good &= _OPERATORS[sign](SKY[name], float(value))
        for ra, dec, radius in _CONE.findall(where):
            good &= distance(float(ra), float(dec)) < float(radius)
        table = Table({name: SKY[name][good] for name in names})
        if "pseudocolour" in names:
            missing = SKY["astrometric_params_solved"][good] != 95
            table["pseudocolour"] = MaskedColumn(table["pseudocolour"], mask=missing)
        table["ra"].unit = "deg"
        table.rename_column("source_id", "SOURCE_ID")
        return table


def distance(ra, dec):
    from astropy.coordinates import SkyCoord

    return SkyCoord(ra, dec, unit="deg").separation(SkyCoord(SKY["ra"], SKY["dec"], unit="deg")).deg


@pytest.fixture
def archive(monkeypatch):
    archive = Archive()
    module = types.ModuleType("astroquery.gaia")
    module.Gaia = archive
    monkeypatch.setitem(sys.modules, "astroquery.gaia", module)
    return archive


def ids_where(good):
    return np.sort(SKY["source_id"][good]).tolist()


@pytest.mark.parametrize("frame", ["galactic", "icrs"])
def test_a_box_is_complete_and_has_each_star_once(archive, tmp_path, frame):
    lon, lat = ("l", "b") if frame == "galactic" else ("ra", "dec")
    stars = fetch_region(box=(10, 40, -20, 20), frame=frame, piece=7.0, data_home=tmp_path)
    inside = (SKY[lon] >= 10) & (SKY[lon] <= 40) & (abs(SKY[lat]) <= 20)
    assert len(archive.queries) == 5 * 6
    assert stars["source_id"].tolist() == ids_where(inside)
    assert stars["source_id"].dtype == np.int64


def test_a_star_between_two_pieces_is_in_one(archive, tmp_path):
    stars = fetch_region(box=(10, 12, 0, 2), piece=1.0, data_home=tmp_path)
    assert {(10.0, 0.0), (11.0, 1.0), (12.0, 2.0), (12.0, 1.0)} <= set(
        zip(stars["l"], stars["b"], strict=True)
    )
    assert len(archive.queries) == 4


@pytest.mark.parametrize("box", [(350, 10, 0, 30), (-10, 10, 0, 30)])
def test_a_box_goes_across_the_start_of_longitude(archive, tmp_path, box):
    stars = fetch_region(box=box, piece=30.0, data_home=tmp_path)
    inside = ((SKY["l"] >= 350) | (SKY["l"] <= 10)) & (SKY["b"] >= 0) & (SKY["b"] <= 30)
    assert stars["source_id"].tolist() == ids_where(inside)
    assert len(archive.queries) == 2


@pytest.mark.parametrize(
    ("center", "frame"), [((120.0, 30.0), "galactic"), ((0.0, 89.0), "icrs"), ((1.0, -5.0), "icrs")]
)
def test_a_cone_is_one_of_the_sphere(archive, tmp_path, center, frame):
    from astropy.coordinates import SkyCoord

    stars = fetch_region(center=center, radius=15.0, frame=frame, piece=4.0, data_home=tmp_path)
    point = SkyCoord(*center, unit="deg", frame=frame).icrs
    inside = distance(point.ra.deg, point.dec.deg) < 15.0
    assert inside.sum() > 10
    assert stars["source_id"].tolist() == ids_where(inside)
    assert len(archive.queries) > 1


def test_columns_and_conditions_are_those_asked_for(archive, tmp_path):
    stars = fetch_region(
        box=(0, 90, 0, 45),
        columns=["ra", "Parallax", "source_id"],
        where="ruwe < 1.4",
        piece=90.0,
        data_home=tmp_path,
    )
    assert list(stars) == ["source_id", "ra", "parallax"]
    assert stars.attrs["units"] == {"ra": "deg", "parallax": "mas"}
    inside = (SKY["l"] <= 90) & (SKY["b"] >= 0) & (SKY["b"] <= 45) & (SKY["ruwe"] < 1.4)
    assert stars["source_id"].tolist() == ids_where(inside)
    assert archive.queries[0].endswith("AND (ruwe < 1.4)")


def test_missing_numbers_are_nan_and_whole_ones_stay_whole(archive, tmp_path):
    stars = fetch_region(box=(0, 90, 0, 45), piece=90.0, data_home=tmp_path)
    assert list(stars) == list(REGION_COLUMNS)
    assert stars["astrometric_params_solved"].dtype.kind == "i"
    without = stars["astrometric_params_solved"] != 95
    assert stars["pseudocolour"].isna().equals(without)


def test_an_interrupted_download_goes_on_where_it_stopped(archive, tmp_path):
    region = {"box": (0, 8, 0, 90), "piece": 4.0, "data_home": tmp_path, "n_retries": 0}
    archive.fail_at = 30
    with pytest.raises(ConnectionError, match="Gaia archive did not answer"):
        fetch_region(**region)
    archive.fail_at = None
    archive.queries.clear()
    stars = fetch_region(**region)
    assert len(archive.queries) == 2 * 23 - 30
    inside = (SKY["l"] <= 8) & (SKY["b"] >= 0)
    assert stars["source_id"].tolist() == ids_where(inside)
    archive.queries.clear()
    pd.testing.assert_frame_equal(fetch_region(**region, download_if_missing=False), stars)
    assert archive.queries == []


def test_nothing_is_downloaded_against_the_users_will(archive, tmp_path):
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch_region(center=(1, 2), radius=1, data_home=tmp_path, download_if_missing=False)
    assert archive.queries == []


def test_a_damaged_piece_is_refused(archive, tmp_path):
    region = {"center": (1, 2), "radius": 9.0, "piece": 20.0, "data_home": tmp_path}
    fetch_region(**region)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(OSError, match=r"damaged.*clear_data_home"):
        fetch_region(**region)


def test_a_region_without_stars_is_an_empty_table(archive, tmp_path):
    stars = fetch_region(box=(0, 1e-9, 0, 1e-9), data_home=tmp_path)
    assert len(stars) == 0
    assert list(stars) == list(REGION_COLUMNS)


def test_an_answer_that_was_cut_off_is_refused_and_not_kept(archive, tmp_path, monkeypatch):
    monkeypatch.setattr("climbkit.survey._gaia_region._MAX_ROWS", 5)
    with pytest.raises(ValueError, match=r"cut its answer off .* piece="):
        fetch_region(center=(1, 2), radius=40.0, piece=90.0, data_home=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ({}, "give the region"),
        ({"center": (1, 2)}, "give the region"),
        ({"center": (1, 2), "radius": 1, "box": (0, 1, 0, 1)}, "not both"),
        ({"center": (2, 100), "radius": 1}, "swapped"),
        ({"center": (1, np.nan), "radius": 1}, "center must be 2 finite numbers"),
        ({"center": (1, 2), "radius": -1}, "'radius' parameter"),
        ({"box": (0, 1, 5, 4)}, "south < north"),
        ({"box": (3, 3, 0, 1)}, "different longitudes"),
        ({"box": (0, 1, 0)}, "box must be 4 finite numbers"),
        ({"box": (0, 1, 0, 1), "columns": ["ra; DROP"]}, "names of the archive"),
        ({"box": (0, 1, 0, 1), "frame": "ecliptic"}, "'frame' parameter"),
    ],
)
def test_bad_regions_are_refused_before_anything_is_asked(archive, tmp_path, region, message):
    with pytest.raises(ValueError, match=message):
        fetch_region(**region, data_home=tmp_path)
    assert archive.queries == []
