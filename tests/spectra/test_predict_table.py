"""Tables of spectra become tables of predictions: every row, in order, whatever happens on the way.

The spectra are simulated: Gaussians with noise.
"""

import gzip
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from climbkit.spectra import WAVELENGTH, XPNormalizer, predict_table

N_ROWS = 900
FIRST_ID = 2**62 + 1  # no float64 is this number


def simulated(n, seed=0, wavelength=WAVELENGTH):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    peak = np.where(y == 1, 450.0, 750.0)[:, None] + rng.normal(0, 20, (n, 1))
    flux = 1e-16 * np.exp(-(((wavelength - peak) / 200) ** 2))
    return (flux + rng.normal(0, 1e-18, flux.shape)).astype(np.float32), y


def lists(flux, kind=None):
    array = pa.FixedSizeListArray.from_arrays(pa.array(flux.ravel()), flux.shape[1])
    return array.cast(kind or pa.list_(pa.float32()))


def stars(flux, kind=None, **columns):
    ids = np.arange(len(flux)) + FIRST_ID
    return pa.table({"source_id": ids, "flux": lists(flux, kind), **columns})


@pytest.fixture(scope="module")
def flux():
    return simulated(N_ROWS)[0]


@pytest.fixture(scope="module")
def model():
    return make_pipeline(XPNormalizer(), LogisticRegression()).fit(*simulated(200, seed=1))


