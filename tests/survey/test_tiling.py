"""Tiles: every star in one cell, true distances on the sphere, poles and the wrap at 0."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from climbkit.survey import HealpixTiling, SquareTiling
from climbkit.survey._frames import FULL_CIRCLE, longitude_span, separation, unwrap
from climbkit.survey._healpix_tiling import HealpixTile

CENTRES = [(180.0, 0.0), (0.0, 3.0), (0.0, 60.0), (77.0, 89.0), (200.0, -90.0)]


def field(lon, lat, *, radius=3.0, n=400, seed=0):
    """Positions uniform within a radius (deg) of a centre."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(np.cos(np.radians(radius)), 1, n)
    angle, r = rng.uniform(0, 2 * np.pi, n), np.sqrt(1 - z**2)
    tilt = np.radians(90 - lat)
    x, y = r * np.cos(angle), r * np.sin(angle)
    x, z = x * np.cos(tilt) + z * np.sin(tilt), z * np.cos(tilt) - x * np.sin(tilt)
    return (np.degrees(np.arctan2(y, x)) + lon) % 360, np.degrees(np.arcsin(np.clip(z, -1, 1)))


def in_box_of(lon, lat, more_lon, more_lat):
    """Those of some positions that lie in the box around others, which is what tiles cover."""
    west, width = longitude_span(lon)
    along = unwrap(more_lon, west + width / 2) - west
    inside = (along >= 0) & (along <= width) & (more_lat >= lat.min()) & (more_lat <= lat.max())
    return more_lon[inside], more_lat[inside]


def tilings():
    pytest.importorskip("astropy_healpix")
    return [
        SquareTiling(side=1.0),
        SquareTiling(side=1.3, grid="plane"),
        HealpixTiling(max_stars=60),
        HealpixTiling(order=5, max_stars=None),
    ]


@pytest.mark.parametrize("centre", CENTRES)
def test_every_star_is_in_the_core_of_one_tile(centre):
    lon, lat = field(*centre)
    for tiling in tilings():
        tiles, counts = tiling.tiles(lon, lat)
        owned = np.array([tile.owns(lon, lat) for tile in tiles])
        np.testing.assert_array_equal(owned.sum(axis=0), 1)
        np.testing.assert_array_equal(owned.sum(axis=1), counts)
        assert len({tile.key for tile in tiles}) == len(tiles)


@pytest.mark.parametrize("centre", CENTRES)
def test_margin_is_the_true_distance_to_the_cell(centre):
    lon, lat = field(*centre)
    dense = in_box_of(lon, lat, *field(*centre, n=60_000, radius=4.5, seed=1))
    for tiling in tilings():
        for tile in tiling.tiles(lon, lat)[0][::4]:
            inside = tile.owns(*dense)
            distance = tile.distance(lon, lat)
            assert np.all(distance[tile.owns(lon, lat)] < 1e-9)
            if inside.sum() < 300:
                continue
            # The nearest of many points in the cell is a little farther than the cell itself.
            points = dense[0][inside][:, None], dense[1][inside][:, None]
            nearest = separation(lon, lat, *points).min(axis=0)
            assert np.all(distance <= nearest + 1e-3)
            # HEALPix pixels reach beyond the points; stars in the cell beside them do not count.
            if isinstance(tiling, SquareTiling):
                near = distance < 1.0
                assert np.all(nearest[near] - distance[near] < 0.15)


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("margin", [0.1, 0.7])
def test_box_holds_the_core_and_the_margin(centre, margin):
    lon, lat = field(*centre)
    for tiling in tilings():
        for tile, core, around in tiling.split(lon, lat, margin):
            west, width, south, north = tile.box(margin)
            rows = np.concatenate([core, around])
            away = unwrap(lon[rows], west + width / 2) - west
            assert np.all((away >= -1e-9) & (away <= width + 1e-9))
            assert np.all((lat[rows] >= south - 1e-9) & (lat[rows] <= north + 1e-9))


def test_tiles_do_not_depend_on_the_order_of_the_stars():
    lon, lat = field(0.0, 60.0)
    order = np.random.default_rng(3).permutation(len(lon))
    for tiling in tilings():
        keys, counts = zip(*zip(*tiling.tiles(lon, lat), strict=True), strict=True)
        again, again_counts = zip(
            *zip(*tiling.tiles(lon[order], lat[order]), strict=True), strict=True
        )
        assert [tile.key for tile in keys] == [tile.key for tile in again]
        assert counts == again_counts


