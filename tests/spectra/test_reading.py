"""read_xp on sampled spectra, in files as the archive, its bulk files and others write them."""

import gzip
import io
import json
import re

import numpy as np
import pandas as pd
import pytest

from climbkit.spectra import WAVELENGTH, XPNormalizer, XPSpectra, read_xp

# Such that a float64 cannot hold them.
IDS = np.array([4295806721, 2**62 + 1, 2680574649477853953, 6917528997577384321])


@pytest.fixture
def spectra():
    """Made-up spectra of four stars."""
    rng = np.random.default_rng(0)
    flux = 1e-16 * np.exp(-(((WAVELENGTH - rng.uniform(400, 900, (4, 1))) / 200) ** 2))
    flux += rng.normal(scale=1e-18, size=flux.shape)
    return XPSpectra(IDS, flux, np.full_like(flux, 1e-18))


def on_grid(spectra, wavelength):
    """The same stars with other samples."""
    rng = np.random.default_rng(1)
    flux = rng.uniform(1, 2, (len(spectra), len(wavelength))) * 1e-16
    return XPSpectra(spectra.source_id, flux, 0.1 * flux, wavelength)


def array_text(values, brackets="[]"):
    return brackets[0] + ", ".join(repr(float(v)) for v in values) + brackets[1]


def archive_table(spectra, brackets="[]"):
    columns = {"source_id": spectra.source_id, "ra": np.arange(len(spectra)) + 0.5}
    columns["flux"] = [array_text(row, brackets) for row in spectra.flux]
    columns["flux_error"] = [array_text(row, brackets) for row in spectra.flux_error]
    return pd.DataFrame(columns)


BULK_HEADER = """\
# %ECSV 1.0
# ---
# delimiter: ','
# datatype:
# -
#   name: source_id
#   datatype: int64
#   description: Unique source identifier
# -
#   name: ra
#   datatype: float64
#   unit: deg
# -
#   name: flux
#   datatype: string
#   subtype: float32[null]
#   unit: {unit}
# -
#   name: flux_error
#   datatype: string
#   subtype: float32[null]
#   unit: {unit}
"""


def write_csv(path, spectra):
    archive_table(spectra).to_csv(path, index=False)


def write_csv_with_parentheses(path, spectra):
    archive_table(spectra, "()").to_csv(path, index=False)


def write_csv_gzip(path, spectra):
    text = archive_table(spectra).to_csv(index=False)
    path.write_bytes(gzip.compress(text.encode()))


def write_bulk_ecsv(path, spectra, unit="W.nm**-1.m**-2", meta=""):
    text = io.StringIO()
    archive_table(spectra).to_csv(text, index=False)
    path.write_text(BULK_HEADER.format(unit=unit) + meta + text.getvalue())


def astropy_table(spectra, *, variable=False, unit="W.m**-2.nm**-1"):
    from astropy.table import Column, Table

    def column(values):
        if variable:
            objects = np.empty(len(values), dtype=object)
            objects[:] = list(values)
            values = objects
        return Column(values, unit=unit)

    table = Table({"SOURCE_ID": spectra.source_id, "ra": np.arange(len(spectra)) + 0.5})
    table["flux"], table["flux_error"] = column(spectra.flux), column(spectra.flux_error)
    return table


def write_astropy_ecsv(path, spectra):
    astropy_table(spectra, variable=True).write(path, format="ascii.ecsv", delimiter=",")


def write_votable(path, spectra):
    astropy_table(spectra).write(path, format="votable")


def write_votable_of_variable_length(path, spectra):
    astropy_table(spectra, variable=True).write(path, format="votable")


def write_fits(path, spectra):
    astropy_table(spectra).write(path, format="fits")


def write_fits_of_variable_length(path, spectra):
    from astropy.io import fits

    def column(name, values):
        return fits.Column(
            name, "PD()", "W.m**-2.nm**-1", array=np.array([*values, None], "O")[:-1]
        )

    columns = [fits.Column("source_id", "K", array=spectra.source_id)]
    columns += [column("flux", spectra.flux), column("flux_error", spectra.flux_error)]
    fits.BinTableHDU.from_columns(columns).writeto(path)


def write_parquet(path, spectra):
    spectra.to_pandas().assign(ra=np.arange(len(spectra)) + 0.5).to_parquet(path)


def write_parquet_of_fixed_lists(path, spectra, metadata=None):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def lists(values):
        return pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])

    columns = {"source_id": spectra.source_id, "flux": lists(spectra.flux)}
    columns["flux_error"] = lists(spectra.flux_error)
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)


