"""Figures of a report, as pictures inside the page."""

import base64
import contextlib
import io
from dataclasses import dataclass

import numpy as np

from climbkit._optional import import_optional

_DPI = 110
_OVERVIEW_SIZE, _PROFILE_SIZE = (9.0, 6.5), (5.0, 3.9)  # inches


@dataclass(frozen=True)
class Picture:
    """A picture inside a page.

    Attributes
    ----------
    uri : str
        The PNG itself, as a ``data:`` address.
    width, height : int
        Pixels.
    alt : str
        What a reader who does not see it is told; not yet escaped.
    caption : str
        What stands below it; not yet escaped.
    drawn : bool
        Whether it is a drawing on white, rather than what a network saw.
    """

    uri: str
    width: int
    height: int
    alt: str
    caption: str = ""
    drawn: bool = True


@contextlib.contextmanager
def house_style():
    """Draw in matplotlib's own style, whatever the user has set."""
    plt = import_optional("matplotlib.pyplot", "plot")
    with plt.style.context("default"):
        yield plt


def _picture(figure, plt, alt, caption=""):
    """Turn a figure into a picture, and close it."""
    buffer = io.BytesIO()
    # What is wider than its figure, as the label of a stretched map, is not cut off.
    figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return Picture(*_png(buffer), alt=alt, caption=caption)


def _png(buffer):
    """Address and size of a PNG; the size stands in its header."""
    content = buffer.getvalue()
    width, height = (int.from_bytes(content[k : k + 4], "big") for k in (16, 20))
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}", width, height


def overview(search):
    """Draw the field with its clusters named."""
    from climbkit.plotting import CandidateDisplay

    with house_style() as plt:
        display = CandidateDisplay.from_estimator(search)
        display.figure_.set_size_inches(_OVERVIEW_SIZE)
        names = ", ".join(map(str, search.clusters_["name"])) or "nothing"
        return _picture(
            display.figure_,
            plt,
            f"Map of the field. Circles of the half-number radius lie around {names}.",
            "The field: members stand out from other stars; circles have the half-number radius.",
        )


def four_panels(search, number):
    """Draw one cluster in four panels."""
    from climbkit.plotting import FourPanelDisplay

    name = search.clusters_["name"][number]
    with house_style() as plt:
        display = FourPanelDisplay.from_estimator(search, number)
        return _picture(
            display.figure_,
            plt,
            f"Four panels of {name}: members and other stars on the sky, by parallax, by proper "
            "motion, and by colour and magnitude.",
            "Members stand out, the more so the more probable they are; other stars of the same "
            "piece of sky are faint. The ring holds half of the members.",
        )


def cmd_image(search, number):
    """Draw the colour-magnitude diagram of a cluster's members as a network sees it.

    Parameters
    ----------
    search : ClusterSearch
        Fitted.
    number : int
        Which cluster.

    Returns
    -------
    picture : Picture or None
        None, where no member has a colour and a magnitude.
    """
    from climbkit.cmd import CMDImageTransformer

    clusters = search.cluster_set_
    # The one that the classifier was given, else the published look.
    classifier = getattr(search, "stages_", {}).get("classifier")
    drawing = getattr(classifier, "transformer", None) or CMDImageTransformer()
    if not set(drawing.columns) <= set(clusters.stars):
        return None
    values = clusters.stars[list(drawing.columns)].to_numpy(dtype=float, na_value=np.nan)
    diagram = values[member_rows(clusters, number)]
    if not np.isfinite(diagram).all(axis=1).any():
        return None
    image = np.asarray(drawing.transform([(diagram[:, 0], diagram[:, 1])]))[0].squeeze()
    buffer = io.BytesIO()
    import_optional("matplotlib.image", "plot").imsave(
        buffer, image, format="png", cmap="gray", vmin=0.0, vmax=1.0, metadata={"Software": None}
    )
    return Picture(
        *_png(buffer),
        alt=(
            f"Colour-magnitude diagram of {search.clusters_['name'][number]} as a small black and "
            "white image."
        ),
        caption="Its members as an image, as the network sees groups.",
        drawn=False,
    )


def profile(search, number):
    """Draw the radial profile of a cluster.

    Parameters
    ----------
    search : ClusterSearch
        Fitted.
    number : int
        Which cluster.

    Returns
    -------
    picture : Picture or None
        None, where no profile was fitted.
    """
    from climbkit.plotting import ProfileDisplay

    structure = getattr(search, "stages_", {}).get("structure")
    results = getattr(structure, "structures_", None) or []
    # Rows of the structure are those of the clusters, in the same order.
    if number >= len(results) or getattr(results[number], "profile", None) is None:
        return None
    name = str(search.clusters_["name"][number])
    with house_style() as plt:
        display = ProfileDisplay.from_estimator(structure, number, title=name)
        display.figure_.set_size_inches(_PROFILE_SIZE)
        return _picture(
            display.figure_,
            plt,
            f"Radial profile of {name}: stars for each square arcminute against radius, and the "
            "fitted curve.",
            "Stars in rings about the centre, and the profile that was fitted to the stars.",
        )


def member_rows(clusters, number):
    """Row numbers of the members of a cluster among the stars."""
    candidate = clusters[number]
    if candidate.probabilities is None or "membership_threshold" not in clusters.table:
        return candidate.rows
    return candidate.rows[candidate.probabilities >= candidate["membership_threshold"]]
