"""Words of a report: what the columns mean, and what a reader should know before using them."""

from climbkit.pipelines._cluster_report_numbers import known

#: What a reader is told of a column; shown for the columns that there are.
MEANING = {
    "name": "Name of the known object that lies there, else “candidate” and a number.",
    "type": "Type of that object; “candidate” where no catalogue knows one.",
    "candidate_id": "Name that follows from the members: the same stars have the same id.",
    "ra": "Right ascension of the centre, the members' mean direction (ICRS).",
    "dec": "Declination of the centre.",
    "l": "Galactic longitude of the centre.",
    "b": "Galactic latitude of the centre.",
    "r50": "Radius of the circle on the sky that holds half of the members.",
    "n_members": "Number of members.",
    "p_class": (
        "What the network makes of the colour-magnitude diagram: the calibrated probability that "
        "it is that of a star cluster among the images that it learnt from. It knows nothing of "
        "position and motion, nor of how rare clusters are, and is not the probability that this "
        "cluster is real."
    ),
    "persistence": (
        "How long the group survives as the density threshold rises, from 0 to 1, against the "
        "densest place of its tile. It ranks groups of one field; it is no probability."
    ),
    "p_cst": (
        "Cluster significance test: how often the densest group of as many stars, in fields "
        "shuffled from the stars around, is as dense. For one place on the sky; a large field has "
        "many. Its smallest value is set by the number of shuffled fields."
    ),
    "separation": "Distance on the sky from the known object.",
    "catalogue": "Where the known object is listed.",
    "parallax": "Mean of the members by inverse variance.",
    "pmra": "Mean proper motion in right ascension, with the factor cos(dec).",
    "pmdec": "Mean proper motion in declination.",
    "distance": "Median of the posterior of one distance for all members, and its central 68 %.",
    "n_repetitions": "How often the search found it, over tiles and scales.",
    "best_candidate_id": "The most persistent of these finds.",
    "min_cluster_size": "Smallest cluster that the search allowed where it found this one.",
    "widening_radius": "Radius about the centre within which stars were asked for membership.",
    "evidence": "Log likelihood ratio of cluster and field to the field alone.",
    "cst_sigma": "How far beyond the shuffled fields it lies, in their standard deviations.",
    "parallax_std": "Standard deviation of the members that the search found.",
    "pmra_std": "Standard deviation of the members that the search found.",
    "pmdec_std": "Standard deviation of the members that the search found.",
    "structure_n_members": "Members that have a position.",
    "class_n_stars": "Stars of the diagram that the network saw.",
    "cst_n_members": "Members that the significance test took, the densest ones.",
    "aliases": "Further names of the known object.",
    "nearest_object": "The known object that it would have, were it the best candidate there.",
    "chance": "How likely a known object would lie as near, were they strewn at random.",
    "pm_dispersion": "Scatter of proper motions beyond the errors.",
    "pm_dispersion_limit": "What the scatter of proper motions hardly exceeds.",
    "king_k": "Central density of King's profile, before the truncation is taken off.",
    "king_eta": "Density of the background that is left.",
    "king_c": "Concentration, log10 of tidal to core radius.",
    "king_rc": "Core radius of King's profile.",
    "king_rt": "Tidal radius of King's profile.",
    "plummer_a": "Scale radius of Plummer's profile.",
}
_REASON = "_reason"
_WHAT_A_REASON_IS_OF = {
    "class": "p_class",
    "cst": "p_cst",
    "structure": "structure",
    "membership": "membership",
}


def reasons(row):
    """Return why numbers of a cluster are missing.

    Parameters
    ----------
    row : dict
        Values by column; those of columns that end in ``_reason`` count.

    Returns
    -------
    sentences : list of str
        One for each reason that is not empty.
    """
    found = []
    for name, value in row.items():
        if name.endswith(_REASON) and known(value):
            stage = name.removesuffix(_REASON)
            found.append(f"{_WHAT_A_REASON_IS_OF.get(stage, stage)}: {value}.".replace("..", "."))
    return found


def caveats(search, rows):
    """Return what a reader should know of the whole search.

    Parameters
    ----------
    search : ClusterSearch
        Fitted. What it says in ``notes_``, if it has any, comes first.
    rows : list of dict
        Values by column, for each cluster.

    Returns
    -------
    sentences : list of str
        Cuts that could not be made, stages that were left out, numbers that are missing.
    """
    found = [_sentence(note) for note in getattr(search, "notes_", ())]
    found += _left_out_cuts(search)
    for column, what in (("p_class", "a class"), ("p_cst", "a significance")):
        if rows and column in rows[0]:
            missing = [str(row["name"]) for row in rows if not known(row[column])]
            if len(missing) == len(rows):
                found.append(f"No cluster has {what} ({column}).")
            elif missing:
                found.append(f"Without {what} ({column}): {_listed(missing)}.")
    return list(dict.fromkeys(found))


def _left_out_cuts(search):
    """Quality cuts whose columns the stars lack, from the fitted mask."""
    for stage in fitted_stages(search):
        summary = getattr(stage, "summary_", None)
        if {"condition", "n_failed"} <= set(getattr(summary, "columns", ())):
            absent = summary.loc[summary["n_failed"].isna(), "condition"].tolist()
            if absent:
                return [
                    "Quality cuts that could not be made, as the stars lack columns: "
                    f"{'; '.join(map(str, absent))}."
                ]
    return []


def fitted_stages(search):
    """Return the fitted stages of a search, whatever it keeps them in."""
    for name in ("pipeline_", "stages_"):
        stages = getattr(search, name, None)
        if stages is None:
            continue
        if hasattr(stages, "named_steps"):
            return list(stages.named_steps.values())
        return list(stages.values()) if hasattr(stages, "values") else list(stages)
    return []


def _sentence(text):
    text = str(text).strip()
    return text[:1].upper() + text[1:]


def _listed(names, most=8):
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