@pytest.fixture(scope="module")
def source(flux, tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "stars.parquet"
    pq.write_table(stars(flux, ra=np.linspace(0, 360, N_ROWS)), path, row_group_size=130)
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.parquet"


def assert_predicted(path, model, flux, ids=None):
    table = pq.read_table(path)
    np.testing.assert_array_equal(
        table["source_id"].to_numpy(), np.arange(len(flux)) + FIRST_ID if ids is None else ids
    )
    assert table["flag"].null_count == len(flux)
    expected = model.predict_proba(flux)
    np.testing.assert_allclose(table["p_0"], expected[:, 0], rtol=1e-4)
    np.testing.assert_allclose(table["p_1"], expected[:, 1], rtol=1e-4)
    np.testing.assert_array_equal(table["prediction"], model.predict(flux))


@pytest.mark.parametrize("batch_rows", [1, 100, 130, 899, 900, 10_000])
def test_every_row_is_there_in_order_whatever_the_blocks(model, source, out, flux, batch_rows):
    if batch_rows == 1:
        source = source.with_name("few.parquet")
        flux = flux[:7]
        pq.write_table(stars(flux), source)
    written = predict_table(model, source, out, batch_rows=batch_rows)
    assert_predicted(out, model, flux)
    assert written.n_rows == len(flux)
    assert written.n_flagged == {}
    labels = model.predict(flux)
    assert written.n_predicted == {0: np.sum(labels == 0), 1: np.sum(labels == 1)}
    assert written.path == out
    assert not out.with_name("out.parquet.parts").exists()


LAYOUTS = {
    "list": lambda flux: stars(flux),
    "large list": lambda flux: stars(flux, pa.large_list(pa.float32())),
    "fixed-size list": lambda flux: stars(flux, pa.list_(pa.float32(), flux.shape[1])),
    "float64": lambda flux: stars(flux.astype(np.float64), pa.list_(pa.float64())),
    "struct": lambda flux: pa.table(
        {
            "source_id": np.arange(len(flux)) + FIRST_ID,
            "xp": pa.StructArray.from_arrays([lists(flux)], ["flux"]),
        }
    ),
    "columns by wavelength": lambda flux: pa.table(
        {"source_id": np.arange(len(flux)) + FIRST_ID}
        | {f"flux_{w:g}": flux[:, i] for i, w in reversed(list(enumerate(WAVELENGTH)))}
    ),
    "columns by number": lambda flux: pa.table(
        {"source_id": np.arange(len(flux)) + FIRST_ID}
        | {f"flux{i}": flux[:, i] for i in range(flux.shape[1])}
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_flux_is_read_however_it_is_stored(model, tmp_path, out, flux, layout):
    path = tmp_path / "stars.parquet"
    pq.write_table(LAYOUTS[layout](flux[:300]), path, row_group_size=70)
    column = "xp.flux" if layout == "struct" else "flux"
    predict_table(model, path, out, batch_rows=64, flux_column=column)
    assert_predicted(out, model, flux[:300])


def test_named_columns_are_the_samples_in_that_order(tmp_path, out):
    X, y = simulated(50)[0][:, :3] * 1e16, np.arange(50) % 2
    model = LogisticRegression().fit(X, y)
    table = pa.table({"source_id": np.arange(50) + FIRST_ID, "c": X[:, 2], "a": X[:, 0]})
    pq.write_table(table.append_column("b", pa.array(X[:, 1])), tmp_path / "x.parquet")
    predict_table(model, tmp_path / "x.parquet", out, flux_column=["a", "b", "c"])
    assert_predicted(out, model, X)


def test_rows_that_cannot_be_predicted_say_why(model, tmp_path, out, flux):
    rows = [row.tolist() for row in flux[:9]]
    rows[1] = None
    rows[2] = rows[2][:-1]
    rows[3][7] = float("nan")
    rows[4][0] = None
    rows[5] = [0.0] * len(WAVELENGTH)
    rows[6] = [-1e-17] * len(WAVELENGTH)
    rows[7][-1] = float("inf")
    rows[8] = []
    table = pa.table({"source_id": np.arange(9), "flux": rows})
    pq.write_table(table, tmp_path / "x.parquet")
    written = predict_table(model, tmp_path / "x.parquet", out, batch_rows=4)
    frame = pq.read_table(out)
    assert frame["flag"].to_pylist() == [
        None,
        "missing",
        "wrong_length",
        "not_finite",
        "not_finite",
        "zero",
        "negative",
        "not_finite",
        "missing",
    ]
    assert frame["p_1"].is_null().to_pylist() == [False] + [True] * 8
    assert frame["prediction"].is_null().to_pylist() == [False] + [True] * 8
    assert written.n_flagged == {
        "missing": 2,
        "negative": 1,
        "not_finite": 3,
        "wrong_length": 1,
        "zero": 1,
    }


def test_table_without_any_spectrum_is_all_flags(model, tmp_path, out):
    for flux in (pa.nulls(5, pa.list_(pa.float32())), pa.nulls(5)):
        pq.write_table(pa.table({"source_id": range(5), "flux": flux}), tmp_path / "x.parquet")
        predict_table(model, tmp_path / "x.parquet", out, overwrite=True)
        assert pq.read_table(out)["flag"].to_pylist() == ["missing"] * 5


def test_empty_table_gives_an_empty_table(model, tmp_path, out, flux):
    pq.write_table(stars(flux[:0]), tmp_path / "x.parquet")
    assert predict_table(model, tmp_path / "x.parquet", out).n_rows == 0
    assert pq.read_table(out).column_names == ["source_id", "prediction", "p_0", "p_1", "flag"]


def test_ids_stay_as_they_came(model, tmp_path, out, flux):
    ids = np.array([2**63 - 1, 2**53 + 1, 2**53 + 1, 5])
    for stored in (ids, ids.astype(np.uint64), ids.astype(str)):
        table = pa.table({"name": stored, "flux": lists(flux[:4])})
        pq.write_table(table, tmp_path / "x.parquet")
        predict_table(model, tmp_path / "x.parquet", out, id_column="name", overwrite=True)
        assert_predicted(out, model, flux[:4], ids)
    table = pa.table({"source_id": pa.array([None, 7]), "flux": lists(flux[:2])})
    pq.write_table(table, tmp_path / "x.parquet")
    predict_table(model, tmp_path / "x.parquet", out, overwrite=True)
    assert pq.read_table(out)["source_id"].to_pylist() == [None, 7]


def test_further_columns_are_carried(model, source, out):
    predict_table(model, source, out, columns=["ra"], batch_rows=64)
    expected = pq.read_table(source, columns=["source_id", "ra"])
    table = pq.read_table(out, columns=["source_id", "ra"]).replace_schema_metadata(None)
    assert table == expected.replace_schema_metadata(None)


def test_classes_name_the_columns_and_the_threshold_decides(source, out, flux):
    X, y = simulated(200, seed=1)
    model = make_pipeline(XPNormalizer(), LogisticRegression(C=1e-3))
    model.fit(X, np.array(["cool", "hot"])[y])
    predict_table(model, source, out, threshold=0.9, class_names={"hot": "massive"})
    table = pq.read_table(out)
    hot = model.predict_proba(flux)[:, 1] >= 0.9
    assert table.column_names[1:4] == ["prediction", "p_cool", "p_massive"]
    assert table["prediction"].to_pylist() == np.where(hot, "hot", "cool").tolist()


def test_three_classes_get_three_columns(source, out):
    X, y = simulated(200, seed=1)
    y[:20] = 2
    model = make_pipeline(XPNormalizer(), LogisticRegression()).fit(X, y)
    predict_table(model, source, out)
    names = ["p_0", "p_1", "p_2"]
    total = pq.read_table(out).select(names).to_pandas().sum(axis=1)
    np.testing.assert_allclose(total, 1, rtol=1e-6)
    with pytest.raises(ValueError, match="threshold is for two classes; the model has 3"):
        predict_table(model, source, out, threshold=0.5, overwrite=True)


class Unsure(DummyClassifier):
    """With a spread and an outlier score, and no number for bright spectra."""

    def predict_std(self, X):
        return np.max(X, axis=1) * 1e15

    def outlier_score(self, X):
        score = np.min(X, axis=1) * 1e15
        return np.where(np.max(X, axis=1) > 1.02e-16, np.nan, score)


def test_spread_and_outlier_score_are_written_where_the_model_has_them(source, out, flux):
    model = Unsure().fit(*simulated(20))
    predict_table(model, source, out)
    table = pq.read_table(out).to_pandas()
    bright = flux.max(axis=1) > 1.02e-16
    assert 0 < bright.sum() < N_ROWS
    np.testing.assert_array_equal(table["flag"].eq("no_result"), bright)
    np.testing.assert_allclose(table["p_std"][~bright], flux[~bright].max(axis=1) * 1e15)
    np.testing.assert_allclose(table["outlier_score"][~bright], flux[~bright].min(axis=1) * 1e15)
    assert table.loc[bright, ["p_0", "p_std", "outlier_score", "prediction"]].isna().all(axis=None)


def test_outlier_score_can_be_left_out(source, out):
    predict_table(Unsure().fit(*simulated(20)), source, out, outliers=False)
    assert "outlier_score" not in pq.read_schema(out).names


# Other grids


def test_other_grids_are_resampled_to_the_models(model, tmp_path, out):
    grid = np.arange(330.0, 1051.0, 3.0)
    flux, _ = simulated(50, wavelength=grid)
    from climbkit.spectra import XPSpectra

    expected = np.asarray(XPSpectra(np.arange(50), flux, wavelength=grid).resample())
    pq.write_table(stars(flux), tmp_path / "x.parquet")
    predict_table(model, tmp_path / "x.parquet", out, wavelength=grid)
    assert_predicted(out, model, expected)
    named = {f"flux_{w:g}": flux[:, i] for i, w in enumerate(grid)}
    named["source_id"] = np.arange(50) + FIRST_ID
    pq.write_table(pa.table(named), tmp_path / "x.parquet")
    predict_table(model, tmp_path / "x.parquet", out, overwrite=True)
    assert_predicted(out, model, expected)
    frame = XPSpectra(np.arange(50) + FIRST_ID, flux, wavelength=grid).to_pandas()
    frame.to_parquet(tmp_path / "x.parquet")
    predict_table(model, tmp_path / "x.parquet", out, overwrite=True)
    assert_predicted(out, model, expected)


def test_344_samples_are_taken_to_begin_at_336_nm_with_a_warning(model, tmp_path, out):
    flux, _ = simulated(50, wavelength=336 + 2.0 * np.arange(344))
    pq.write_table(stars(flux), tmp_path / "x.parquet")
    with pytest.warns(UserWarning, match=r"344 samples.*336, 338, … 1022 nm"):
        predict_table(model, tmp_path / "x.parquet", out)
    assert_predicted(out, model, flux[:, :343])


def test_spectra_that_do_not_cover_the_models_grid_are_refused(model, tmp_path, out):
    flux, _ = simulated(5, wavelength=np.arange(400.0, 1000.0, 2.0))
    pq.write_table(stars(flux), tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="nothing to interpolate at 336 to 1020 nm"):
        predict_table(model, tmp_path / "x.parquet", out, wavelength=np.arange(400.0, 1000.0, 2.0))
    with pytest.raises(ValueError, match="has 343 values; the spectra have 300 samples"):
        predict_table(model, tmp_path / "x.parquet", out, wavelength=WAVELENGTH)
    plain = LogisticRegression().fit(np.eye(7), np.arange(7) % 2)
    with pytest.raises(ValueError, match="of 300 samples; the model takes 7 numbers"):
        predict_table(plain, tmp_path / "x.parquet", out)
    assert list(tmp_path.iterdir()) == [tmp_path / "x.parquet"]


# Sources of several files


def write_parts(folder, flux, names, **options):
    for name, rows in zip(names, np.array_split(np.arange(len(flux)), len(names)), strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(stars(flux).take(rows), path, **options)


def test_folder_is_read_by_the_numbers_in_its_names(model, tmp_path, out, flux):
    names = [f"part-{number}.parquet" for number in range(1, 12)]
    write_parts(tmp_path / "stars", flux, names)
    (tmp_path / "stars" / "_metadata").write_bytes(b"no table")
    (tmp_path / "stars" / ".part-3.parquet.crc").write_bytes(b"")
    predict_table(model, tmp_path / "stars", out, batch_rows=250)
    assert_predicted(out, model, flux)
    predict_table(model, str(tmp_path / "stars" / "*.parquet"), out, overwrite=True)
    assert_predicted(out, model, flux)
    some = [tmp_path / "stars" / name for name in reversed(names)]
    predict_table(model, some, out, overwrite=True)
    last = pq.read_table(some[0])["source_id"][0].as_py()
    assert pq.read_table(out)["source_id"][0].as_py() == last


def test_catalogue_in_hats_is_its_pixels_without_its_sample(model, tmp_path, out, flux):
    root = tmp_path / "stars" / "gaia"
    pixels = ["Norder=0/Dir=0/Npix=4.parquet", "Norder=1/Dir=0/Npix=10/part0.parquet"]
    write_parts(root / "dataset", flux, pixels)
    write_parts(root / "dataset", flux[:20], ["data_thumbnail.parquet"])
    (root / "dataset" / "_common_metadata").write_bytes(b"")
    (root / "partition_info.csv").write_text("Norder,Npix\n0,4\n1,10\n")
    (root / "hats.properties").write_text("obs_collection=gaia\n")
    predict_table(model, root, out)
    assert_predicted(out, model, flux)
    write_parts(tmp_path / "stars" / "gaia_margin" / "dataset", flux[:9], pixels[:1])
    (tmp_path / "stars" / "collection.properties").write_text(
        "#HATS\nobs_collection=gaia\nhats_primary_table_url=gaia\n"
    )
    predict_table(model, tmp_path / "stars", out, overwrite=True)
    assert_predicted(out, model, flux)


def test_arrow_datasets_are_read(model, source, out, flux, tmp_path):
    predict_table(model, ds.dataset(source), out, batch_rows=200)
    assert_predicted(out, model, flux)
    write_parts(tmp_path, flux, ["a/x.parquet", "b/x.parquet"], row_group_size=100)
    predict_table(
        model, ds.dataset([tmp_path / "a/x.parquet", tmp_path / "b/x.parquet"]), out, overwrite=True
    )
    assert_predicted(out, model, flux)
    predict_table(model, ds.dataset(stars(flux)), out, batch_rows=200, overwrite=True)
    assert_predicted(out, model, flux)
    ds.write_dataset(stars(flux), tmp_path / "feather", format="feather")
    predict_table(model, ds.dataset(tmp_path / "feather", format="feather"), out, overwrite=True)
    assert_predicted(out, model, flux)
    with pytest.raises(ValueError, match="pass it without filter"):
        predict_table(model, ds.dataset(source).filter(ds.field("ra") > 1), out, overwrite=True)


def test_files_named_twice_and_mixed_folders_are_refused(model, source, out, tmp_path):
    with pytest.raises(ValueError, match="twice"):
        predict_table(model, [source, source.parent / "." / source.name], out)
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "a.parquet").write_bytes(source.read_bytes())
    (tmp_path / "mixed" / "a.csv").write_text("source_id,flux\n")
    with pytest.raises(ValueError, match="files of several kinds"):
        predict_table(model, tmp_path / "mixed", out)
    with pytest.raises(ValueError, match="got none"):
        predict_table(model, [], out)
    for absent in (tmp_path / "no.parquet", tmp_path / "no-*.parquet"):
        with pytest.raises(FileNotFoundError, match="no"):
            predict_table(model, absent, out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="has no file that ends in"):
        predict_table(model, tmp_path / "empty", out)


def test_output_in_the_folder_of_its_source_is_no_source(model, tmp_path, flux):
    write_parts(tmp_path, flux, ["a.parquet"])
    out = tmp_path / "out.parquet"
    predict_table(model, tmp_path, out)
    predict_table(model, tmp_path, out, overwrite=True)
    assert_predicted(out, model, flux)
    with pytest.raises(ValueError, match="is the output"):
        predict_table(model, [out], out, overwrite=True)


# The archive's text


def write_csv(path, flux, header="", lines=()):
    text = [header + "source_id,solution_id,ra,flux,flux_error"]
    for number, row in enumerate(flux):
        array = "[" + ", ".join(f"{value:.9g}" for value in row) + "]"
        text.append(f'{FIRST_ID + number},1,{number / 7},"{array}","{array}"')
    content = "\n".join([*text, *lines, ""]).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


ECSV = """# %ECSV 1.0
# ---
# delimiter: ','
# datatype:
# - {name: source_id, datatype: int64}
# - {name: solution_id, datatype: int64}
# - {name: ra, datatype: float64, unit: deg}
# - {name: flux, datatype: string, subtype: 'float32[343]', unit: W.m**-2.nm**-1}
# - {name: flux_error, datatype: string, subtype: 'float32[343]', unit: W.m**-2.nm**-1}
"""


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.ecsv", "x.ecsv.gz"])
def test_text_of_the_archive_is_streamed(model, tmp_path, out, flux, name, monkeypatch):
    from climbkit.spectra import _table_text

    monkeypatch.setattr(_table_text, "_BLOCK", 2**16)
    flux = flux[:60]
    lines = [f"{FIRST_ID + 60},1,1.5,null,null", f'{FIRST_ID + 61},1,null,"[1e-17, null]","[]"']
    write_csv(tmp_path / name, flux, ECSV if "ecsv" in name else "", lines)
    predict_table(model, tmp_path / name, out, batch_rows=16, columns=["ra"])
    table = pq.read_table(out)
    assert table["flag"].to_pylist()[60:] == ["missing", "wrong_length"]
    assert table["source_id"].to_pylist() == [FIRST_ID + number for number in range(62)]
    np.testing.assert_allclose(table["ra"][:60], np.arange(60) / 7)
    np.testing.assert_allclose(table["p_1"][:60], model.predict_proba(flux)[:, 1], rtol=1e-5)


def test_text_that_was_cut_short_is_an_error(model, tmp_path, out, flux):
    write_csv(tmp_path / "x.csv", flux[:20])
    content = (tmp_path / "x.csv").read_bytes()
    for share in (0.3, 0.5, 0.97):
        (tmp_path / "x.csv").write_bytes(content[: int(share * len(content))])
        with pytest.raises(ValueError, match="cut short"):
            predict_table(model, tmp_path / "x.csv", out, overwrite=True)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(content)[:-900])
    with pytest.raises(ValueError, match="cut short"):
        predict_table(model, tmp_path / "x.csv.gz", out, overwrite=True)


def test_what_is_no_text_is_read_whole(model, tmp_path, out, flux):
    from astropy.table import Table

    table = Table({"source_id": np.arange(30) + FIRST_ID, "flux": flux[:30], "ra": np.arange(30.0)})
    table.write(tmp_path / "x.fits")
    predict_table(model, tmp_path / "x.fits", out, batch_rows=7, columns=["ra"])
    assert_predicted(out, model, flux[:30])
    assert pq.read_table(out)["ra"].to_pylist() == list(range(30))


# What is wrong


def test_columns_that_are_not_there_are_named(model, source, out):
    with pytest.raises(ValueError, match="no column 'Source'"):
        predict_table(model, source, out, id_column="Source")
    with pytest.raises(ValueError, match=r"no column 'fluxes' of spectra.*source_id, flux, ra"):
        predict_table(model, source, out, flux_column="fluxes")
    with pytest.raises(ValueError, match="no column 'dec'"):
        predict_table(model, source, out, columns=["dec"])
    with pytest.raises(ValueError, match="'ra' must hold a list of numbers in each row"):
        predict_table(model, source, out, flux_column="ra")
    with pytest.raises(ValueError, match="names a column twice"):
        predict_table(model, source, out, columns=["ra", "ra"])
    with pytest.raises(ValueError, match="sequence of names; got 'ra'"):
        predict_table(model, source, out, columns="ra")
    assert not list(out.parent.iterdir())


def test_ids_that_were_rounded_are_refused(model, tmp_path, out, flux):
    table = pa.table({"source_id": np.arange(4) * 1e18, "flux": lists(flux[:4])})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="A float has 53 bits"):
        predict_table(model, tmp_path / "x.parquet", out)


def test_damaged_files_are_named(model, source, tmp_path, out):
    content = source.read_bytes()
    path = tmp_path / "x.parquet"
    path.write_bytes(content[:-500])
    with pytest.raises(ValueError, match=r"x\.parquet cannot be read, it is damaged or cut short"):
        predict_table(model, path, out)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"x\.parquet cannot be read"):
        predict_table(model, path, out)


