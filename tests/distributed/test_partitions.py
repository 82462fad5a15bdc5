"""Partitions of a catalogue meet their own margins."""

import dask
import numpy as np
import pytest

from climbkit.distributed._partitions import check_margin, pair_partitions, sky_columns
from climbkit.distributed._reading import plain_frame

MARGIN = 0.25  # degrees


def healpix(stars, order):
    from astropy import units as u
    from astropy_healpix import HEALPix

    grid = HEALPix(2**order, order="nested")
    return grid.lonlat_to_healpix(
        stars["alpha"].to_numpy() * u.deg, stars["delta"].to_numpy() * u.deg
    )


def separations(stars, other):
    """Least separation of every star from the others, in degrees."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    first, second = (SkyCoord(s["alpha"], s["delta"], unit=u.deg) for s in (stars, other))
    return first.match_to_catalog_sky(second)[1].deg


def read(partition):
    core, *margins = dask.compute(partition.core, *partition.margins, scheduler="synchronous")
    return plain_frame(core), [plain_frame(margin) for margin in margins]


def test_sky_columns_are_those_of_the_catalogue(sky_catalog):
    assert sky_columns(sky_catalog) == ("alpha", "delta")


def test_cores_are_the_whole_catalogue_once_and_lie_in_their_pixels(sky, sky_catalog):
    partitions = pair_partitions(sky_catalog, ["source_id", "alpha", "delta"], MARGIN)
    assert len({partition.order for partition in partitions}) > 1
    ids = []
    for partition in partitions:
        core, _ = read(partition)
        assert core.columns.tolist() == ["source_id", "alpha", "delta"]
        assert np.all(healpix(core, partition.order) == partition.pixel)
        ids.append(core["source_id"].to_numpy())
    assert sorted(np.concatenate(ids)) == sorted(sky["source_id"])


def test_every_margin_holds_all_stars_near_its_own_pixel(sky, sky_catalog):
    """The stars within the margin of any star of a pixel are in the pixel or in its margin."""
    for partition in pair_partitions(sky_catalog, ["source_id", "alpha", "delta"], MARGIN):
        core, margins = read(partition)
        near = sky[separations(sky, core) < MARGIN]
        known = set(core["source_id"]).union(*(margin["source_id"] for margin in margins))
        assert set(near["source_id"]) <= known
        for margin in margins:
            assert not np.any(healpix(margin, partition.order) == partition.pixel)


def test_a_pixel_without_neighbours_has_no_margin(sky_catalog):
    partitions = pair_partitions(sky_catalog, ["source_id"], MARGIN)
    assert any(not partition.margins for partition in partitions)
    assert any(partition.margins for partition in partitions)


def test_no_margin_is_read_where_none_is_needed(sky_catalog):
    assert not any(p.margins for p in pair_partitions(sky_catalog, ["source_id"], 0.0))


def test_a_catalogue_on_disk_pairs_like_the_one_in_memory(lsdb, sky_catalog, tmp_path):
    sky_catalog.write_catalog(tmp_path / "sky", catalog_name="sky", progress_bar=False)
    opened = lsdb.open_catalog(tmp_path / "sky")
    for first, second in zip(
        pair_partitions(sky_catalog, ["source_id"], MARGIN),
        pair_partitions(opened, ["source_id"], MARGIN),
        strict=True,
    ):
        assert (first.order, first.pixel) == (second.order, second.pixel)
        core, margins = read(first)
        stored, stored_margins = read(second)
        assert set(core["source_id"]) == set(stored["source_id"])
        assert [set(m["source_id"]) for m in margins] == [
            set(m["source_id"]) for m in stored_margins
        ]


def test_margin_of_finer_pixels_is_joined(sky_catalog):
    """Halves of a margin that is stored by the children of a pixel both come."""
    from climbkit.distributed._partitions import _pair

    margins = _pair({(3, 5): "core", (3, 6): "core"}, {(4, 20): "a", (4, 23): "b", (3, 6): "c"})
    assert margins == {(3, 5): ["a", "b"], (3, 6): ["c"]}


def test_margin_of_coarser_pixels_is_refused():
    from climbkit.distributed._partitions import _pair

    with pytest.raises(ValueError, match="order 2 pixel 1 around order 3 pixel 5"):
        _pair({(3, 5): "core"}, {(2, 1): "a"})


def test_missing_and_narrow_margins_say_how_to_get_one(lsdb, sky, sky_catalog):
    bare = lsdb.from_dataframe(
        sky[-20:], ra_column="alpha", dec_column="delta", margin_threshold=None
    )
    with pytest.raises(ValueError, match=r"no margin.*margin_threshold=900"):
        check_margin(bare, MARGIN)
    with pytest.raises(ValueError, match="900 arcsec wide only"):
        check_margin(sky_catalog, 0.3)


def test_missing_columns_are_named(sky_catalog):
    with pytest.raises(ValueError, match="no column 'ruwe'"):
        pair_partitions(sky_catalog, ["source_id", "ruwe"], 0.0)
