"""read_xp on continuous spectra, which GaiaXPy samples, and on what GaiaXPy itself writes."""

import contextlib
import io
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from climbkit.spectra import WAVELENGTH, read_xp

N = 55
BANDS = ("bp", "rp")
ARRAYS = ("coefficients", "coefficient_errors", "coefficient_correlations")
IDS = np.array([4295806721, 2**62 + 1, 2680574649477853953])


def continuous(ids, coefficients, missing=()):
    """Rows of xp_continuous_mean_spectrum; `missing` has pairs of row and band."""
    rows = []
    for i, star in enumerate(ids):
        row = {"source_id": int(star), "ra": i + 0.5}
        for band in BANDS:
            there = (i, band) not in missing
            row[f"{band}_n_parameters"] = N if there else np.nan
            row[f"{band}_standard_deviation"] = 1.5 if there else np.nan
            arrays = (
                coefficients[band][i].astype(float),
                np.full(N, 3.0),
                np.zeros(N * (N - 1) // 2),
            )
            for name, array in zip(ARRAYS, arrays, strict=True):
                row[f"{band}_{name}"] = array if there else None
        rows.append(row)
    return pd.DataFrame(rows)


def made_up(n=len(IDS), missing=()):
    rng = np.random.default_rng(0)
    decay = np.exp(-np.arange(N) / 5)
    coefficients = {band: 100 * decay * rng.normal(1, 0.3, (n, N)) for band in BANDS}
    return continuous(IDS[:n], coefficients, missing)


def write_csv(path, frame, brackets="()"):
    def text(value):
        if not isinstance(value, np.ndarray):
            return value
        return brackets[0] + ", ".join(repr(float(v)) for v in value) + brackets[1]

    frame.map(text).to_csv(path, index=False)


def write_csv_with_brackets(path, frame):
    write_csv(path, frame, "[]")


def write_parquet(path, frame):
    frame.to_parquet(path)


def write_table(path, frame, how):
    from astropy.table import Table

    columns = {}
    for name in frame:
        values = frame[name].to_numpy()
        columns[name] = np.stack(values) if values.dtype == object else values
    Table(columns).write(path, format=how)


def write_fits(path, frame):
    write_table(path, frame, "fits")


def write_votable(path, frame):
    write_table(path, frame, "votable")


def by_gaiaxpy(frame, **options):
    with contextlib.redirect_stdout(io.StringIO()):
        from climbkit.datasets._gaiaxpy import import_gaiaxpy

        gaiaxpy = import_gaiaxpy()
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            patch.setattr(sys.modules["gaiaxpy.calibrator.calibrator"], "stdout", io.StringIO())
            return gaiaxpy.calibrate(frame, **options)


@pytest.mark.parametrize(
    "write", [write_csv, write_csv_with_brackets, write_parquet, write_fits, write_votable]
)
def test_every_format_is_sampled_as_gaiaxpy_does(tmp_path, capfd, write):
    frame = made_up()
    write(tmp_path / "file", frame)
    found = read_xp(tmp_path / "file")
    assert capfd.readouterr() == ("", "")
    expected, _ = by_gaiaxpy(frame, save_file=False)
    np.testing.assert_allclose(found.flux, np.stack(expected["flux"]), rtol=1e-10)
    np.testing.assert_allclose(found.flux_error, np.stack(expected["flux_error"]), rtol=1e-6)
    assert found.source_id.tolist() == IDS.tolist()
    assert found.table["ra"].tolist() == [0.5, 1.5, 2.5]
    np.testing.assert_array_equal(found.wavelength, WAVELENGTH)


def test_samples_lie_where_the_caller_wants_them(tmp_path):
    write_csv(tmp_path / "file", made_up())
    grid = np.linspace(400, 900, 11)
    found = read_xp(tmp_path / "file", wavelength=grid)
    np.testing.assert_array_equal(found.wavelength, grid)
    assert found.shape == (3, 11)
    with pytest.raises(ValueError, match=r"file: .*1050"):
        read_xp(tmp_path / "file", wavelength=np.linspace(400, 1100, 11))


@pytest.mark.parametrize("write", [write_csv, write_parquet])
@pytest.mark.parametrize(("band", "n_gaps"), [("bp", 150), ("rp", 189)])
def test_a_band_that_is_missing_leaves_gaps(tmp_path, write, band, n_gaps):
    write(tmp_path / "file", made_up(missing=[(0, band)]))
    with pytest.raises(ValueError, match=rf"1 of 3 spectra .*NaN.* source_id {IDS[0]}"):
        read_xp(tmp_path / "file")
    found = read_xp(tmp_path / "file", nan="keep")
    assert np.isnan(found.flux).sum(axis=1).tolist() == [n_gaps, 0, 0]
    with pytest.raises(ValueError, match="too many to interpolate"):
        read_xp(tmp_path / "file", nan="interpolate")


def test_a_spectrum_without_any_band_is_refused_by_name(tmp_path):
    write_csv(tmp_path / "file", made_up(missing=[(1, "bp"), (1, "rp")]))
    with pytest.raises(ValueError, match=rf"1 spectra have no coefficients: source_id {IDS[1]}"):
        read_xp(tmp_path / "file")


def test_a_table_without_errors_is_refused(tmp_path):
    frame = made_up().drop(columns=["rp_coefficient_correlations", "bp_n_parameters"])
    write_csv(tmp_path / "file", frame)
    with pytest.raises(ValueError, match=r"lacks .*: bp_n_parameters, rp_coefficient_correlations"):
        read_xp(tmp_path / "file")


@pytest.mark.parametrize("name", ["bp_coefficients", "rp_coefficient_correlations"])
def test_arrays_that_do_not_fit_together_are_refused(tmp_path, name):
    frame = made_up()
    frame.at[1, name] = frame.at[1, name][:-1]
    write_csv(tmp_path / "file", frame)
    with pytest.raises(ValueError, match=rf"where {name[:2]}_n_parameters is 55.*{IDS[1]}"):
        read_xp(tmp_path / "file")


def test_more_spectra_than_go_at_a_time_come_in_order(tmp_path, monkeypatch):
    write_csv(tmp_path / "file", made_up())
    whole = read_xp(tmp_path / "file")
    monkeypatch.setattr("climbkit.spectra._read_continuous._CHUNK", 2)
    pieces = read_xp(tmp_path / "file")
    np.testing.assert_array_equal(pieces.flux, whole.flux)
    np.testing.assert_array_equal(pieces.source_id, whole.source_id)


@pytest.mark.parametrize("how", ["csv", "ecsv", "fits", "xml"])
def test_what_gaiaxpy_writes_can_be_read(tmp_path, how):
    expected, grid = by_gaiaxpy(
        made_up(),
        sampling=np.arange(350.0, 1000.0, 10.0),
        output_path=tmp_path,
        output_file="spectra",
        output_format=how,
    )
    # It writes the sampling of CSV to another file.
    given = grid if how == "csv" else None
    found = read_xp(tmp_path / f"spectra.{how}", wavelength=given)
    assert found.source_id.tolist() == IDS.tolist()
    np.testing.assert_allclose(found.wavelength, grid, rtol=1e-12)
    np.testing.assert_allclose(found.flux, np.stack(expected["flux"]), rtol=1e-12)
    np.testing.assert_allclose(found.flux_error, np.stack(expected["flux_error"]), rtol=1e-6)


def test_real_coefficients_give_the_published_samples(data_folder, tmp_path):
    with np.load(data_folder / "spectra" / "xp_sampled343_field2000.npz") as stored:
        part = slice(0, 20)
        ids, flux = stored["source_id"][part], stored["flux"][part]
        coefficients = {band: stored[f"{band}_coeff"][part] for band in BANDS}
    write_parquet(tmp_path / "file", continuous(ids, coefficients))
    found = read_xp(tmp_path / "file")
    assert found.source_id.tolist() == ids.tolist()
    tolerance = 1e-6 * flux.max(axis=1, keepdims=True)
    assert (np.abs(found.flux - flux) < tolerance).all()