def test_models_without_probabilities_or_fit_are_refused(source, out):
    with pytest.raises(TypeError, match="predict_proba"):
        predict_table(LinearSVC(), source, out)
    with pytest.raises(NotFittedError):
        predict_table(LogisticRegression(), source, out)
    with pytest.raises(FileNotFoundError):
        predict_table("no.keras", source, out)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch_rows": 0}, "batch_rows must be a whole number above 0"),
        ({"batch_rows": 2.5}, "batch_rows must be"),
        ({"threshold": 1.5}, "threshold must be a probability"),
        ({"class_names": {"massive": "x"}}, "class_names has"),
        ({"class_names": {0: "a", 1: "a"}}, "class_names must be different"),
        ({"wavelength": [336.0, 330.0]}, "must be finite and rise"),
    ],
)
def test_parameters_that_are_not_allowed_are_named(model, source, out, parameters, message):
    with pytest.raises(ValueError, match=message):
        predict_table(model, source, out, **parameters)
    assert not list(out.parent.iterdir())


def test_output_is_not_written_over_unless_asked_for(model, source, out):
    out.write_text("mine")
    with pytest.raises(FileExistsError, match="is there already"):
        predict_table(model, source, out)
    assert out.read_text() == "mine"
    predict_table(model, source, out, overwrite=True)
    assert pq.read_table(out).num_rows == N_ROWS
    with pytest.raises(FileNotFoundError):
        predict_table(model, source, out.parent / "no" / "out.parquet")
    with pytest.raises(IsADirectoryError):
        predict_table(model, source, out.parent)


