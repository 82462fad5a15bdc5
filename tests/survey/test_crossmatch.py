import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from climbkit.survey import CandidateSet
from climbkit.survey._catalogue import Catalogue
from climbkit.survey._catalogue_names import name_key, usual_name
from climbkit.survey._crossmatch import CatalogueCrossmatch

GC, OC, DSPH = "globular cluster", "open cluster", "dwarf spheroidal"


def catalogue(objects, kind=OC, name="mine", **columns):
    names, ra, dec = zip(*objects, strict=True)
    return Catalogue.from_table(
        pd.DataFrame({"name": names, "ra": ra, "dec": dec, **columns}), type=kind, name=name
    )


def candidates(ra, dec, **columns):
    n = len(ra)
    columns = {"persistence": np.linspace(0.9, 0.1, n), **columns}
    table = pd.DataFrame({"ra": ra, "dec": dec, **columns})
    ids = np.arange(2 * n)
    return CandidateSet(None, 2 * np.arange(n + 1), ids, table, n_stars=2 * n, member_source_id=ids)


@pytest.mark.parametrize(
    ("written", "usual"),
    [
        ("NGC0288", "NGC 288"),
        ("NGC_2682", "NGC 2682"),
        ("NGC  104", "NGC 104"),
        ("IC4665", "IC 4665"),
        ("Pal5", "Pal 5"),
        ("Blanco_1", "Blanco 1"),
        ("Mel022", "Melotte 22"),
        ("M67", "Messier 67"),
        ("ESO45211", "ESO 452-11"),
        ("ESO390-006", "ESO 390-6"),
        ("ESO 93-8", "ESO 93-8"),
        ("VVVCL001", "VVV CL001"),
        ("UKS1", "UKS 1"),
        ("CanesVenaticiII", "Canes Venatici II"),
        ("LMC", "LMC"),
        ("DES J0225+0304", "DES J0225+0304"),
        ("Alessi-Teutsch 5", "Alessi-Teutsch 5"),
    ],
)
def test_names_are_written_as_usual(written, usual):
    assert usual_name(written) == usual
    assert usual_name(usual) == usual
    assert name_key(written) == name_key(usual)


def test_objects_with_two_spellings_are_one():
    assert name_key("Palomar 5") == name_key("Pal 5")
    assert name_key("Ruprecht 106") == name_key("Rup 106")
    assert name_key("Pal 5") != name_key("Pal 15")
    assert name_key("Leo I") != name_key("Leo II")


@pytest.mark.parametrize("ra", [0.05, 359.95, 120.0])
def test_nearest_object_on_the_sphere_is_taken(ra):
    known = catalogue([("A 1", (ra + 20.0) % 360, 89.9), ("B 2", ra, 89.6), ("C 3", ra, -89.9)])
    (found,) = CatalogueCrossmatch(known).fit_transform(candidates([ra], [89.9]))
    # 20 degrees of right ascension are 0.035 deg there.
    assert found["name"] == "A 1"
    assert found["separation"] == pytest.approx(0.0347, abs=1e-3)
    assert found["type"] == OC
    assert found["catalogue"] == "mine"


def test_object_right_there_comes_before_an_important_one_far_off():
    known = [catalogue([("NGC 1", 10.0, 0.45)], GC), catalogue([("NGC 2", 10.0, 0.0)], OC)]
    here = candidates([10.0], [0.0])
    assert CatalogueCrossmatch(known).fit_transform(here)[0]["name"] == "NGC 2"
    assert CatalogueCrossmatch.published(known).fit_transform(here)[0]["name"] == "NGC 1"


def test_type_decides_between_objects_that_are_equally_near():
    known = [catalogue([("NGC 1", 10.0, 0.05)], GC), catalogue([("NGC 2", 10.0, 0.0)], OC)]
    assert CatalogueCrossmatch(known).fit_transform(candidates([10.0], [0.0]))[0]["type"] == GC


def test_object_of_two_catalogues_is_one():
    known = [catalogue([("Pal 5", 10.0, 0.3)], GC), catalogue([("Palomar_5", 10.0, 0.0)], OC)]
    found = CatalogueCrossmatch(known).fit_transform(candidates([10.0, 10.0], [0.0, 0.35]))
    assert found.table["name"].tolist() == ["Pal 5", "candidate 1"]
    assert found[0]["type"] == GC
    assert found[0]["separation"] == pytest.approx(0.3)


