"""Imports of packages that climbkit can do without."""

import importlib


def import_optional(name, extra):
    """Import a module of an optional package.

    Parameters
    ----------
    name : str
        Module to import, such as ``"astropy.units"``.
    extra : str
        The extra of climbkit that installs the package.

    Returns
    -------
    module : module
        The imported module itself, also where `name` has dots.

    Raises
    ------
    ImportError
        If the package is missing; the message names the extra to install.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{name.partition('.')[0]} is needed for this and is missing or broken ({error}); "
            f"install it with: pip install climbkit[{extra}]"
        ) from error
