"""Partitions of an LSDB catalogue, each with the margin around it."""

from dataclasses import dataclass

ARCSEC_PER_DEG = 3600.0


@dataclass(frozen=True)
class Partition:
    """One HEALPix pixel of a catalogue, not yet read.

    Attributes
    ----------
    order, pixel : int
        HEALPix order and nested index (equatorial, as HATS has it).
    core : Delayed
        Rows inside of the pixel.
    margins : tuple of Delayed
        Rows around it; none where nothing is near.
    """

    order: int
    pixel: int
    core: object
    margins: tuple


def is_catalog(value):
    """Whether this is an LSDB catalogue; LSDB need not be loaded for the answer."""
    return hasattr(value, "hc_structure") and hasattr(value, "get_healpix_pixels")


def sky_columns(catalog):
    """Names of right ascension and declination in a catalogue.

    Parameters
    ----------
    catalog : lsdb.catalog.Catalog
        The catalogue.

    Returns
    -------
    ra, dec : str
        Names of the columns, which are in degrees.
    """
    info = catalog.hc_structure.catalog_info
    return info.ra_column, info.dec_column


def pair_partitions(catalog, columns, margin):
    """Pair the partitions of a catalogue with their margins, by pixel.

    Parameters
    ----------
    catalog : lsdb.catalog.Catalog
        Catalogue with its margin cache.
    columns : sequence of str
        Columns to hand on.
    margin : float
        Width that is needed around every pixel, in degrees. 0: none.

    Returns
    -------
    partitions : list of Partition
        In the order of ``catalog.get_healpix_pixels()``.

    Raises
    ------
    ValueError
        If the catalogue lacks a column, has no margin or a narrower one, or its margin is cut by
        coarser pixels than the catalogue.

    Notes
    -----
    The margin has no pixel where no row is near, so that it is neither as long as the catalogue nor
    in its order. Where it is cut finer than the catalogue, the margins of all finer pixels together
    contain that of the pixel, and rows of the pixel itself, which the search drops.
    """
    check_columns(catalog, columns)
    if margin > 0:
        check_margin(catalog, margin)
    catalog = catalog[list(columns)]
    cores = _by_pixel(catalog)
    margins = _pair(cores, _by_pixel(catalog.margin) if margin > 0 else {})
    return [Partition(*pixel, core, tuple(margins[pixel])) for pixel, core in cores.items()]


def check_columns(catalog, columns):
    """Raise where a catalogue lacks columns; the message tells missing from not loaded."""
    missing = [name for name in columns if name not in catalog.columns]
    if missing:
        unloaded = [name for name in missing if name in catalog.all_columns]
        raise ValueError(
            f"the catalogue has no column {missing[0]!r} of {list(columns)}."
            if not unloaded
            else f"the columns {unloaded} were not loaded: open the catalogue with columns="
            f"{list(columns)}."
        )


def check_margin(catalog, margin):
    """Raise where a catalogue has no margin, or one that is narrower than the search needs."""
    needed = margin * ARCSEC_PER_DEG
    advice = (
        f"The search has margin={margin} deg: open the catalogue with a margin cache of at least "
        f"{needed:g} arcsec (margin_cache= of lsdb.open_catalog, margin_threshold={needed:g} of "
        "lsdb.from_dataframe), or set the margin of the search to 0 and accept that clusters are "
        "cut at the borders of pixels."
    )
    if catalog.margin is None:
        raise ValueError(f"the catalogue has no margin. {advice}")
    threshold = catalog.margin.hc_structure.catalog_info.margin_threshold
    if threshold is not None and threshold < needed:
        raise ValueError(f"the catalogue's margin is {threshold:g} arcsec wide only. {advice}")


def _by_pixel(dataset):
    """(order, pixel) → Delayed of a catalogue or margin."""
    pixels = [(int(pixel.order), int(pixel.pixel)) for pixel in dataset.get_healpix_pixels()]
    return dict(zip(pixels, dataset.to_delayed(), strict=True))


def _pair(cores, around):
    """Pixel of the catalogue → margins of it, or of the finer pixels in it."""
    margins = {pixel: [] for pixel in cores}
    for pixel, delayed in around.items():
        owner = next((above for above in pixel_and_above(*pixel) if above in cores), None)
        if owner is not None:
            margins[owner].append(delayed)
    for pixel in cores:
        # Rows between a pixel and its siblings are no margin of their parent.
        coarser = next((above for above in pixel_and_above(*pixel) if above in around), pixel)
        if coarser != pixel:
            raise ValueError(
                f"the margin is cut by coarser pixels than the catalogue, order {coarser[0]} "
                f"pixel {coarser[1]} around order {pixel[0]} pixel {pixel[1]}: make the margin "
                "cache anew for this catalogue."
            )
    return margins


def pixel_and_above(order, pixel):
    """Yield a pixel and all that contain it, as (order, pixel), the finest first."""
    for above in range(order, -1, -1):
        yield above, pixel >> 2 * (order - above)
