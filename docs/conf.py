"""Sphinx settings; build with ``sphinx-build -W docs docs/_build/html``."""

import os
import re
import warnings

os.environ.setdefault("MPLBACKEND", "Agg")

from climbkit import __version__

project = "climbkit"
author = "The climbkit developers"
copyright = author
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
default_role = "py:obj"
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}

# What a room lists in __all__ has a page; nothing else has.
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "remove_config_comments": True,
    "show_memory": False,
    "min_reported_time": 1e9,
    "plot_gallery": "True",
    "abort_on_example_error": True,
    "image_scrapers": ("matplotlib",),
    "within_subsection_order": "ExampleTitleSortKey",
}
# An interactive backend is not there in a build, and sphinx-gallery calls plt.show.
warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive.*")

html_theme = "pydata_sphinx_theme"
html_title = "climbkit"
html_static_path = ["_static"]
html_css_files = ["climbkit.css"]
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "header_links_before_dropdown": 6,
}
html_sidebars = {"index": [], "install": [], "quickstart": [], "contributing": [], "changelog": []}
html_show_sourcelink = False


def escape_plain_text(app, what, name, obj, options, lines):
    """Keep reStructuredText from reading markup into types and formulas of docstrings.

    ``(n_features_in_,)`` in a type would be a reference, and ``|x|`` in a formula a substitution.
    """
    for i, line in enumerate(lines):
        if line.lstrip().startswith((">>>", "...")) or "`" in line:
            continue
        typed = re.match(r"(\s*[\w, *]+ : )(.*)", line)
        if typed:
            line = typed[1] + re.sub(r"\b(\w+_)(?!\w)", r"``\1``", typed[2])
        lines[i] = line.replace("|", r"\|")


def setup(app):
    """Run before numpydoc, whose priority is the default of 500."""
    app.connect("autodoc-process-docstring", escape_plain_text, priority=400)