def test_another_proper_motion_is_another_object():
    known = catalogue(
        [("A 1", 10.0, 0.0), ("B 2", 10.0, 0.2)], pmra=[5.0, np.nan], pmdec=[0, np.nan]
    )
    moving = candidates([10.0], [0.0], pmra=[1.0], pmdec=[0.0])
    assert CatalogueCrossmatch(known).fit_transform(moving)[0]["name"] == "B 2"
    alike = candidates([10.0], [0.0], pmra=[4.0], pmdec=[0.0])
    assert CatalogueCrossmatch(known).fit_transform(alike)[0]["name"] == "A 1"
    # Few stars of a large dispersion tell little.
    vague = candidates([10.0], [0.0], pmra=[1.0], pmdec=[0.0], pmra_std=[3.0])
    assert CatalogueCrossmatch(known).fit_transform(vague)[0]["name"] == "A 1"
    anything = CatalogueCrossmatch(known, max_proper_motion_difference=None)
    assert anything.fit_transform(moving)[0]["name"] == "A 1"


def test_proper_motion_and_aliases_come_from_any_catalogue_with_the_object():
    bare = catalogue([("NGC 1", 10.0, 0.0)], name="bare")
    full = catalogue(
        [("NGC0001", 10.0, 0.0)], name="full", pmra=9.0, pmdec=0.0, aliases="Messier 1"
    )
    crossmatch = CatalogueCrossmatch([bare, full])
    assert (
        crossmatch.fit_transform(candidates([10.0], [0.0], pmra=[0.0], pmdec=[0.0]))[0]["type"]
        == "candidate"
    )
    (found,) = crossmatch.fit_transform(candidates([10.0], [0.0], pmra=[9.1], pmdec=[0.0]))
    assert (found["catalogue"], found["aliases"]) == ("bare", "Messier 1")


def test_another_parallax_is_another_object():
    known = catalogue([("A 1", 10.0, 0.0)], distance=[1.0])
    found = CatalogueCrossmatch(known).fit_transform(candidates([10.0], [0.0], parallax=[4.0]))
    assert found[0]["type"] == "candidate"
    found = CatalogueCrossmatch(known).fit_transform(candidates([10.0], [0.0], parallax=[1.2]))
    assert found[0]["type"] == OC


def test_one_candidate_has_the_name():
    known = catalogue([("A 1", 10.0, 0.0)])
    near = candidates([10.0, 10.1, 200.0], [0.0, 0.0, 0.0], persistence=[0.2, 0.6, 0.4])
    found = CatalogueCrossmatch(known).fit_transform(near)
    assert found.table["name"].tolist() == ["candidate 2", "A 1", "candidate 1"]
    assert found.table["nearest_object"].tolist() == ["A 1", "A 1", ""]
    assert np.isnan(found.table["separation"]).tolist() == [True, False, True]
    assert found.units["separation"] == "deg"
    by_size = near.annotate(p_class=[0.9, 0.1, 0.1])
    best = CatalogueCrossmatch(known, best_by="p_class").fit_transform(by_size)
    assert best.table["name"].tolist()[0] == "A 1"
    many = CatalogueCrossmatch(known, unique=False).fit_transform(near)
    assert many.table["name"].tolist() == ["A 1", "A 1", "candidate 1"]


def test_cluster_keeps_its_name_from_the_field_around_it():
    known = catalogue([("A 1", 10.0, 0.0)], pmra=[1.0], pmdec=[0.0])
    near = candidates([10.0, 10.0], [0.0, 0.0], pmra=[2.0, 1.1], pmdec=[0.0, 0.0])
    found = CatalogueCrossmatch(known).fit_transform(near)
    assert found.table["name"].tolist() == ["candidate 1", "A 1"]


def test_names_do_not_depend_on_the_order_of_candidates():
    rng = np.random.default_rng(0)
    known = catalogue([(f"A {i}", *rng.uniform([10, -2], [14, 2])) for i in range(20)])
    table = {"persistence": rng.choice([0.1, 0.2], 40), "r50": 0.1}
    found = candidates(*rng.uniform([[10], [-2]], [[14], [2]], (2, 40)), **table)
    turn = rng.permutation(40)
    once = CatalogueCrossmatch(known).fit_transform(found)
    again = CatalogueCrossmatch(known).fit_transform(found[turn])
    assert once[turn].table.equals(again.table)
    assert once.table["name"].is_unique
    assert 0 < (once.table["type"] == "candidate").sum() < 40