def write_npz(path, spectra):
    np.savez(
        path,
        flux=spectra.flux,
        flux_error_diag=spectra.flux_error,
        source_id=spectra.source_id.astype(">i8"),
        wavelength_nm=spectra.wavelength,
        ra=(np.arange(len(spectra)) + 0.5).astype(">f8"),
    )


def write_samples(path, spectra):
    """A row for each sample, in no order."""
    n, m = spectra.shape
    frame = pd.DataFrame(
        {
            "source_id": np.repeat(spectra.source_id, m),
            "wavelength": np.tile(spectra.wavelength, n),
            "flux": spectra.flux.ravel(),
            "flux_error": spectra.flux_error.ravel(),
            "ra": np.repeat(np.arange(n) + 0.5, m),
        }
    )
    shuffled = frame.sample(frac=1, random_state=0)
    # Stars come in the order in which they are first seen.
    first = frame.drop_duplicates("source_id")
    pd.concat([first, shuffled.drop(first.index)]).to_csv(path, index=False)


def write_wide(path, spectra):
    """A column for each sample."""
    frame = pd.DataFrame({"source_id": spectra.source_id, "ra": np.arange(len(spectra)) + 0.5})
    for prefix, values in (("flux", spectra.flux), ("flux_error", spectra.flux_error)):
        names = [f"{prefix}_{wavelength:g}" for wavelength in spectra.wavelength]
        frame = pd.concat([frame, pd.DataFrame(values, columns=names)], axis=1)
    frame.to_csv(path, index=False)


WRITERS = [
    write_csv,
    write_csv_with_parentheses,
    write_csv_gzip,
    write_bulk_ecsv,
    write_astropy_ecsv,
    write_votable,
    write_votable_of_variable_length,
    write_fits,
    write_fits_of_variable_length,
    write_parquet,
    write_parquet_of_fixed_lists,
    write_npz,
    write_samples,
    write_wide,
]


