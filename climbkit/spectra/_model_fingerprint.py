"""What a fitted model is, in a few characters that are the same in every process."""

import functools
import hashlib
import types

import numpy as np

from climbkit.neural._base import NetworkEstimator

# Parameters and attributes that do not change what is predicted.
_IRRELEVANT = ("best_epoch_", "fold_scores_", "history_", "n_jobs", "verbose")
_BYTES = 16


def model_fingerprint(model):
    """Return a digest of everything that a model's predictions depend on.

    Parameters
    ----------
    model : object
        A fitted estimator, possibly with others inside.

    Returns
    -------
    fingerprint : str
        32 hexadecimal digits. A model that was saved and loaded keeps them, and so does one that is
        fitted again in the same way, where its fit is reproducible.

    Raises
    ------
    TypeError
        If a part of the model cannot be taken apart.

    Notes
    -----
    Hashes of pickles will not do: they depend on which objects happen to be one and the same, and
    Keras writes the time into its files.
    """
    digest = hashlib.blake2b(digest_size=_BYTES)
    _Walk(digest.update).take(model)
    return digest.hexdigest()


class _Walk:
    """Writes out an object, its parts in an order that is always the same."""

    def __init__(self, write):
        self.write = write
        self.inside = []  # objects that are being written, to end where they contain themselves

    def take(self, value):
        if any(value is outer for outer in self.inside):
            return self._mark("again")
        self.inside.append(value)
        try:
            self._take(value)
        finally:
            self.inside.pop()

    def _mark(self, *words):
        self.write(("\0".join(map(str, words)) + "\1").encode())

    def _take(self, value):
        if value is None or isinstance(value, bool | np.bool_ | str | bytes):
            self._mark(type(value).__name__.rstrip("_"), value)
        elif isinstance(value, int | np.integer):
            self._mark("int", int(value))
        elif isinstance(value, float | np.floating):
            self._mark("float", float(value).hex())
        elif isinstance(value, np.ndarray):
            self._array(value)
        elif isinstance(value, dict):
            keys = [key for key in value if key not in _IRRELEVANT]
            self._mark("dict", len(keys))
            for key in sorted(keys, key=lambda key: (type(key).__name__, str(key))):
                self.take(key)
                self.take(value[key])
        elif isinstance(value, list | tuple):
            self._mark("list", len(value))
            for each in value:
                self.take(each)
        elif isinstance(value, set | frozenset):
            self.take(sorted(value, key=str))
        elif isinstance(value, NetworkEstimator):
            self._network(value)
        else:
            self._object(value)

    def _array(self, array):
        if array.dtype.hasobject:
            self._mark("array", array.shape)
            return self.take(array.ravel().tolist())
        self._mark("array", array.dtype.newbyteorder("=").descr, array.shape)
        native = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))
        self.write(native.tobytes())

    def _network(self, estimator):
        self._mark("network", _name(type(estimator)), getattr(estimator, "n_features_in_", None))
        self.take(estimator.get_params(deep=False))
        self.take({name: getattr(estimator, name, None) for name in estimator._saved_attributes})
        fitted = hasattr(estimator, "network_")
        for variable in estimator.network_.weights if fitted else ():
            self.take(np.asarray(_as_numpy(variable)))

    def _object(self, value):
        if isinstance(value, functools.partial):
            return self.take([value.func, value.args, value.keywords])
        if isinstance(value, types.FunctionType):
            # Two lambdas of one place differ in what they do.
            return self._mark("function", _name(value), value.__code__.co_code.hex())
        if isinstance(value, type | types.BuiltinFunctionType | np.ufunc):
            return self._mark("named", _name(value))
        try:
            reduced = value.__reduce_ex__(2)
        except TypeError as error:
            raise TypeError(
                f"the model holds {value!r}, which has no fingerprint: {error}"
            ) from None
        if isinstance(reduced, str):
            return self._mark("global", reduced)
        self._mark("object", _name(type(value)))
        make, arguments, *state = reduced
        self._mark(_name(make))
        for each in (*arguments, *state[:1]):
            self.take(each)
        for items in state[1:3]:
            self.take(None if items is None else list(items))


def _name(value):
    module = getattr(value, "__module__", "") or ""
    return f"{module}:{getattr(value, '__qualname__', getattr(value, '__name__', repr(value)))}"


def _as_numpy(variable):
    from climbkit.neural._backend import import_keras

    return import_keras().ops.convert_to_numpy(variable.value)