# Killed, and started again

SIZE = 50  # 18 parts


@pytest.fixture(scope="module")
def expected(model, source, tmp_path_factory):
    path = tmp_path_factory.mktemp("expected") / "out.parquet"
    predict_table(model, source, path, batch_rows=SIZE, columns=["ra"])
    return path.read_bytes()


KILLED = """
import pickle, sys
from climbkit.spectra import predict_table
model = pickle.load(open(sys.argv[1], "rb"))
predict_table(model, sys.argv[2], sys.argv[3], batch_rows=int(sys.argv[4]), columns=["ra"])
"""


def test_run_that_is_killed_and_started_again_writes_the_same_bytes(
    model, source, out, expected, tmp_path
):
    (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
    command = [sys.executable, "-c", KILLED, tmp_path / "model.pickle", source, out, str(SIZE)]
    parts = out.with_name("out.parquet.parts")
    rng = np.random.default_rng(time.time_ns())
    killed = False
    while not killed:  # a busy machine may let it finish before
        out.unlink(missing_ok=True)
        n_wanted = int(rng.integers(1, 14))
        run = subprocess.Popen(command)
        while run.poll() is None and len(list(parts.glob("part-*.parquet"))) < n_wanted:
            time.sleep(1e-3)
        time.sleep(rng.uniform(0, 0.01))
        run.send_signal(signal.SIGKILL)
        killed = run.wait() == -signal.SIGKILL
    assert out.exists() or len(list(parts.glob("part-*.parquet"))) >= n_wanted
    subprocess.run(command, check=True)
    assert out.read_bytes() == expected
    assert not parts.exists()


class Killed(BaseException):
    pass


def test_run_may_end_at_any_change_of_a_file(model, source, out, expected, monkeypatch):
    # Each rename and each removal, of some 60, is where the first run ends.
    replace, unlink = os.replace, os.unlink
    ended = 0
    for last in range(0, 200, 4):
        left = [last]

        def counted(change, left=left):
            def changed(*arguments, **keywords):
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
                return change(*arguments, **keywords)

            return changed

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", counted(replace))
            patch.setattr(os, "unlink", counted(unlink))
            try:
                predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
            except Killed:
                ended += 1
            else:
                break
        predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
        assert out.read_bytes() == expected
        assert list(out.parent.iterdir()) == [out]
        out.unlink()
    assert ended > 10


def stop_after(monkeypatch, n_blocks):
    """Stop a run after some of its blocks."""
    from climbkit.spectra._table_parts import Parts

    save = Parts.save

    def saved(self, number, table, end):
        if number == n_blocks:
            raise Killed
        save(self, number, table, end)

    monkeypatch.setattr(Parts, "save", saved)


@pytest.fixture
def stopped(model, source, out, monkeypatch):
    """Folder of the parts of a run that was stopped."""
    with monkeypatch.context() as patch:
        stop_after(patch, 7)
        with pytest.raises(Killed):
            predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
    return out.with_name("out.parquet.parts")


def test_nothing_is_predicted_twice(model, source, out, expected, stopped, monkeypatch):
    seen = []
    proba = LogisticRegression.predict_proba
    monkeypatch.setattr(
        LogisticRegression, "predict_proba", lambda self, X: seen.append(len(X)) or proba(self, X)
    )
    predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
    assert sum(seen) == N_ROWS - 7 * SIZE
    assert out.read_bytes() == expected


@pytest.mark.parametrize("share", [0, 0.3, 0.97])
def test_damaged_part_is_computed_again(model, source, out, expected, stopped, share):
    path = stopped / "part-0000003.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
    assert out.read_bytes() == expected


def test_damaged_number_is_noticed(model, source, out, expected, stopped):
    path = stopped / "part-0000003.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 4] ^= 1
    path.write_bytes(content)
    predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
    assert out.read_bytes() == expected


def test_half_written_files_are_ignored(model, source, out, expected, stopped):
    (stopped / "part-0000007.parquet.unfinished-1").write_bytes(b"PAR1")
    (stopped / "output.unfinished-1").write_bytes(b"PAR1")
    predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
    assert out.read_bytes() == expected
    assert not stopped.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_rows": 60}, "batch_rows was 50, is 60"),
        ({"columns": []}, "columns was"),
        ({"threshold": 0.9}, "threshold was None, is 0.9"),
        ({"class_names": {1: "massive"}}, "class_names was"),
    ],
)
def test_other_parameters_are_refused(model, source, out, stopped, change, message):
    run = {"batch_rows": SIZE, "columns": ["ra"], **change}
    with pytest.raises(ValueError, match=f"other parameters: {message}"):
        predict_table(model, source, out, **run)
    assert len(list(stopped.glob("part-*"))) == 7
    predict_table(model, source, out, **run, overwrite=True)
    assert pq.read_table(out).num_rows == N_ROWS