@pytest.mark.parametrize("write", WRITERS)
def test_every_format_gives_the_same_spectra(tmp_path, spectra, write):
    path = tmp_path / "file.of_any_name"
    if write is write_npz:
        path = path.with_suffix(".npz")
    write(path, spectra)
    found = read_xp(path)
    assert found.source_id.tolist() == IDS.tolist()
    np.testing.assert_array_equal(found.flux, spectra.flux)
    np.testing.assert_array_equal(found.flux_error, spectra.flux_error)
    np.testing.assert_array_equal(found.wavelength, WAVELENGTH)
    assert found.flux.dtype.isnative
    if "variable_length" not in write.__name__ and "fixed" not in write.__name__:
        assert found.table["ra"].tolist() == [0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize("write", [write_votable, write_fits, write_parquet_of_fixed_lists])
def test_float32_stays_float32(tmp_path, spectra, write):
    single = XPSpectra(IDS, spectra.flux.astype("f4"), spectra.flux_error.astype("f4"))
    write(tmp_path / "file", single)
    found = read_xp(tmp_path / "file")
    assert found.flux.dtype == found.flux_error.dtype == np.float32
    np.testing.assert_array_equal(found.flux, single.flux)


@pytest.mark.parametrize(
    "write", [write_csv, write_votable, write_fits, write_parquet_of_fixed_lists]
)
def test_344_samples_are_taken_to_begin_at_336_nm_with_a_warning(tmp_path, spectra, write):
    longer = on_grid(spectra, 336 + 2.0 * np.arange(344))
    write(tmp_path / "file", longer)
    with pytest.warns(UserWarning, match=r"344 samples .* 336 to 1022 nm in steps of 2 nm"):
        found = read_xp(tmp_path / "file")
    np.testing.assert_array_equal(found.wavelength, longer.wavelength)
    np.testing.assert_array_equal(found.resample().flux, longer.flux[:, :343])
    assert XPNormalizer().fit_transform(found).shape == (4, 345)


def test_of_many_files_on_a_guessed_grid_one_warning_is_enough(tmp_path, spectra):
    longer = on_grid(spectra, 336 + 2.0 * np.arange(344))
    for i in range(3):
        write_parquet_of_fixed_lists(tmp_path / f"part.{i}.parquet", longer[[i]])
    with pytest.warns(UserWarning, match="344 samples") as warned:
        assert read_xp(tmp_path).shape == (3, 344)
    assert len(warned) == 1
    assert warned[0].filename == __file__


def test_wavelengths_of_the_caller_need_no_guess(tmp_path, spectra):
    other = on_grid(spectra, np.linspace(340, 1010, 100))
    write_csv(tmp_path / "file", other)
    found = read_xp(tmp_path / "file", wavelength=other.wavelength)
    np.testing.assert_array_equal(found.wavelength, other.wavelength)


@pytest.mark.parametrize("write", [write_parquet, write_npz, write_samples, write_wide])
def test_wavelengths_of_the_file_are_used(tmp_path, spectra, write):
    other = on_grid(spectra, np.linspace(340, 1010, 68))
    path = tmp_path / "file.npz"
    write(path, other)
    found = read_xp(path)
    np.testing.assert_allclose(found.wavelength, other.wavelength, rtol=1e-12)
    np.testing.assert_array_equal(found.flux, other.flux)
    with pytest.raises(ValueError, match=r"340 to 1010 nm, which is not what wavelength= says"):
        read_xp(path, wavelength=np.linspace(350, 1010, 68))


def test_wavelengths_may_be_in_the_header(tmp_path, spectra):
    other = on_grid(spectra, np.linspace(340, 1010, 50))
    meta = f"# meta:\n#   sampling: {other.wavelength.tolist()}\n"
    write_bulk_ecsv(tmp_path / "spectra.ecsv", other, meta=meta)
    np.testing.assert_array_equal(read_xp(tmp_path / "spectra.ecsv").wavelength, other.wavelength)
    metadata = {"wavelength": json.dumps(other.wavelength.tolist())}
    write_parquet_of_fixed_lists(tmp_path / "spectra.parquet", other, metadata)
    found = read_xp(tmp_path / "spectra.parquet")
    np.testing.assert_array_equal(found.wavelength, other.wavelength)


def test_wavelengths_in_angstrom_are_converted(tmp_path, spectra):
    table = astropy_table(spectra)
    table["wavelength"] = np.tile(10 * WAVELENGTH, (4, 1))
    table["wavelength"].unit = "angstrom"
    table.write(tmp_path / "file", format="fits")
    np.testing.assert_allclose(read_xp(tmp_path / "file").wavelength, WAVELENGTH, rtol=1e-14)
    table["wavelength"].unit = None
    table.write(tmp_path / "without", format="fits")
    with pytest.raises(ValueError, match=r"wavelength must be in nm.*got 3360 to 10200"):
        read_xp(tmp_path / "without")


@pytest.mark.parametrize("names", ["{:g}", "{:.1f}", "flux_{:g}"])
def test_columns_may_be_named_by_wavelength(tmp_path, spectra, names):
    frame = pd.DataFrame(spectra.flux, columns=[names.format(w) for w in WAVELENGTH])
    frame.insert(0, "source_id", IDS)
    frame.to_csv(tmp_path / "file", index=False)
    found = read_xp(tmp_path / "file")
    np.testing.assert_array_equal(found.flux, spectra.flux)
    assert found.flux_error is None


@pytest.mark.parametrize("start", [0, 1])
def test_columns_may_be_counted(tmp_path, spectra, start):
    frame = pd.DataFrame(spectra.flux, columns=[f"flux_{i + start}" for i in range(343)])
    shuffled = frame.sample(frac=1, axis=1, random_state=0)
    shuffled.insert(0, "source_id", IDS)
    shuffled.to_csv(tmp_path / "file", index=False)
    found = read_xp(tmp_path / "file")
    np.testing.assert_array_equal(found.flux, spectra.flux)
    np.testing.assert_array_equal(found.wavelength, WAVELENGTH)


def test_a_single_spectrum_has_its_id_in_the_name_of_the_file(tmp_path, spectra):
    frame = pd.DataFrame({"wavelength": WAVELENGTH, "flux": spectra.flux[1]})
    path = tmp_path / f"XP_SAMPLED-Gaia DR3 {IDS[1]}.csv"
    frame.to_csv(path, index=False)
    found = read_xp(path)
    assert found.source_id.tolist() == [IDS[1]]
    np.testing.assert_array_equal(found.flux, spectra.flux[1:2])
    path.rename(tmp_path / "renamed.csv")
    with pytest.raises(ValueError, match=r"no column source_id, and no id in its name"):
        read_xp(tmp_path / "renamed.csv")


def test_several_files_and_folders_follow_each_other(tmp_path, spectra):
    for i in range(4):
        write_parquet(tmp_path / f"part.{12 - i}.parquet", spectra[3 - i])
    (tmp_path / "_metadata.parquet").write_text("not data")
    assert read_xp(tmp_path).source_id.tolist() == IDS.tolist()
    write_csv(tmp_path / "one.csv", spectra[:2])
    write_fits(tmp_path / "two.fits", spectra[2:])
    both = read_xp([tmp_path / "two.fits", str(tmp_path / "one.csv")])
    assert both.source_id.tolist() == [*IDS[2:], *IDS[:2]]
    with pytest.raises(ValueError, match=r"more than once in the 2 files: source_id 4295806721"):
        read_xp([tmp_path / "one.csv", tmp_path / "one.csv"])
    with pytest.raises(ValueError, match="at least one file"):
        read_xp([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="folder without any Parquet"):
        read_xp(tmp_path / "empty")


def test_ids_can_be_named_or_given(tmp_path, spectra):
    table = archive_table(spectra).rename(columns={"source_id": "star"})
    table.to_csv(tmp_path / "file", index=False)
    with pytest.raises(ValueError, match=r"no column source_id; it has star, ra, flux.*source_id="):
        read_xp(tmp_path / "file")
    assert read_xp(tmp_path / "file", source_id="star").source_id.tolist() == IDS.tolist()
    assert read_xp(tmp_path / "file", source_id=range(4)).source_id.tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="source_id has 3 values for 4 rows"):
        read_xp(tmp_path / "file", source_id=range(3))
    with pytest.raises(ValueError, match="no column 'name'"):
        read_xp(tmp_path / "file", source_id="name")


@pytest.mark.parametrize("bad", ["4.295806721e9", "6917528997577384321.0", "", "star"])
def test_ids_that_are_no_whole_numbers_are_refused(tmp_path, spectra, bad):
    table = archive_table(spectra).astype({"source_id": str})
    table.loc[2, "source_id"] = bad
    table.to_csv(tmp_path / "file", index=False)
    with pytest.raises(ValueError, match=r"source_id"):
        read_xp(tmp_path / "file")


def test_ids_that_a_float_rounded_are_refused(tmp_path, spectra):
    table = astropy_table(spectra)
    table["SOURCE_ID"] = table["SOURCE_ID"].astype(float)
    table.write(tmp_path / "file", format="fits")
    with pytest.raises(ValueError, match="have been rounded"):
        read_xp(tmp_path / "file")
    np.savez(tmp_path / "file.npz", flux=spectra.flux, source_id=IDS.astype(float))
    with pytest.raises(ValueError, match="have been rounded"):
        read_xp(tmp_path / "file.npz")


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("W m-2 nm-1", 1), ("erg s-1 cm-2 AA-1", 1e-2), ("W m-2 um-1", 1e-3), ("", 1)],
)
def test_other_units_of_flux_are_converted(tmp_path, spectra, unit, factor):
    write_bulk_ecsv(tmp_path / "file", spectra, unit=unit or "''")
    found = read_xp(tmp_path / "file")
    np.testing.assert_allclose(found.flux, spectra.flux * factor, rtol=1e-12)
    np.testing.assert_allclose(found.flux_error, spectra.flux_error * factor, rtol=1e-12)