def test_published_grid_has_squares_of_the_given_side_from_the_lower_corner():
    lon, lat = np.meshgrid(np.linspace(20, 30, 41), np.linspace(-5, 5, 41))
    lon, lat = lon.ravel(), lat.ravel()
    found = [SquareTiling(side=s, grid="plane").tiles(lon, lat)[0] for s in (1, 2, 5)]
    assert [len(tiles) for tiles in found] == [100, 25, 4]
    tile = next(t for t in found[1] if t.owns(np.array([23.0]), np.array([-0.5]))[0])
    assert (tile.west, tile.width, tile.south, tile.north) == (22.0, 2.0, -1.0, 1.0)


def test_stars_on_upper_edges_and_in_the_remainder_are_not_lost():
    lon, lat = np.array([0.0, 5.0, 7.0, 7.0]), np.array([0.0, 5.0, 7.0, 0.0])
    tiles, counts = SquareTiling(side=5, grid="plane").tiles(lon, lat)
    assert counts.tolist() == [1, 1, 2]
    corner = tiles[-1]
    assert corner.owns(lon, lat).tolist() == [False, True, True, False]
    assert (corner.west, corner.width, corner.north) == (5.0, 2.0, 7.0)


def test_border_belongs_to_the_cell_above_it():
    tiling = SquareTiling(side=1.0, region=(10, 12, 0, 2))
    tiles, _ = tiling.tiles(np.array([11.0, 10.999]), np.array([1.0, 1.0]))
    assert [tile.west for tile in tiles] == [10.0, 11.0]
    assert all(tile.south == 1.0 for tile in tiles)


def test_squares_on_the_sky_are_square_at_high_latitude():
    lon, lat = field(77.0, 75.0, radius=6.0, n=5000)
    tiles, _ = SquareTiling(side=1.0).tiles(lon, lat)
    widths = np.array([t.width * np.cos(np.radians(t.south)) for t in tiles])
    assert np.all((widths > 0.6) & (widths < 1.5))
    assert len(tiles) < 200
    assert len(SquareTiling(side=1.0, grid="plane").tiles(lon, lat)[0]) > 300


def test_region_through_zero_has_its_cells_in_one_piece():
    lon, lat = np.array([358.5, 359.7, 0.2, 1.4]), np.full(4, 0.5)
    tiles, counts = SquareTiling(side=1.0, region=(358, 2, 0, 1)).tiles(lon, lat)
    assert [tile.west for tile in tiles] == [358.0, 359.0, 0.0, 1.0]
    assert counts.tolist() == [1, 1, 1, 1]


def test_stars_outside_of_a_given_region_are_margin_only():
    tiling = SquareTiling(side=1.0, region=(10, 11, 0, 1))
    lon, lat = np.array([10.5, 11.05, 12.0]), np.array([0.5, 0.5, 0.5])
    ((_, core, around),) = tiling.split(lon, lat, 0.1)
    assert core.tolist() == [0]
    assert around.tolist() == [1]


@pytest.mark.parametrize(
    "region", [(1, 2), (0, 400, 0, 1), (0, 1, 2, 1), (0, 1, 0, 91), (5, 5, 0, 1), "abcd"]
)
def test_impossible_regions_are_refused(region):
    with pytest.raises(ValueError, match="region"):
        SquareTiling(side=1.0, region=tuple(region)).tiles([0.5], [0.5])


def test_side_is_needed_and_checked():
    with pytest.raises(ValueError, match="needs a side"):
        SquareTiling().tiles([0.5], [0.5])
    with pytest.raises(ValueError, match="'side' parameter of SquareTiling"):
        SquareTiling(side=-1.0).tiles([0.5], [0.5])


def test_healpix_splits_where_there_are_many_stars():
    pytest.importorskip("astropy_healpix")
    crowd, sparse = field(40, 0, radius=0.5, n=900), field(60, 0, radius=5, n=100)
    lon, lat = (np.concatenate(pair) for pair in zip(crowd, sparse, strict=True))
    tiles, counts = HealpixTiling(max_stars=50, order=2).tiles(lon, lat)
    assert counts.max() <= 50
    orders = np.array([tile.order for tile in tiles])
    assert orders.min() >= 2
    assert orders.max() >= 6
    assert all(tile.side == pytest.approx(58.63 / 2**tile.order, rel=1e-3) for tile in tiles)


