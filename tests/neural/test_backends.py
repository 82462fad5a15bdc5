"""Which backend Keras runs on, and that the others give the same."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from climbkit.neural import CNNClassifier

BACKEND = (
    "from climbkit.neural._backend import import_keras; print(import_keras().config.backend())"
)

# Trains, saves, and says how the held-out images were classified.
TRAINING = """
import sys
import numpy as np
from climbkit.neural import CNNClassifier

y = np.arange(60) % 2
X = np.random.default_rng(0).uniform(0, 0.3, size=(60, 12, 12)).astype(np.float32)
X[y == 1, :6] += 0.5
model = CNNClassifier(max_epochs=6, learning_rate=0.01, random_state=0).fit(X, y)
again = CNNClassifier(max_epochs=6, learning_rate=0.01, random_state=0).fit(X[::-1], y[::-1])
assert np.array_equal(model.predict_proba(X), again.predict_proba(X))
assert model.score(X, y) == 1.0
np.savez(sys.argv[2], X=X, logits=model.decision_function(X))
model.save(sys.argv[1])
import keras
print(keras.config.backend())
"""


def run(code, *arguments, backend=None, home=None):
    environment = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND", "KERAS_HOME")}
    if backend is not None:
        environment["KERAS_BACKEND"] = backend
    if home is not None:
        environment["KERAS_HOME"] = str(home)
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def test_jax_is_the_backend_where_none_was_chosen(tmp_path):
    # Keras writes this file by itself, so that it is no choice.
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "tensorflow"}))
    assert run(BACKEND, home=tmp_path) == "jax"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_other_backends_train_and_their_files_predict_the_same_here(backend, tmp_path):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    model, answers = tmp_path / "model.keras", tmp_path / "answers.npz"
    assert run(TRAINING, model, answers, backend=backend) == backend
    with np.load(answers) as there:
        here = CNNClassifier.load(model).decision_function(there["X"])
        np.testing.assert_allclose(here, there["logits"], rtol=1e-4, atol=1e-4)