def test_units_that_are_no_flux_per_wavelength_are_refused(tmp_path, spectra):
    write_bulk_ecsv(tmp_path / "file", spectra, unit="\"'electron'.s**-1\"")
    with pytest.raises(ValueError, match=r"flux is in .*cannot be turned into 'W m-2 nm-1'"):
        read_xp(tmp_path / "file")


def test_ids_that_come_twice_are_refused(tmp_path, spectra):
    write_csv(tmp_path / "file", spectra[[0, 1, 2, 1]])
    with pytest.raises(ValueError, match=rf"1 spectra are there more than once.*{IDS[1]}"):
        read_xp(tmp_path / "file")
    table = archive_table(spectra[[0, 1]]).drop(columns=["flux", "flux_error"])
    rows = table.loc[[0] * 343 + [1] * 343 + [1] * 343]
    rows = rows.assign(wavelength=np.tile(WAVELENGTH, 3), flux=1e-17)
    rows.to_csv(tmp_path / "samples", index=False)
    with pytest.raises(ValueError, match=r"other numbers|names wavelengths twice"):
        read_xp(tmp_path / "samples")


def test_spectra_of_different_lengths_are_refused_by_name(tmp_path, spectra):
    table = archive_table(spectra)
    table.loc[2, "flux"] = array_text(spectra.flux[2, :-5])
    table.to_csv(tmp_path / "file", index=False)
    with pytest.raises(ValueError, match=rf"mostly 343, but source_id {IDS[2]} has 338"):
        read_xp(tmp_path / "file")


