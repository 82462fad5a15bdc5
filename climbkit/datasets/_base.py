"""What the data sets share: their features, and how a ``Bunch`` is put together."""

from sklearn.utils import Bunch

#: Feature order of the published CLiMB protocol (https://doi.org/10.48550/arXiv.2601.09768).
FEATURE_NAMES = ("Lz", "Energy", "Lperp")
UNITS = {"Lz": "kpc km/s", "Energy": "km2/s2", "Lperp": "kpc km/s"}

#: Stars that each known group has in the Gaia DR3 RR Lyrae catalogue, in the order of the
#: published list of centroids. Group 10 is Gaia-Sausage-Enceladus.
GROUP_SIZES = {5: 35, 3: 26, 1: 34, 11: 1, 15: 1, 10: 350, 6: 7, 4: 14}
KNOWN_NAMES = {
    label: "Gaia-Sausage-Enceladus (group 10)" if label == 10 else f"group {label}"
    for label in GROUP_SIZES
}


def build_bunch(data, columns, *, y_name, as_frame, return_X_y, **extra):
    """Put features and further columns with a row per star into a Bunch.

    `y_name` names the column that stands for y when ``return_X_y``.
    """
    frame = None
    if as_frame:
        import pandas as pd

        data = pd.DataFrame(data, columns=list(FEATURE_NAMES))
        # A table keeps a type per column, so that source_id stays int64 beside the floats.
        frame = pd.concat([data, pd.DataFrame(columns)], axis=1)
        columns = {name: frame[name] for name in columns}
    if return_X_y:
        return data, columns[y_name]
    return Bunch(
        data=data,
        feature_names=list(FEATURE_NAMES),
        units=dict(UNITS),
        frame=frame,
        **columns,
        **extra,
    )
