"""One immutable builder for every estimator, and the plain dictionaries of run files."""

import functools
import importlib
import inspect

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import validate_parameter_constraints

# Packages whose estimators and functions a run file may name. Anything else has to be
# trusted by the caller, since building an object runs its constructor.
TRUSTED_PACKAGES = ("climbkit", "sklearn", "hdbscan")

_METHOD = "with_"


class Builder:
    """Set an estimator's parameters one by one, each checked as it is set.

    A builder never changes: every ``with_…`` returns a new one, so that a partly set builder
    can be kept and reused. Get one from ``SomeEstimator.builder()``; it has a ``with_…``
    method for each constructor parameter, and for the parameters of the nested estimators
    that the class names.

    Examples
    --------
    >>> from climbkit import CLiMB
    >>> wide = CLiMB.builder().with_distance_threshold(1.5)
    >>> wide.with_metric("mahalanobis").build()
    CLiMB(kbound=KBound(distance_threshold=1.5, metric='mahalanobis'))
    >>> wide.with_distance_threshold(-1.0)
    Traceback (most recent call last):
    ...
    sklearn.utils._param_validation.InvalidParameterError: The 'distance_threshold' parameter of \
KBound must be a float in the range (0.0, inf] ... Got -1.0 instead.
    >>> CLiMB.builder().grid(distance_threshold=[0.3, 0.5])
    {'kbound__distance_threshold': [0.3, 0.5]}
    """

    _estimator_class = None

    def __init__(self, parameters=None):
        self._parameters = dict(parameters or {})

    @property
    def parameters(self):
        """dict : a copy of what has been set so far, by constructor name."""
        return dict(self._parameters)

    def _with(self, name, value):
        path = self._checked_path(name, value)
        return type(self)({**self._parameters, path: value})

    def _checked_path(self, name, value):
        """Full parameter path of a name that the builder knows, after checking its value."""
        owner, path = _settable(self._estimator_class).get(name, (None, None))
        if owner is None:
            allowed = ", ".join(sorted(_settable(self._estimator_class)))
            raise ValueError(
                f"{name!r} is no parameter of {self._estimator_class.__name__}; "
                f"allowed are: {allowed}."
            )
        parameter = path.rpartition("__")[2]
        constraints = getattr(owner, "_parameter_constraints", {})
        if parameter in constraints:
            validate_parameter_constraints(
                {parameter: constraints[parameter]}, {parameter: value}, owner.__name__
            )
        return path

    def build(self):
        """Return a new, unfitted estimator with the parameters set so far.

        Returns
        -------
        estimator : BaseEstimator
            An instance of the class that gave this builder.
        """
        own = {k: v for k, v in self._parameters.items() if "__" not in k}
        nested = {k: v for k, v in self._parameters.items() if "__" in k}
        for name, nested_class in self._estimator_class._nested_builders().items():
            if any(path.startswith(f"{name}__") for path in nested) and own.get(name) is None:
                own[name] = nested_class()
        estimator = self._estimator_class(**own)
        # set_params on a clone, so that an object given to the builder is never changed.
        return _unlinked(estimator).set_params(**nested) if nested else estimator

    def grid(self, prefix="", /, **values):
        """Return a ``param_grid`` for `GridSearchCV`, each value checked.

        Parameters
        ----------
        prefix : str, default=""
            Name of the pipeline step that holds the estimator, such as ``"climb"``.
        **values : list
            Values to try for each parameter.

        Returns
        -------
        param_grid : dict of str to list
            What has been set on the builder is not part of it: search over ``build()``.

        Raises
        ------
        ValueError
            If a name is no parameter, or a value is not allowed.
        """
        head = f"{prefix}__" if prefix else ""
        grid = {}
        for name, candidates in values.items():
            candidates = list(candidates)
            paths = {self._checked_path(name, value) for value in candidates}
            if not paths:
                raise ValueError(f"grid needs at least one value for {name!r}.")
            grid[head + paths.pop()] = candidates
        return grid

    def to_dict(self):
        """Return the built estimator as a plain dictionary; see `to_dict`."""
        return to_dict(self.build())

    def __repr__(self):
        settings = "".join(f".with_{k}({v!r})" for k, v in self._parameters.items())
        return f"{self._estimator_class.__name__}.builder(){settings}"


def _unlinked(estimator):
    from sklearn.base import clone

    return clone(estimator)


def _own_names(cls):
    return [n for n in inspect.signature(cls.__init__).parameters if n != "self"]


@functools.cache
def _settable(cls):
    """Map each name after ``with_`` to (class that owns the parameter, parameter path)."""
    table = {}
    for nested_name, nested_class in cls._nested_builders().items():
        for name, (owner, path) in _settable(nested_class).items():
            table[name] = (owner, f"{nested_name}__{path}")
            table[f"{nested_name}__{name}"] = (owner, f"{nested_name}__{path}")
    table.update({name: (cls, name) for name in _own_names(cls)})
    return table