def test_tidal_radius_reaches_beyond_the_radius():
    known = catalogue([("A 1", 10.0, 0.0)], tidal_radius=[2.0])
    assert CatalogueCrossmatch(known).fit_transform(candidates([11.5], [0.0]))[0]["name"] == "A 1"


def test_chance_is_the_rate_at_which_random_places_have_an_object():
    rng = np.random.default_rng(1)
    at = np.degrees(np.arcsin(rng.uniform(-1, 1, 4000)))
    ra = rng.uniform(0, 360, 4000)
    known = catalogue([(f"A {i}", *place) for i, place in enumerate(zip(ra, at, strict=True))])
    places = candidates(rng.uniform(0, 360, 2000), np.degrees(np.arcsin(rng.uniform(-1, 1, 2000))))
    crossmatch = CatalogueCrossmatch(known, 3.0, tolerance=0.0, unique=False, max_chance=None)
    chance = crossmatch.fit_transform(places).table["chance"].dropna()
    # Of what is uniform, a third lies below a third.
    assert len(chance) > 1800
    named = crossmatch.set_params(max_chance=0.2).fit_transform(places).table["type"] == OC
    assert named.mean() == pytest.approx(0.2, abs=0.03)
    for level in (0.1, 1 / 3, 0.6):
        assert np.mean(chance < level) == pytest.approx(level, abs=0.05)


def test_object_that_may_be_there_by_chance_needs_its_proper_motion():
    crowd = [(f"A {i}", 10.0 + 0.4 * (i % 15), 0.4 * (i // 15)) for i in range(225)]
    known = catalogue(crowd, pmra=[1.0] + [np.nan] * 224, pmdec=[1.0] + [np.nan] * 224)
    # As far from the first and the last corner on the left; only the first one's motion is known.
    near = candidates([9.7, 9.7], [0.0, 5.6], pmra=[1.1, 1.1], pmdec=[1.0, 1.0])
    crossmatch = CatalogueCrossmatch(known, tolerance=0.0)
    assert crossmatch.fit_transform(near).table["name"].tolist() == ["A 0", "candidate 1"]
    crossmatch.set_params(max_chance=None)
    assert crossmatch.fit_transform(near).table["name"].tolist() == ["A 0", "A 210"]


def test_galactic_centres_match_too():
    known = catalogue([("NGC 288", 13.188, -26.583)])
    found = candidates([0.0], [0.0], l=[151.285], b=[-89.38])
    alone = CandidateSet(
        None, [0, 2], [0, 1], found.table[["l", "b"]], n_stars=2, member_source_id=[0, 1]
    )
    assert CatalogueCrossmatch(known).fit_transform(alone)[0]["name"] == "NGC 288"


def test_nothing_to_match_is_no_error():
    known = catalogue([("A 1", 10.0, 0.0)])
    empty = CatalogueCrossmatch(known).fit_transform(candidates([10.0], [0.0])[[]])
    assert {"name", "type", "separation", "catalogue"} <= set(empty.table)
    far = CatalogueCrossmatch([]).fit_transform(candidates([10.0], [0.0]))
    assert far[0]["name"] == "candidate 1"
    nowhere = CatalogueCrossmatch(known).fit_transform(candidates([np.nan], [np.nan]))
    assert nowhere[0]["name"] == "candidate 1"


def test_what_is_no_candidate_or_catalogue_is_refused():
    with pytest.raises(ValueError, match="CandidateSet"):
        CatalogueCrossmatch([]).fit(pd.DataFrame({"ra": [1.0]}))
    with pytest.raises(ValueError, match="Catalogue objects or paths"):
        CatalogueCrossmatch([pd.DataFrame()]).fit(candidates([1.0], [1.0]))
    with pytest.raises(ValueError, match="ra and dec"):
        CatalogueCrossmatch([]).fit(
            CandidateSet(None, [0, 1], [0], pd.DataFrame({"x": [1]}), member_source_id=[1])
        )


def test_columns_are_known_by_their_usual_spellings():
    from astropy import units as u
    from astropy.table import QTable, Table

    table = Table(
        {
            "Name": ["A1"],
            "RA_ICRS": [0.1] * u.rad,
            "DE_ICRS": [0.2] * u.rad,
            "pmRA": [1.0] * u.mas / u.yr,
            "pmDE": [2.0] * u.mas / u.yr,
            "Dist": [500.0] * u.pc,
        }
    )
    for given in (table, QTable(table)):
        (row,) = Catalogue.from_table(given, type=OC).table.to_dict("records")
        assert row["ra"] == pytest.approx(np.degrees(0.1))
        assert (row["pmra"], row["pmdec"], row["parallax"]) == (1.0, 2.0, pytest.approx(2.0))
    text = pd.DataFrame({"Cluster": ["B_2"], "RAJ2000": ["00 52 45"], "DEJ2000": ["-26 34 57"]})
    (row,) = Catalogue.from_table(text, type=GC).table.to_dict("records")
    assert (row["name"], row["ra"], row["dec"]) == (
        "B 2",
        pytest.approx(13.1875),
        pytest.approx(-26.5825),
    )
    own = pd.DataFrame({"nom": ["A"], "ra": [1.0], "dec": [2.0], "type": [OC]})
    assert len(Catalogue.from_table(own, columns={"name": "nom"})) == 1


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"name": ["A"], "ra": [1.0]}, "no column for dec"),
        ({"name": ["A"], "ra": [1.0], "dec": [100.0]}, "degrees"),
        ({"name": ["A", "B"], "ra": [1.0, np.nan], "dec": [1.0, 1.0]}, r"no position: \['B'\]"),
        ({"name": [""], "ra": [1.0], "dec": [1.0]}, "no name"),
    ],
)
def test_tables_that_are_no_catalogue_are_refused(table, match):
    with pytest.raises(ValueError, match=match):
        Catalogue.from_table(pd.DataFrame(table), type=OC)