def test_errors_of_another_length_than_the_flux_are_refused(tmp_path, spectra):
    table = archive_table(spectra)
    table["flux_error"] = [array_text(row[:-1]) for row in spectra.flux_error]
    table.to_csv(tmp_path / "file", index=False)
    with pytest.raises(ValueError, match="343 samples, its errors 342"):
        read_xp(tmp_path / "file")


def test_spectra_on_different_grids_are_refused(tmp_path, spectra):
    table = astropy_table(spectra)
    table["wavelength"] = WAVELENGTH + np.array([[0.0], [0.0], [1.0], [0.0]])
    table.write(tmp_path / "file", format="fits")
    with pytest.raises(ValueError, match=rf"wavelengths differ .* source_id {IDS[2]}"):
        read_xp(tmp_path / "file")


def error_of(path):
    """Message of the error that reading raises; None if it raises none."""
    try:
        found = read_xp(path)
    except ValueError as error:
        return str(error)
    assert np.isin(found.source_id, IDS).all()
    assert found.shape[1] == 343
    return None


@pytest.mark.parametrize(
    "write",
    [
        write_csv,
        write_csv_gzip,
        write_bulk_ecsv,
        write_votable,
        write_fits,
        write_parquet,
        write_npz,
    ],
)
def test_files_that_were_cut_short_are_refused(tmp_path, spectra, write):
    path = tmp_path / "file.npz"
    write(path, spectra)
    whole = path.read_bytes()
    # None of these ends with a line, which could not be told from a whole file.
    for length in np.linspace(1, len(whole) - 3000, 12).astype(int):
        path.write_bytes(whole[:length])
        message = error_of(path)
        assert message is not None
        assert str(path) in message


def test_a_file_cut_within_an_array_names_the_star(tmp_path, spectra):
    write_csv(tmp_path / "file", spectra)
    text = (tmp_path / "file").read_text()
    (tmp_path / "file").write_text(re.sub(r"\]\"(?=,\"\[[^\n]*\n6917)", '"', text))
    with pytest.raises(ValueError, match=rf"flux of source_id {IDS[2]} is no array.*cut short"):
        read_xp(tmp_path / "file")