@functools.cache
def _parameter_texts(cls):
    """Split the Parameters section of a numpydoc docstring by parameter."""
    lines = inspect.cleandoc(cls.__doc__ or "").splitlines()
    texts, names, inside = {}, [], False
    for line, underline in zip(lines, [*lines[1:], ""], strict=True):
        if underline.startswith("---") and line.strip():
            inside, names = line.strip() == "Parameters", []
        elif inside and line and not line.startswith((" ", "-")):
            names = [name.strip() for name in line.partition(":")[0].split(",")]
            texts.update({name: [line] for name in names})
        elif inside:
            for name in names:
                texts[name].append(line)
    return {name: "\n".join(text).rstrip() for name, text in texts.items()}


@functools.cache
def builder_class(cls):
    """Return the `Builder` subclass of an estimator, with a real method per parameter.

    Parameters
    ----------
    cls : type
        Estimator class.

    Returns
    -------
    builder : type
        Subclass of `Builder` whose ``with_…`` methods show in ``dir()`` and ``help()``.
    """
    methods = {}
    for name, (owner, path) in _settable(cls).items():

        def method(self, value, *, _name=name):
            return self._with(_name, value)

        method.__name__ = _METHOD + name
        method.__qualname__ = f"{cls.__name__}Builder.{method.__name__}"
        method.__signature__ = inspect.Signature(
            [
                inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
                inspect.Parameter("value", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            ]
        )
        parameter = path.rpartition("__")[2]
        described = _parameter_texts(owner).get(parameter, parameter)
        method.__doc__ = f"Return a new builder with `{path}` set.\n\n{described}\n"
        methods[method.__name__] = method
    methods["_estimator_class"] = cls
    methods["__doc__"] = f"Immutable builder of `{cls.__name__}`.\n\nSee {cls.__name__} itself."
    methods["__module__"] = cls.__module__
    return type(f"{cls.__name__}Builder", (Builder,), methods)


def to_dict(estimator):
    """Return an estimator and its parameters as a plain, JSON-ready dictionary.

    Parameters
    ----------
    estimator : BaseEstimator
        Estimator, possibly with others among its parameters.

    Returns
    -------
    state : dict
        Parameters only, never what was learned in ``fit``.

    Raises
    ------
    TypeError
        If a parameter has no safe plain form: a lambda, a local function, a random
        generator.
    """
    return {
        "estimator": f"{type(estimator).__module__}:{type(estimator).__qualname__}",
        "parameters": {
            name: _encode(value, name) for name, value in estimator.get_params(deep=False).items()
        },
    }


def from_dict(state, *, trusted=()):
    """Build an estimator from what `to_dict` returned.

    Parameters
    ----------
    state : dict
        As returned by `to_dict`, perhaps read back from JSON.
    trusted : sequence of str, default=()
        Further top-level packages whose classes and functions may be used, beside climbkit,
        scikit-learn and hdbscan.

    Returns
    -------
    estimator : BaseEstimator
        A new, unfitted estimator.

    Raises
    ------
    ValueError
        If the dictionary names something outside the trusted packages, or that is no
        estimator, or if a parameter is unknown.
    """
    if not isinstance(state, dict) or not {"estimator", "parameters"} <= state.keys():
        raise ValueError("state must be a dict with the keys 'estimator' and 'parameters'.")
    cls = _resolve(state["estimator"], trusted)
    if not (inspect.isclass(cls) and issubclass(cls, BaseEstimator)):
        raise ValueError(f"{state['estimator']!r} is no scikit-learn estimator class.")
    allowed = set(_own_names(cls))
    unknown = sorted(set(state["parameters"]) - allowed)
    if unknown:
        raise ValueError(
            f"{unknown} are no parameters of {cls.__name__}; allowed are {sorted(allowed)}."
        )
    return cls(**{name: _decode(v, trusted) for name, v in state["parameters"].items()})


def _encode(value, name):
    if isinstance(value, BaseEstimator) and not inspect.isclass(value):
        return to_dict(value)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, dict):
        return {"mapping": [[_encode(k, name), _encode(v, name)] for k, v in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_encode(v, name) for v in value]}
    if isinstance(value, list | range):
        return [_encode(v, name) for v in value]
    path = f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', '')}"
    if callable(value) and "<" not in path and not path.startswith(":") and path[-1] != ":":
        return {"function": path}
    raise TypeError(
        f"parameter {name!r} holds {value!r}, which has no plain form; use a number, a string, "
        "an array, an estimator, or a function that can be imported by name."
    )


def _decode(value, trusted):
    if isinstance(value, list):
        return [_decode(v, trusted) for v in value]
    if not isinstance(value, dict):
        return value
    if "estimator" in value:
        return from_dict(value, trusted=trusted)
    if "array" in value:
        return np.asarray(value["array"], dtype=np.dtype(value["dtype"]))
    if "mapping" in value:
        return {_decode(k, trusted): _decode(v, trusted) for k, v in value["mapping"]}
    if "tuple" in value:
        return tuple(_decode(v, trusted) for v in value["tuple"])
    if "function" in value:
        return _resolve(value["function"], trusted)
    raise ValueError(f"cannot read {value!r} as a parameter value.")


def _resolve(path, trusted):
    module, _, name = str(path).partition(":")
    package = module.partition(".")[0]
    allowed = (*TRUSTED_PACKAGES, *trusted)
    if package not in allowed:
        raise ValueError(
            f"{path!r} is outside the trusted packages {allowed}; if you know where this "
            f"dictionary comes from, pass trusted=({package!r},)."
        )
    target = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    return target
