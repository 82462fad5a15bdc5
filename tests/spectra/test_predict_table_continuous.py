"""Tables of coefficients are sampled as they are predicted. The spectra are made up."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from climbkit.spectra import WAVELENGTH, XPNormalizer, predict_table, read_xp

N_COEFFICIENTS = 55
IDS = np.array([4295806721, 2**62 + 1, 2680574649477853953, 7])


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    decay = 100 * np.exp(-np.arange(N_COEFFICIENTS) / 5)
    columns = {"source_id": IDS, "ra": np.arange(4) / 3}
    for band in ("bp", "rp"):
        n_pairs = N_COEFFICIENTS * (N_COEFFICIENTS - 1) // 2
        columns[f"{band}_n_parameters"] = [N_COEFFICIENTS] * 4
        columns[f"{band}_standard_deviation"] = [1.5] * 4
        columns[f"{band}_coefficients"] = list(decay * rng.normal(1, 0.3, (4, N_COEFFICIENTS)))
        columns[f"{band}_coefficient_errors"] = list(np.full((4, N_COEFFICIENTS), 3.0))
        columns[f"{band}_coefficient_correlations"] = list(np.zeros((4, n_pairs)))
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def model():
    peak = np.repeat([450.0, 750.0], 9)[:, None] + np.arange(18)[:, None]
    flux = 1e-16 * np.exp(-(((WAVELENGTH - peak) / 200) ** 2))
    return make_pipeline(XPNormalizer(), LogisticRegression()).fit(flux, np.repeat([1, 0], 9))


def test_coefficients_are_sampled_and_gaps_are_flagged(model, frame, tmp_path):
    frame.to_parquet(tmp_path / "whole.parquet")
    expected = model.predict_proba(read_xp(tmp_path / "whole.parquet").flux)
    bands = [name for name in frame if name.startswith(("bp_", "rp_"))]
    gaps = frame.astype(dict.fromkeys(bands, object))
    gaps.loc[2, bands] = None
    gaps.loc[3, [name for name in bands if name.startswith("rp_")]] = None
    for name in bands:
        if name.endswith(("n_parameters", "standard_deviation")):
            gaps[name] = gaps[name].astype(float)
    gaps.to_parquet(tmp_path / "gaps.parquet", row_group_size=3)
    predict_table(
        model, tmp_path / "gaps.parquet", tmp_path / "out.parquet", batch_rows=2, columns=["ra"]
    )
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["flag"].to_pylist() == [None, None, "missing", "not_finite"]
    assert table["source_id"].to_pylist() == IDS.tolist()
    assert table["ra"].to_pylist() == frame["ra"].to_list()
    np.testing.assert_allclose(table["p_1"].to_numpy()[:2], expected[:2, 1], rtol=1e-4)


def test_text_with_coefficients_gives_what_parquet_gives(model, frame, tmp_path):
    frame.to_parquet(tmp_path / "x.parquet")
    text = frame.map(lambda v: str(v.tolist()) if isinstance(v, np.ndarray) else v)
    text.to_csv(tmp_path / "x.csv.gz", index=False)
    tables = []
    for name in ("x.parquet", "x.csv.gz"):
        predict_table(model, tmp_path / name, tmp_path / "out.parquet", overwrite=True)
        tables.append(pq.read_table(tmp_path / "out.parquet").replace_schema_metadata(None))
    assert tables[0] == tables[1]


def test_columns_that_gaiaxpy_needs_are_named(model, frame, tmp_path):
    frame.drop(columns="bp_n_parameters").to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="continuous spectra need: bp_n_parameters"):
        predict_table(model, tmp_path / "x.parquet", tmp_path / "out.parquet")
