"""The house: what an import loads, and that rooms import downwards only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import climbkit

PACKAGE = Path(climbkit.__file__).parent
FLOOR = {
    "_version": 0,
    "_optional": 0,
    "builder": 0,
    "kernels": 0,
    "base": 0,
    "metrics": 1,
    "model_selection": 1,
    "datasets": 1,
    "plotting": 1,
    "cluster": 2,
    "dynamics": 2,
    "survey": 2,
    "cmd": 2,
    "neural": 2,
    "spectra": 2,
    "distributed": 3,
    "pipelines": 4,
    "cli": 4,
    "__main__": 4,
}
LAZY = {
    "matplotlib",
    "astropy",
    "astroquery",
    "galpy",
    "keras",
    "jax",
    "torch",
    "dask",
    "lsdb",
    "pyongc",
    "gaiaxpy",
    "dust_extinction",
}


def loaded_after(statement):
    code = f"{statement}; import sys; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_import_alone_loads_nothing_heavy():
    loaded = loaded_after("import climbkit")
    assert "climbkit" in loaded
    assert not loaded & (LAZY | {"numpy", "sklearn", "numba", "pandas"})


def test_estimators_load_no_optional_package():
    loaded = loaded_after("from climbkit import CLiMB, CDBSCAN, SSDBSCAN, IntegralsOfMotion")
    assert "sklearn" in loaded
    assert not loaded & LAZY


def test_every_public_name_can_be_reached():
    for name in climbkit.__all__:
        assert getattr(climbkit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'CLIMB'"):
        climbkit.CLIMB


def climbkit_imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("climbkit."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.ImportFrom) and node.module == "climbkit":
            yield from (climbkit._ROOM_OF.get(alias.name, alias.name) for alias in node.names)


def modules():
    return [p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_rooms_import_downwards(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    above = [used for used in climbkit_imports(path) if FLOOR.get(used, 0) > FLOOR[room]]
    assert not above, f"{room} (floor {FLOOR[room]}) imports {above}"


def imported_packages(path):
    """Names of the packages that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_numba_and_keras_stay_in_their_rooms(path):
    room = path.relative_to(PACKAGE).parts[0]
    imported = set(imported_packages(path))
    assert "numba" not in imported or room == "kernels"
    assert "keras" not in imported or room == "neural"
