import numpy as np
import pytest

from climbkit.datasets import clear_data_home, get_data_home
from climbkit.datasets._data_home import read_cache, write_cache


def test_the_environment_variable_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIMBKIT_HOME", str(tmp_path / "stars"))
    assert get_data_home() == tmp_path / "stars"
    assert (tmp_path / "stars").is_dir()


def test_the_default_lies_in_the_users_home(tmp_path, monkeypatch):
    monkeypatch.delenv("CLIMBKIT_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert get_data_home() == tmp_path / "climbkit_data"


def test_clearing_removes_downloads_and_leaves_the_users_own_files(tmp_path):
    write_cache(tmp_path / "stars.npz", {"ra": np.arange(3.0)})
    (tmp_path / "notes.txt").write_text("mine")
    clear_data_home(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_clearing_removes_an_empty_folder(tmp_path):
    folder = tmp_path / "stars"
    write_cache(get_data_home(folder) / "stars.npz", {"ra": np.arange(3.0)})
    clear_data_home(folder)
    assert not folder.exists()


def test_an_interrupted_write_is_not_taken_for_a_cache(tmp_path, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("climbkit.datasets._data_home.os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_cache(tmp_path / "stars.npz", {"ra": np.arange(3.0)})
    assert not (tmp_path / "stars.npz").exists()
    clear_data_home(tmp_path)
    assert not tmp_path.exists()


def test_columns_survive_the_cache_exactly(tmp_path):
    columns = {
        "id": np.array([2**60 + 1, 7]),
        "x": np.array([0.1, np.nan]),
        "t": np.array(["a", ""]),
    }
    write_cache(tmp_path / "stars.npz", columns)
    back = read_cache(tmp_path / "stars.npz", "")
    for name, column in columns.items():
        assert back[name].dtype == column.dtype
        np.testing.assert_array_equal(back[name], column)