def test_given_pixels_are_the_tiles():
    pytest.importorskip("astropy_healpix")
    lon, lat = field(40, 0, n=500)
    found, counts = HealpixTiling(max_stars=60).tiles(lon, lat)
    pixels = [(tile.order, tile.pixel) for tile in found]
    tiles, again = HealpixTiling(pixels=pixels[::-1]).tiles(lon, lat)
    assert [tile.key for tile in tiles] == [tile.key for tile in found]
    np.testing.assert_array_equal(again, counts)
    assert HealpixTiling(pixels=pixels[:3]).tiles(lon, lat)[1].sum() == counts[:3].sum()


def test_stars_on_borders_of_pixels_are_in_one_tile_of_every_order():
    pytest.importorskip("astropy_healpix")
    lon = np.repeat(np.arange(0, 360, 22.5), 5)
    lat = np.tile(np.degrees(np.arcsin([-2 / 3, -1 / 3, 0, 1 / 3, 2 / 3])), 16)
    for order in (0, 2, 5, 9):
        tiles, counts = HealpixTiling(order=order, max_stars=None).tiles(lon, lat)
        assert counts.sum() == len(lon)
        np.testing.assert_array_equal([t.owns(lon, lat).sum() for t in tiles], counts)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        ([(3, 5), (3, 5)], "twice"),
        ([(3, 5), (2, 1)], "overlap"),
        ([(0, 12)], "below 12"),
        ([3, 5], "pairs"),
    ],
)
def test_impossible_pixels_are_refused(pixels, message):
    with pytest.raises(ValueError, match=message):
        HealpixTiling(pixels=pixels).tiles([0.5], [0.5])


@pytest.mark.parametrize("pixel", [0, 1000, 1023, 3071, 8191, 12287])
def test_distance_to_a_pixel_is_that_to_its_nearest_point(pixel):
    """Against the subpixels four orders down, at 0.06 deg or less."""
    healpix = pytest.importorskip("astropy_healpix")
    tile = HealpixTile(5, pixel)
    fine = healpix.HEALPix(nside=2**11, order="nested")
    lon, lat = fine.healpix_to_lonlat(np.arange(pixel << 12, (pixel + 1) << 12))
    stars = field(*tile.centre, n=300)
    nearest = separation(*stars, lon.deg[:, None], lat.deg[:, None]).min(axis=0)
    distance = tile.distance(*stars)
    assert np.all(distance <= nearest + 1e-3)
    assert np.all(nearest - distance < 0.04)


def test_healpix_pixels_are_those_of_astropy_healpix():
    healpix = pytest.importorskip("astropy_healpix")
    import astropy.units as u

    lon, lat = field(0.0, 60.0, n=300)
    expected = healpix.HEALPix(nside=8, order="nested").lonlat_to_healpix(lon * u.deg, lat * u.deg)
    tiles, _ = HealpixTiling(order=3, max_stars=None).tiles(lon, lat)
    for tile in tiles:
        np.testing.assert_array_equal(tile.owns(lon, lat), expected == tile.pixel)


@settings(deadline=None, max_examples=30)
@given(st.floats(0, 359.9), st.floats(-89, 85), st.floats(0.3, 4.0), st.floats(-1.5, 1.5))
def test_distance_to_a_square_is_that_to_its_nearest_border_point(west, south, side, offset):
    tiling = SquareTiling(side=side, grid="plane", region=(west, west + side, south, south + side))
    if south + side > 90:
        return
    (tile,), _ = tiling.tiles([west + side / 2], [south + side / 2])
    along = np.linspace(0, side, 2001)
    flat = np.full(2001, 0.0)
    border = (
        np.concatenate([along, along, flat, flat + side]),
        np.concatenate([flat, flat + side, along, along]),
    )
    lon, lat = west + side / 2 + offset * side, np.clip(south + 2.0 * offset * side, -90, 90)
    there = np.array([lon % FULL_CIRCLE]), np.array([lat])
    expected = separation(*there, west + border[0], south + border[1]).min()
    if 0 <= offset <= 0.5:
        expected = 0.0
    assert tile.distance(*there)[0] == pytest.approx(expected, abs=side / 1000)
