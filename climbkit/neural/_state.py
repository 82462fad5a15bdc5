"""What was learned, in a form that is ready for JSON and runs no code when it is read."""

import base64

import numpy as np
from sklearn.base import BaseEstimator

from climbkit.builder import from_dict, to_dict

_SHORT = 64  # numbers of an array that are still written out to be read by people
_LEARNED = "learned"
_ITSELF = ""  # beside the paths of nested estimators
_LISTED = {"array", "dtype"}
_ENCODED = {"base64", "dtype", "shape"}
_ESTIMATOR = {"estimator", "parameters", _LEARNED}


def plain(value):
    """Make a value ready for JSON.

    Parameters
    ----------
    value : object
        Numbers, text, None, arrays, lists and dictionaries of these, and fitted estimators that
        learn nothing else, such as most transformers, and pipelines of them.

    Returns
    -------
    state : object
        Of plain Python types.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        if value.size <= _SHORT or value.dtype.kind == "O":
            return {"array": value.tolist(), "dtype": value.dtype.str}
        text = base64.b64encode(np.ascontiguousarray(value)).decode("ascii")
        return {"base64": text, "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, BaseEstimator):
        learned = {path: _learned(each) for path, each in _with_nested(value).items()}
        return {**to_dict(value), _LEARNED: learned}
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def unplain(state, trusted=()):
    """Make of `plain`'s state what it was.

    Parameters
    ----------
    state : object
        Of plain Python types.
    trusted : sequence of str, default=()
        Further packages that estimators may come from; see `climbkit.builder.from_dict`.

    Returns
    -------
    value : object
        The value; tuples have become lists.

    Raises
    ------
    ValueError
        If an estimator is of another package, or would get an attribute that is not learned.
    """
    if isinstance(state, list):
        return [unplain(each, trusted) for each in state]
    if not isinstance(state, dict):
        return state
    if state.keys() == _LISTED:
        return np.array(state["array"], dtype=np.dtype(state["dtype"]))
    if state.keys() == _ENCODED:
        content = bytearray(base64.b64decode(state["base64"]))
        return np.frombuffer(content, np.dtype(state["dtype"])).reshape(state["shape"])
    if state.keys() == _ESTIMATOR:
        estimator = from_dict(state, trusted=trusted)
        nested = _with_nested(estimator)
        for path, learned in state[_LEARNED].items():
            for name, each in learned.items():
                if path not in nested or not _is_learned(name):
                    raise ValueError(f"{name!r} of {path!r} is nothing that was learned.")
                setattr(nested[path], name, unplain(each, trusted))
        return estimator
    return {name: unplain(each, trusted) for name, each in state.items()}


def _with_nested(estimator):
    """The estimator and those among its parameters, such as the steps of a pipeline."""
    parameters = estimator.get_params(deep=True)
    nested = {k: v for k, v in parameters.items() if isinstance(v, BaseEstimator)}
    return {_ITSELF: estimator, **nested}


def _learned(estimator):
    return {name: plain(each) for name, each in vars(estimator).items() if _is_learned(name)}


def _is_learned(name):
    return name.endswith("_") and not name.startswith("_")
