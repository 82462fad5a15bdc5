"""The report: one file, whole, for everybody's eyes, and safe against any name."""

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from climbkit.pipelines._cluster_report import report_page
from climbkit.pipelines._cluster_report_numbers import write_number, write_value
from climbkit.pipelines._cluster_report_words import caveats
from climbkit.pipelines._cluster_writing import write_results

matplotlib = pytest.importorskip("matplotlib")

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Elements of a page, and whether each is closed where it should be."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    assert matplotlib.pyplot.get_fignums() == []  # a report leaves no figure open


@pytest.fixture(scope="module")
def text(known_search):
    return report_page(known_search, inputs=[{"file": "field.fits", "n_stars": 3_000}])


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_every_element_is_closed_and_every_id_is_one(page):
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for attrs in page.all("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    labelled = [a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a]
    assert set(labelled) <= set(ids)


def test_nothing_is_loaded_from_anywhere(text, page):
    assert not page.all("link")
    assert not [attrs for attrs in page.all("script") if attrs]
    assert all(attrs["src"].startswith("data:image/png;base64,") for attrs in page.all("img"))
    assert "http:" not in text
    assert not re.search(r"url\(|@import|https:", text)


def test_pictures_are_whole_and_say_what_they_show(page):
    pictures = page.all("img")
    assert len(pictures) >= 5  # the field, and of each cluster the panels and the image
    for attrs in pictures:
        content = base64.b64decode(attrs["src"].partition(",")[2])
        assert content.startswith(b"\x89PNG")
        assert content.endswith(b"IEND\xaeB`\x82")
        assert int(attrs["width"]) > 100
        assert len(attrs["alt"]) > 20


def test_tables_have_heads_that_sort_and_rows_that_are_named(page):
    heads = [attrs for attrs in page.all("th") if attrs.get("scope") == "col"]
    assert len(heads) == len(page.all("button"))
    assert {attrs["data-kind"] for attrs in heads} == {"text", "number"}
    for attrs in page.all("td"):
        if attrs.get("class") == "num":
            assert attrs["data-value"] == "" or np.isfinite(float(attrs["data-value"]))
    named = [attrs for attrs in page.all("th") if "data-value" in attrs]
    assert [attrs["data-value"] for attrs in named] == ["NGC 288", "candidate 1"]


def test_summary_counts_stars_and_clusters(page, known_search):
    words = " ".join(" ".join(page.text).split())
    assert "3,000 stars of field.fits" in words
    assert re.search(r"known clusters 1 ", words)
    assert re.search(r"new candidates 1 ", words)
    assert f"stars in clusters {np.sum(known_search.labels_ >= 0):,} " in words


def test_numbers_have_errors_and_units(page):
    words = " ".join(page.text)
    assert re.search(r"\d\.\d{3} ± 0\.010 \(stat\) ± 0\.010 \(sys\) mas", words)
    assert "mas yr⁻¹" in words


def test_missing_numbers_are_said_with_their_reason(page):
    words = " ".join(page.text)
    assert "Without a class (p_class): candidate 1." in words
    assert "p_class: no photometry." in words


def test_what_p_class_does_not_mean_is_said(page):
    assert "is not the probability that this cluster is real" in " ".join(page.text)


HOSTILE = ("</title><script>alert(1)</script>", "\" onerror='alert(2)' $title <b>")


def test_hostile_names_are_text(fit_known):
    text = report_page(fit_known(names=HOSTILE), inputs=[{"file": HOSTILE[0]}], title=HOSTILE[0])
    page = Page(text)
    assert len(page.all("script")) == 1
    assert page.all("title") == [{}]
    assert not page.all("b")
    assert not any("onerror" in attrs for _, attrs in page.elements)
    assert "".join(page.text).count(HOSTILE[0]) >= 4


def test_a_search_without_clusters_gives_a_page(fit_known):
    page = Page(report_page(fit_known(n_clusters=0, names=())))
    assert page.open == []
    assert "No cluster was found." in page.text


def test_clusters_beyond_the_limit_keep_their_numbers(known_search):
    page = Page(report_page(known_search, max_figures=1))
    assert len(page.all("section")) == 2
    assert any("Not drawn" in words for words in page.text)
    assert len(page.all("img")) == 3


def test_stars_without_photometry_are_reported(fit_known, cluster_field):
    search = fit_known(cluster_field.data.drop(columns=["bp_rp", "phot_g_mean_mag"]))
    assert "No member has a colour and a magnitude." in Page(report_page(search)).text


def test_page_links_the_tables_of_members(known_search, tmp_path):
    write_results(known_search, tmp_path, formats=("fits",), report=True)
    page = Page((tmp_path / "report.html").read_text())
    links = [attrs["href"] for attrs in page.all("a") if not attrs["href"].startswith("#")]
    assert links == ["members/NGC_288.fits", "members/candidate_1.fits"]
    assert all((tmp_path / link).exists() for link in links)


def test_cuts_that_could_not_be_made_are_caveats(known_search):
    from climbkit.survey import GaiaQualityMask

    stars = pd.DataFrame({"ruwe": [1.0, 2.0]})
    with pytest.warns(UserWarning, match="visibility_periods_used"):
        mask = GaiaQualityMask().fit(stars)
    known_search.stages_ = [mask]
    try:
        (cuts,) = [line for line in caveats(known_search, []) if "cuts" in line]
    finally:
        del known_search.stages_
    assert "visibility_periods_used >= 10" in cuts
    assert "ruwe" not in cuts


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"x": 1.23456, "x_error": 0.0123}, "1.235 ± 0.012 mas"),
        ({"x": -1.23456, "x_error": 12.0}, "−1 ± 12 mas"),
        (
            {"x": 1.0, "x_error": 0.01, "x_error_sys": 0.02},
            "1.000 ± 0.010 (stat) ± 0.020 (sys) mas",
        ),
        ({"x": 25.17, "x_lower": 20.3, "x_upper": 33.0}, "25.2 mas (68 %: 20.3 – 33.0)"),
        ({"x": 25.17, "x_error": np.nan}, "25.17 mas"),
        ({"x": np.nan, "x_error": 0.1}, "–"),
        ({"x": None}, "–"),
        ({"x": "text"}, "text"),
    ],
)
def test_values_have_the_digits_of_their_errors(row, text):
    assert write_value(row, "x", "mas") == text


def test_a_probability_is_not_rounded_to_certainty():
    found = [write_value({"p_class": p}, "p_class") for p in (0.98, 0.99996, 1.0, np.nan)]
    assert found == ["0.980", "> 0.999", "1.000", "–"]


def test_numbers_are_short():
    assert [write_number(v) for v in (1234567, -3, 0.98, 2.867e-7, 0.0, np.inf)] == [
        "1,234,567",
        "−3",
        "0.98",
        "2.87e−07",
        "0",
        "–",
    ]