def test_another_model_is_refused(source, out, stopped):
    other = make_pipeline(XPNormalizer(), LogisticRegression(C=0.5)).fit(*simulated(200, seed=1))
    with pytest.raises(ValueError, match="predictions of another model"):
        predict_table(other, source, out, batch_rows=SIZE, columns=["ra"])


def test_model_that_is_fitted_again_alike_is_the_same(source, out, expected, stopped):
    again = make_pipeline(XPNormalizer(), LogisticRegression()).fit(*simulated(200, seed=1))
    predict_table(again, source, out, batch_rows=SIZE, columns=["ra"])
    assert out.read_bytes() == expected


def test_files_that_changed_are_refused(model, source, out, stopped, tmp_path):
    facts = os.stat(source)
    try:
        os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns + 10**9))
        with pytest.raises(ValueError, match=r"other rows: stars\.parquet changed since"):
            predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
    finally:
        os.utime(source, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    (tmp_path / "other.parquet").write_bytes(source.read_bytes())
    with pytest.raises(ValueError, match="other files"):
        predict_table(model, tmp_path / "other.parquet", out, batch_rows=SIZE, columns=["ra"])


def test_tables_in_memory_are_known_by_their_values(model, out, flux, monkeypatch):
    table = stars(flux)
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(Killed):
            predict_table(model, ds.dataset(table), out, batch_rows=SIZE)
    changed = table.set_column(0, "source_id", pa.array(np.arange(N_ROWS)))
    with pytest.raises(ValueError, match="other rows"):
        predict_table(model, ds.dataset(changed), out, batch_rows=SIZE)
    predict_table(model, ds.dataset(table), out, batch_rows=SIZE)
    assert_predicted(out, model, flux)


def test_strange_folders_and_manifests_are_left_alone(model, source, out, stopped):
    manifest = stopped / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"climbkit": "0.0"}))
    with pytest.raises(ValueError, match="another version"):
        predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
    manifest.write_text("{")
    with pytest.raises(ValueError, match="cannot be read"):
        predict_table(model, source, out, batch_rows=SIZE, columns=["ra"])
    manifest.unlink()
    for overwrite in (False, True):
        with pytest.raises(ValueError, match="holds no predictions"):
            predict_table(model, source, out, batch_rows=SIZE, columns=["ra"], overwrite=overwrite)