def test_type_must_be_known():
    table = pd.DataFrame({"name": ["A"], "ra": [1.0], "dec": [1.0]})
    with pytest.raises(ValueError, match="type must be given"):
        Catalogue.from_table(table)


def test_file_is_read_as_the_table_was(tmp_path):
    path = tmp_path / "mine.csv"
    table = pd.DataFrame({"Name": ["A1"], "RA": [1.0], "DE": [2.0], "Type": [OC]})
    table.to_csv(path, index=False)
    read = Catalogue.read(path)
    assert read.name == "mine"
    assert read.table.equals(Catalogue.from_table(table).table)
    found = CatalogueCrossmatch(path).fit_transform(candidates([1.0], [2.0]))
    assert found[0]["name"] == "A 1"


class FakeVizier:
    """VizieR's answers: a table without names, then a catalogue with a row without position."""

    asked = []

    def __init__(self, columns, row_limit):
        assert "_RAJ2000" in columns
        assert row_limit == -1

    def get_catalogs(self, catalog_id):
        from astropy.table import MaskedColumn, Table

        self.asked.append(catalog_id)
        if catalog_id == "J/none":
            return []
        if catalog_id == "J/down":
            raise OSError("no route")
        stars = Table({"GaiaDR3": [1, 2], "Prob": [0.5, 0.5]})
        clusters = Table(
            {
                "_RAJ2000": MaskedColumn([132.85, 0.0], mask=[False, True], unit="deg"),
                "_DEJ2000": MaskedColumn([11.81, 0.0], mask=[False, True], unit="deg"),
                "Name": ["NGC_2682", "Lost_1"],
                "RAJ2000": ["08 51", ""],
                "Plx": MaskedColumn([1.15, 1.0], mask=[False, True], unit="mas"),
            }
        )
        return [stars, clusters]


@pytest.fixture
def vizier(monkeypatch, tmp_path):
    from climbkit.survey import _catalogue_vizier

    module = type("module", (), {"Vizier": FakeVizier})
    monkeypatch.setattr(_catalogue_vizier, "import_optional", lambda name, extra: module)
    monkeypatch.setenv("CLIMBKIT_HOME", str(tmp_path))
    monkeypatch.setattr(FakeVizier, "asked", [])
    return FakeVizier


def test_vizier_is_asked_once(vizier):
    first = Catalogue.from_vizier("J/some", type=OC)
    again = Catalogue.from_vizier("J/some", type=OC)
    assert vizier.asked == ["J/some"]
    assert first.name == "J/some"
    assert first.table["name"].tolist() == ["NGC 2682"]
    assert first.table.astype(object).equals(again.table.astype(object))
    near = candidates([132.8], [11.8])
    names = [CatalogueCrossmatch(one).fit_transform(near)[0]["name"] for one in (first, again)]
    assert names == ["NGC 2682"] * 2


