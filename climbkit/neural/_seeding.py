"""Seeds for keras, with the global generators left as they were."""

import contextlib
import random

import numpy as np


@contextlib.contextmanager
def seeded_globals(seed):
    """Seed the generators of Python and NumPy, and put their state back at the end.

    Parameters
    ----------
    seed : int
        Below 2**32.

    Notes
    -----
    Layers of Keras draw their seeds from Python's generator when they are built, and everything
    else from those seeds. ``keras.utils.set_random_seed`` would do more than is needed: it also
    seeds the backend for good.
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
