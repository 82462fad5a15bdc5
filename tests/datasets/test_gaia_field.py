import gzip
import os

import numpy as np
import pandas as pd
import pytest

from climbkit.datasets import gaia_field_names, load_gaia_field
from climbkit.datasets._gaia_field import _FIELDS

PAL5 = "gc_fields/pal5_gaiaedr3.csv.gz"
N_PAL5 = 824


def made_up_pal5(n=N_PAL5):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"source_id": 2**60 + 2 * np.arange(n) + 1})
    for name in ("ra", "dec", "l", "b", "parallax", "pmra", "pmdec", "bp_rp"):
        table[name.upper() if name == "ra" else name] = rng.uniform(size=n)
    table["phot_g_mean_mag"] = np.arange(n)  # whole numbers, which must not stay integers
    table["ruwe"] = 1.0
    table["ref_label"] = np.arange(n) % 3
    table["ref_prob"] = rng.uniform(size=n)
    return table


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / PAL5
    path.parent.mkdir()
    made_up_pal5().to_csv(path, index=False)
    return tmp_path


def test_names_and_types_are_those_of_gaia(folder):
    field = load_gaia_field("pal5", data_home=folder)
    assert field.feature_names[:3] == ["source_id", "ra", "dec"]
    assert field.feature_names[-1] == "ruwe"
    assert field.data["source_id"].tolist() == made_up_pal5()["source_id"].tolist()
    assert (field.data.dtypes.drop("source_id") == np.float64).all()
    assert field.units["pmra"] == "mas / yr"
    assert "ruwe" not in field.units


def test_every_published_group_counts_as_members_and_leaves_the_features(folder):
    field = load_gaia_field("pal5", data_home=folder)
    assert not {"ref_label", "ref_prob"} & set(field.data)
    assert np.array_equal(field.target == 1, made_up_pal5()["ref_label"] > 0)
    assert set(field.target) == {-1, 1}
    assert np.array_equal(field.probability, made_up_pal5()["ref_prob"])


def test_a_folder_without_the_field_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"pal5_gaiaedr3\.csv\.gz"):
        load_gaia_field("pal5", data_home=tmp_path)
    monkeypatch.delenv("CLIMBKIT_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="CLIMBKIT_DATA is unset"):
        load_gaia_field("pal5")


def test_the_folder_of_the_environment_is_the_default(folder, monkeypatch):
    monkeypatch.setenv("CLIMBKIT_DATA", os.fspath(folder))
    assert len(load_gaia_field("pal5").data) == N_PAL5


def test_unknown_names_are_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"blanco1.*got 'm13'"):
        load_gaia_field("m13")


def test_files_that_were_cut_short_are_refused(folder):
    path = folder / PAL5
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged or cut short"):
        load_gaia_field("pal5", data_home=folder)
    path.write_bytes(gzip.compress(gzip.decompress(whole)[:-500]))
    with pytest.raises(ValueError, match="cut short, or is another version"):
        load_gaia_field("pal5", data_home=folder)
    made_up_pal5().drop(columns="pmra").to_csv(path, index=False)
    with pytest.raises(ValueError, match="lacks the columns \\['pmra'\\]"):
        load_gaia_field("pal5", data_home=folder)


def test_rounded_ids_are_refused(folder):
    made_up_pal5().astype({"source_id": float}).to_csv(folder / PAL5, index=False)
    with pytest.raises(ValueError, match="only int64 is exact"):
        load_gaia_field("pal5", data_home=folder)


# The real files


@pytest.mark.parametrize("name", gaia_field_names())
def test_a_real_field_is_complete_and_its_two_systems_agree(name, data_folder):
    coordinates = pytest.importorskip("astropy.coordinates")
    if name == "blank":
        pytest.importorskip("pyarrow")
    field = load_gaia_field(name, data_home=data_folder)
    assert len(field.data) == _FIELDS[name].n_stars
    assert (field.target is not None) == (name in gaia_field_names(labelled=True))
    sky = coordinates.SkyCoord(field.data["ra"], field.data["dec"], unit="deg").galactic
    galactic = coordinates.SkyCoord(
        l=field.data["l"], b=field.data["b"], unit="deg", frame="galactic"
    )
    assert sky.separation(galactic).arcsec.max() < 0.1
    if "source_id" in field.data:
        assert field.data["source_id"].dtype == np.int64
        assert field.data["source_id"].is_unique


def test_members_of_globular_clusters_are_those_of_probability_above_a_half(data_folder):
    for name in ("ngc288", "ngc362", "ngc4147", "ngc6441", "pal5"):
        field = load_gaia_field(name, data_home=data_folder)
        assert np.array_equal(field.target == 1, field.probability > 0.5)


def test_published_counts_of_members_are_there(data_folder):
    counts = {
        name: int((load_gaia_field(name, data_home=data_folder).target == 1).sum())
        for name in ("blanco1", "ngc103", "ngc2112", "ngc6441")
    }
    assert counts == {"blanco1": 262, "ngc103": 242, "ngc2112": 373, "ngc6441": 2955}
