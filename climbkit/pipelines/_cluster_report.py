"""A page about a cluster search: tables and figures in one file, to open in any browser."""

import json
import string
from importlib import resources

import numpy as np

from climbkit.base import NOISE
from climbkit.pipelines._cluster_record import run_record
from climbkit.pipelines._cluster_report_figures import cmd_image, four_panels, overview, profile
from climbkit.pipelines._cluster_report_numbers import (
    ENDS,
    escape,
    is_number,
    known,
    write_cell,
    write_unit,
    write_value,
)
from climbkit.pipelines._cluster_report_words import MEANING, caveats, reasons

#: Columns of the table of clusters, where there are any of them; the sections have all.
_TABLE = ("name", "type", "l", "b", "n_members", "r50", "distance")
_TABLE += ("p_class", "p_cst", "persistence", "separation")
_HEADS = {"n_members": "members"}
_UNKNOWN = "candidate"  # type of what no catalogue knows
_DRAWN = 40  # clusters that get figures, unless asked for otherwise


def report_page(
    search, *, title="Star clusters found", inputs=None, member_files=None, max_figures=_DRAWN
):
    """Return a page about a search.

    Parameters
    ----------
    search : ClusterSearch
        Fitted.
    title : str, default="Star clusters found"
        Title.
    inputs : list of dict, default=None
        What the stars came from; ``file`` and ``n_stars`` of each are shown.
    member_files : list of list of str, default=None
        Files with the members of each cluster, relative to the page, for links.
    max_figures : int, default=40
        No more clusters than this get figures; all get their numbers.

    Returns
    -------
    page : str
        HTML that holds its figures, and loads nothing from anywhere.

    Raises
    ------
    ImportError
        If matplotlib is missing: ``pip install climbkit[plot]``.
    """
    record = run_record(search, inputs=inputs)
    rows = _rows(search)
    template = resources.files("climbkit.pipelines").joinpath("report.html")
    return string.Template(template.read_text(encoding="utf-8")).substitute(
        title=escape(title),
        subtitle=_subtitle(search, inputs),
        facts=_facts(search, rows),
        caveats=_caveats(caveats(search, rows)),
        table=_table(search.clusters_, rows),
        overview=_figure(overview(search)),
        sections="\n".join(
            _section(
                search,
                number,
                row,
                files=member_files[number] if member_files else (),
                drawn=number < max_figures,
            )
            for number, row in enumerate(rows)
        ),
        glossary=_glossary(search.clusters_.colnames),
        provenance=_provenance(record),
        parameters=escape(json.dumps(record, indent=2)),
        footer=escape(f"Written by climbkit {record['climbkit']}."),
    )


def _rows(search):
    """Values of each cluster by column, as plain numbers and texts."""
    table = search.clusters_
    columns = {}
    for name in table.colnames:
        values = getattr(table[name], "value", table[name])
        columns[name] = np.ma.asarray(values).tolist()  # None where masked
    # What stands in the set alone, such as the reasons why a number is missing.
    for name, values in search.cluster_set_.table.items():
        columns.setdefault(name, values.astype(object).tolist())
    return [
        {name: values[number] for name, values in columns.items()} for number in range(len(table))
    ]


def _subtitle(search, inputs):
    files = ", ".join(escape(entry["file"]) for entry in inputs or () if "file" in entry)
    stars = f"{len(search.labels_):,} stars"
    return f"{stars} of {files}" if files else stars


def _facts(search, rows):
    labels = np.asarray(search.labels_)
    named = sum(str(row.get("type")) != _UNKNOWN for row in rows)
    facts = {
        "stars": len(labels),
        "groups looked at": len(search.candidates_),
        "known clusters": named,
        "new candidates": len(rows) - named,
        "stars in clusters": int(np.sum(labels != NOISE)),
    }
    return "".join(f"<div><dt>{what}</dt><dd>{n:,}</dd></div>" for what, n in facts.items())


def _caveats(sentences):
    if not sentences:
        return ""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return (
        '<aside class="caveats" aria-labelledby="caveats"><strong id="caveats">Before you use '
        f"this</strong><ul>{items}</ul></aside>"
    )