def test_older_output_stays_until_the_new_one_is_whole(model, source, out, expected, monkeypatch):
    out.write_text("older")
    with monkeypatch.context() as patch:
        stop_after(patch, 4)
        with pytest.raises(Killed):
            predict_table(model, source, out, batch_rows=SIZE, columns=["ra"], overwrite=True)
    assert out.read_text() == "older"
    predict_table(model, source, out, batch_rows=SIZE, columns=["ra"], overwrite=True)
    assert out.read_bytes() == expected


def test_text_goes_on_where_it_stopped(model, tmp_path, out, flux, monkeypatch):
    for number, part in enumerate(np.array_split(flux[:90], 3)):
        write_csv(tmp_path / f"x-{number}.csv.gz", part)
    source = str(tmp_path / "x-*.csv.gz")
    predict_table(model, source, out, batch_rows=20)
    whole = out.read_bytes()
    out.unlink()
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Killed):
            predict_table(model, source, out, batch_rows=20)
    # The block after the stop begins ten rows into the second file.
    predict_table(model, source, out, batch_rows=20)
    assert out.read_bytes() == whole


def test_metadata_tell_how_the_output_was_made(expected, model):
    schema = pq.read_schema(pa.BufferReader(expected))
    told = json.loads(schema.metadata[b"climbkit"])
    assert told["model"]["class"] == "Pipeline"
    assert len(told["model"]["fingerprint"]) == 32
    assert told["parameters"]["batch_rows"] == SIZE
    assert told["source"]["n_files"] == 1
    assert told["source"]["first"] == "stars.parquet"
    assert str(os.getcwd()) not in schema.metadata[b"climbkit"].decode()