def test_what_vizier_cannot_give_is_told(vizier):
    with pytest.raises(ValueError, match="no catalogue 'J/none'"):
        Catalogue.from_vizier("J/none", type=OC)
    with pytest.raises(ConnectionError, match="VizieR did not answer"):
        Catalogue.from_vizier("J/down", type=OC)
    with pytest.raises(OSError, match="download_if_missing"):
        Catalogue.from_vizier("J/some", type=OC, download_if_missing=False)
    with pytest.raises(ValueError, match="type must be given"):
        Catalogue.from_vizier("J/some")


def test_missing_astroquery_names_the_extra(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "astroquery.vizier", None)
    with pytest.raises(ImportError, match=r"climbkit\[gaia\]"):
        Catalogue.from_vizier("J/some", type=OC, data_home=tmp_path)


def test_packages_alone_name_the_best_known_clusters(monkeypatch):
    pytest.importorskip("pyongc")
    pytest.importorskip("galpy")
    monkeypatch.delenv("CLIMBKIT_DATA", raising=False)
    known = {
        "NGC 288": (13.19, -26.58),
        "Pal 5": (229.02, -0.12),
        "NGC 2682": (132.85, 11.81),
        "Melotte 22": (56.6, 24.1),
        "Draco": (260.07, 57.92),
        "Bootes I": (210.02, 14.51),
    }
    found = CatalogueCrossmatch().fit_transform(candidates(*zip(*known.values(), strict=True)))
    assert found.table["name"].tolist() == list(known)
    assert found.table["type"].tolist() == [GC, GC, OC, OC, DSPH, DSPH]
    assert found[2]["aliases"] == "Messier 67"


def test_missing_packages_name_the_extra(monkeypatch):
    import sys

    monkeypatch.delenv("CLIMBKIT_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "pyongc.data", None)
    with pytest.raises(ImportError, match=r"climbkit\[search\]"):
        Catalogue.default()


def test_files_of_the_user_come_first(monkeypatch, tmp_path):
    folder = tmp_path / "catalogues"
    folder.mkdir()
    table = "name,ra,dec\nMine_1,10.0,0.0\n".replace(",", " ")
    header = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: name, datatype: string}\n"
    header += "# - {name: ra, datatype: float64}\n# - {name: dec, datatype: float64}\n"
    (folder / "open_clusters_mine.ecsv").write_text(header + table)
    monkeypatch.setenv("CLIMBKIT_DATA", str(tmp_path))
    names = [one.name for one in Catalogue.default()]
    opens = [one.name for one in Catalogue.default() if set(one.table["type"]) == {OC}]
    assert opens[0] == "open_clusters_mine"
    types = [one.table["type"].iloc[0] for one in Catalogue.default()]
    assert types == sorted(types, key=[GC, OC, DSPH].index)
    assert len(names) == len(types)


HAS_DATA = Path(os.environ.get("CLIMBKIT_DATA", "")).joinpath("catalogues").is_dir()


@pytest.mark.skipif(
    not os.environ.get("CLIMBKIT_DATA") or not HAS_DATA,
    reason="CLIMBKIT_DATA names no folder with catalogues",
)
def test_published_catalogues_name_the_clusters_of_the_fields():
    known = {
        "Blanco 1": (1.0, -30.0),
        "NGC 103": (6.31, 61.33),
        "NGC 2112": (88.45, 0.41),
        "NGC 2477": (118.04, -38.53),
        "NGC 7789": (359.33, 56.73),
        "NGC 2682": (132.85, 11.81),
        "NGC 2323": (105.68, -8.36),
        "NGC 288": (13.19, -26.58),
        "NGC 362": (15.81, -70.85),
        "NGC 4147": (182.53, 18.54),
        "NGC 6441": (267.55, -37.05),
        "Pal 5": (229.02, -0.12),
        "NGC 6405": (265.07, -32.25),
        "Eridanus": (66.18, -21.19),
    }
    found = CatalogueCrossmatch().fit_transform(candidates(*zip(*known.values(), strict=True)))
    assert found.table["name"].tolist() == list(known)
    globular = ["NGC 288", "NGC 362", "NGC 4147", "NGC 6441", "Pal 5", "Eridanus"]
    assert (found.table["type"] == GC).tolist() == [name in globular for name in known]
    assert found.table["aliases"][5] == "Messier 67"
    assert (found.table["separation"] < 0.1).all()
