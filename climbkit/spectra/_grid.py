"""The wavelengths of Gaia's sampled XP spectra."""

import numpy as np

# Gaia Collaboration, De Angeli et al. 2023, doi:10.1051/0004-6361/202243680: what the archive and
# GaiaXPy sample by default.
FIRST, LAST, STEP = 336.0, 1020.0, 2.0

#: Wavelengths of a sampled XP spectrum, nm, shape (343,).
WAVELENGTH = np.arange(FIRST, LAST + STEP / 2, STEP)
WAVELENGTH.setflags(write=False)
