"""Import what only an extra brings, or say which one."""

import importlib


def import_optional(name, extra):
    """Import a module of an optional dependency.

    Parameters
    ----------
    name : str
        Module to import, such as ``"matplotlib.pyplot"``.
    extra : str
        Extra of climbkit that installs it.

    Returns
    -------
    module : module
        The module that ``name`` names in full.

    Raises
    ------
    ImportError
        If it is not installed; the message names the extra.

    Examples
    --------
    >>> from climbkit._optional import import_optional
    >>> import_optional("no_such_package.part", "plot")
    Traceback (most recent call last):
    ...
    ImportError: no_such_package is needed here and is not installed; get it by
    pip install "climbkit[plot]"
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise  # the package is there, but something that it needs is broken
        raise ImportError(
            f"{package} is needed here and is not installed; get it by "
            f'pip install "climbkit[{extra}]"'
        ) from error