@pytest.mark.parametrize("empty", ["", "[]", "null"])
def test_rows_without_flux_are_refused_by_name(tmp_path, spectra, empty):
    table = archive_table(spectra)
    table.loc[1, "flux"] = empty
    table.to_csv(tmp_path / "file", index=False)
    with pytest.raises(ValueError, match=rf"1 of 4 rows have no flux: source_id {IDS[1]}"):
        read_xp(tmp_path / "file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"source_id,ra\n1,2\n", r"has no spectra: it needs .* it has source_id, ra"),
        (b"source_id,flux\n1,2e-17\n", "has no spectra"),
        (b"source_id,flux\n", "no spectra"),
        (b"source_id\n1\n", "at least two columns"),
        (b"source_id,flux,flux\n1,[1],[2]\n", "two columns 'flux'"),
        (b"source_id,flux\n1,[1;2;3]\n", "flux of source_id 1 is no array"),
        (b'source_id,flux\n1,"[1,two,3]"\n', "flux of source_id 1 is no array"),
        (b"<html><body>busy</body></html>", "web page"),
        (b"\x89HDF\r\n\x1a\n", "is HDF5"),
        (b"\x93NUMPY\x01\x00", "NumPy's npy"),
        (b"\x80\x04\x95", "a pickle"),
        (b"PK\x03\x04nothing", "damaged or cut short"),
        (b"{}", "no table of spectra"),
    ],
)
def test_files_without_spectra_are_refused(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_xp(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_xp(tmp_path / "nothing.csv")


def test_a_zip_of_the_archive_must_be_unpacked(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "datalink.zip", "w") as archive:
        archive.writestr("XP_SAMPLED_RAW.csv", "source_id,flux\n")
    with pytest.raises(ValueError, match=r"zip archive; unpack it .*XP_SAMPLED_RAW.csv"):
        read_xp(tmp_path / "datalink.zip")


def test_the_service_says_that_it_failed(tmp_path, spectra):
    write_votable(tmp_path / "file", spectra)
    text = (tmp_path / "file").read_text()
    for value, message in (("ERROR", "message of an error"), ("OVERFLOW", "cut short")):
        info = f'<RESOURCE type="results"><INFO name="QUERY_STATUS" value="{value}"/>'
        (tmp_path / "said").write_text(re.sub("<RESOURCE[^>]*>", info, text))
        with pytest.raises(ValueError, match=message):
            read_xp(tmp_path / "said")


@pytest.mark.parametrize("gap", ["NaN", "nan", "null"])
def test_gaps_are_refused_filled_dropped_or_kept(tmp_path, spectra, gap):
    table = archive_table(spectra)
    numbers = table.loc[2, "flux"].split(", ")
    numbers[100] = gap
    table.loc[2, "flux"] = ", ".join(numbers)
    table.to_csv(tmp_path / "file", index=False)
    with pytest.raises(ValueError, match=rf"1 of 4 spectra .*NaN.* source_id {IDS[2]}"):
        read_xp(tmp_path / "file")
    filled = read_xp(tmp_path / "file", nan="interpolate")
    assert filled.flux[2, 100] == pytest.approx(spectra.flux[2, [99, 101]].mean())
    with pytest.warns(UserWarning, match=rf"are left out: source_id {IDS[2]}"):
        dropped = read_xp(tmp_path / "file", nan="drop")
    assert dropped.source_id.tolist() == IDS[[0, 1, 3]].tolist()
    assert dropped.table["ra"].tolist() == [0.5, 1.5, 3.5]
    kept = read_xp(tmp_path / "file", nan="keep")
    assert kept.usable.tolist() == [True, True, False, True]


def test_masked_samples_are_gaps(tmp_path, spectra):
    from astropy.table import MaskedColumn

    table = astropy_table(spectra)
    mask = np.zeros(spectra.shape, dtype=bool)
    mask[1, 5] = True
    table["flux"] = MaskedColumn(spectra.flux, mask=mask)
    table.write(tmp_path / "file", format="votable")
    found = read_xp(tmp_path / "file", nan="keep")
    assert np.argwhere(np.isnan(found.flux)).tolist() == [[1, 5]]


def test_negative_flux_is_kept_or_clipped(tmp_path, spectra):
    write_csv(tmp_path / "file", spectra)
    assert (spectra.flux < 0).any()
    np.testing.assert_array_equal(
        read_xp(tmp_path / "file", negative="clip").flux, spectra.flux.clip(min=0)
    )


@pytest.mark.parametrize("policy", [{"nan": "skip"}, {"negative": "zero"}])
def test_policies_with_a_typo_are_refused_before_the_file_is_read(tmp_path, policy):
    with pytest.raises(ValueError, match="must be one of"):
        read_xp(tmp_path / "nothing", **policy)


@pytest.mark.parametrize("name", ["hotsubdwarf", "field2000"])
def test_real_spectra_load_and_normalise(data_folder, name):
    path = data_folder / "spectra" / f"xp_sampled343_{name}.npz"
    with np.load(path) as stored:
        flux, ids = stored["flux"], stored["source_id"].astype(np.int64)
    found = read_xp(path)
    assert found.source_id.tolist() == ids.tolist()
    np.testing.assert_array_equal(found.flux, flux)
    assert found.usable.all()
    assert (found.flux_error is not None) == (name == "field2000")
    X = XPNormalizer().fit_transform(found)
    assert X.dtype == np.float32
    assert np.isfinite(X).all()


@pytest.mark.parametrize(
    "write", [write_csv, write_bulk_ecsv, write_votable, write_fits, write_parquet_of_fixed_lists]
)
def test_real_spectra_with_a_344th_sample_load_and_normalise(data_folder, tmp_path, write):
    whole = read_xp(data_folder / "spectra" / "xp_sampled343_field2000.npz")[:46]
    grid = 336 + 2.0 * np.arange(344)
    longer = XPSpectra(
        whole.source_id,
        np.column_stack([whole.flux, whole.flux[:, -1]]),
        np.column_stack([whole.flux_error, whole.flux_error[:, -1]]),
        grid,
    )
    write(tmp_path / "file", longer)
    with pytest.warns(UserWarning, match="344 samples"):
        found = read_xp(tmp_path / "file")
    assert found.source_id.tolist() == whole.source_id.tolist()
    normalizer = XPNormalizer().fit(whole)
    np.testing.assert_allclose(
        normalizer.transform(found), normalizer.transform(whole), rtol=1e-5, atol=1e-6
    )
