"""GaiaXPy without what it does to others: options of pandas and matplotlib, bars, warnings."""

import contextlib
import io
import sys
import warnings

from climbkit._optional import import_optional

#: GaiaXPy's modules with progress bars, which took hold of the stdout that there was at import.
_WITH_BARS = ("calibrator.calibrator", "converter.converter")
_WITH_BARS += ("generator.multi_synthetic_photometry_generator",)


def import_gaiaxpy(name="gaiaxpy"):
    """Import a module of GaiaXPy, and undo the options that it sets for everybody.

    Parameters
    ----------
    name : str, default="gaiaxpy"
        Module.

    Returns
    -------
    module : module
        The module.

    Raises
    ------
    ImportError
        If GaiaXPy is missing; the message names the extra to install.

    Notes
    -----
    It asks matplotlib to set all text by LaTeX, which then fails where there is none, and pandas
    to keep a warning to itself.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandas = import_optional("pandas", "spectra")
        chained = pandas.get_option("mode.chained_assignment")
        try:
            matplotlib = import_optional("matplotlib", "spectra")
            with matplotlib.rc_context():
                return import_optional(name, "spectra")
        finally:
            pandas.set_option("mode.chained_assignment", chained)


@contextlib.contextmanager
def silent_gaiaxpy():
    """Keep GaiaXPy from printing, drawing bars and warning of its own ways."""
    nowhere = io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        for name in _WITH_BARS:
            module = sys.modules.get(f"gaiaxpy.{name}")
            if hasattr(module, "stdout"):
                stack.callback(setattr, module, "stdout", module.stdout)
                module.stdout = nowhere
        yield