def _table(clusters, rows):
    if not rows:
        return "<p>No cluster was found.</p>"
    names = [n for n in _TABLE if n in clusters.colnames and any(known(row[n]) for row in rows)]
    numeric = {name for name in names if any(is_number(row[name]) for row in rows)}
    heads = "".join(
        f'<th scope="col" data-kind="{"number" if name in numeric else "text"}"'
        f"{' class=num' if name in numeric else ''}>"
        f'<button type="button">{_head(clusters, name)}</button></th>'
        for name in names
    )
    lines = "".join(
        f"<tr>{''.join(_cell(row, name, number, name in numeric) for name in names)}</tr>"
        for number, row in enumerate(rows, start=1)
    )
    return (
        '<p class="soft">Choose a column head to sort. Values in full, with errors, stand in the '
        'sections below.</p><div class="scroll" tabindex="0" role="region" aria-label="Table of '
        f'clusters"><table aria-label="Clusters"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _head(clusters, name):
    unit = write_unit(getattr(clusters[name], "unit", None))
    return escape(_HEADS.get(name, name) + (f" [{unit}]" if unit else ""))


def _cell(row, name, number, numeric):
    text, value = escape(write_cell(row, name)), row[name]
    sort_by = escape(value if known(value) else "")
    if name == "name":
        link = f'<a href="#cluster-{number}">{text}</a>'
        return f'<th scope="row" class="name" data-value="{sort_by}">{link}</th>'
    return f'<td data-value="{sort_by}"{" class=num" if numeric else ""}>{text}</td>'


def _section(search, number, row, *, files, drawn):
    name, what = escape(row["name"]), escape(row.get("type", ""))
    what = "" if what == _UNKNOWN else f' <span class="soft">{what}</span>'
    missing = "".join(f"<li>{escape(sentence)}</li>" for sentence in reasons(row))
    missing = f'<ul class="soft">{missing}</ul>' if missing else ""
    links = ", ".join(f'<a href="{escape(file)}">{escape(file)}</a>' for file in files)
    links = f'<p class="soft">Members: {links}</p>' if links else ""
    figures = (
        _figures(search, number)
        if drawn
        else '<p class="soft">Not drawn: the page has figures of the first clusters only.</p>'
    )
    return (
        f'<section class="cluster" aria-labelledby="cluster-{number + 1}">'
        f'<h2 id="cluster-{number + 1}">{name}{what}</h2>{missing}'
        f'<div class="columns"><div>{figures}</div>'
        f"<div>{_numbers(search.clusters_, row)}{links}"
        '<p class="soft"><a href="#clusters">Back to the table</a></p></div></div></section>'
    )


def _figures(search, number):
    image = cmd_image(search, number)
    image = "<p>No member has a colour and a magnitude.</p>" if image is None else _figure(image)
    curve = profile(search, number)
    curve = "" if curve is None else _figure(curve)
    return f'{_figure(four_panels(search, number))}<div class="beside">{curve}{image}</div>'


def _numbers(clusters, row):
    lines = []
    for name in clusters.colnames:
        parent = next((name.removesuffix(end) for end in ENDS if name.endswith(end)), None)
        if name in ("name", "type") or parent in clusters.colnames or name.endswith("_reason"):
            continue
        if not known(row[name]) and name not in _TABLE:
            continue
        unit = write_unit(getattr(clusters[name], "unit", None))
        text = escape(write_value(row, name, unit))
        lines.append(f'<tr><th scope="row">{escape(name)}</th><td>{text}</td></tr>')
    return (
        f'<div class="scroll wide"><table aria-label="Numbers of {escape(row["name"])}">'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _figure(picture):
    caption = f"<figcaption>{escape(picture.caption)}</figcaption>" if picture.caption else ""
    return (
        f'<figure><img class="{"drawn" if picture.drawn else "pixels"}" src="{picture.uri}" '
        f'width="{picture.width}" height="{picture.height}" alt="{escape(picture.alt)}">'
        f"{caption}</figure>"
    )


def _glossary(names):
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(MEANING[name])}</td></tr>'
        for name in names
        if name in MEANING
    )
    return (
        '<details><summary>Explain them</summary><div class="scroll wide"><table aria-label='
        f'"Meaning of the columns"><tbody>{lines}</tbody></table></div></details>'
    )


def _provenance(record):
    packages = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    return escape(
        f"climbkit {record['climbkit']} on Python {record['python']} with {packages}. Gaia data: "
        "ESA/Gaia/DPAC."
    )