# Networks


@pytest.fixture(scope="module")
def network():
    from climbkit.spectra import XPClassifier

    model = XPClassifier("wide_ann", max_epochs=2, learning_rate=0.01, random_state=0)
    return model.fit(*simulated(200, seed=1))


def test_saved_network_predicts_as_in_memory(network, source, out, flux, tmp_path):
    network.save(tmp_path / "network.keras")
    predict_table(tmp_path / "network.keras", source, out, batch_rows=400)
    content = out.read_bytes()
    table = pq.read_table(out).to_pandas()
    np.testing.assert_allclose(table["p_1"], network.predict_proba(flux)[:, 1], rtol=1e-5)
    np.testing.assert_allclose(table["outlier_score"], network.outlier_score(flux), atol=1e-6)
    np.testing.assert_array_equal(table["prediction"], network.predict(flux))
    predict_table(network, source, out, batch_rows=400, overwrite=True)
    assert out.read_bytes() == content


def test_real_spectra_are_predicted(data_folder, network, tmp_path, out):
    with np.load(data_folder / "spectra" / "xp_sampled343_field2000.npz") as stored:
        flux, ids = stored["flux"][:300], stored["source_id"][:300].astype(np.int64)
    frame = pd.DataFrame({"source_id": ids, "flux": list(flux)})
    frame.to_parquet(tmp_path / "x.parquet")
    predict_table(network, tmp_path / "x.parquet", out)
    table = pq.read_table(out)
    np.testing.assert_array_equal(table["source_id"], ids)
    assert table["flag"].null_count == 300
    np.testing.assert_allclose(table["p_1"], network.predict_proba(flux)[:, 1], rtol=1e-4)
