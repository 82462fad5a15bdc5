"""Optimizers by name: those of Keras, and one-cycle training."""

from climbkit.neural._backend import import_keras

# Of the published training of the networks for spectra.
_WEIGHT_DECAY = 0.01
_START = 0.1  # of the peak, where the rate starts
_WARM_UP = 0.3  # part of all steps that the rate rises for, as in PyTorch's OneCycleLR


def one_cycle(learning_rate, n_steps):
    """AdamW whose rate rises to a peak and falls to nothing in the planned steps.

    Parameters
    ----------
    learning_rate : float
        The peak. The first step is a tenth of it.
    n_steps : int
        Steps in all. Training that stops earlier never sees the lowest rates.

    Returns
    -------
    optimizer : keras.optimizers.AdamW
        With a weight decay of 0.01. The rate rises for three tenths of the steps and falls along a
        cosine.

    Notes
    -----
    Smith & Topin [1]_ also lower the momentum while the rate is high; with Adam's own moments that
    is left out here.

    References
    ----------
    .. [1] Smith & Topin 2019, "Super-convergence: very fast training of neural networks using
       large learning rates", Proc. SPIE 11006, doi:10.1117/12.2520589.
    """
    optimizers = import_keras().optimizers
    warm_up = max(1, round(_WARM_UP * n_steps))
    rate = optimizers.schedules.CosineDecay(
        _START * learning_rate,
        decay_steps=max(1, n_steps - warm_up),
        warmup_target=learning_rate,
        warmup_steps=warm_up,
    )
    return optimizers.AdamW(rate, weight_decay=_WEIGHT_DECAY)


OPTIMIZERS = {"one_cycle": one_cycle}


def make_optimizer(optimizer, learning_rate, n_steps):
    """Make an optimizer by name or by the user's function.

    Parameters
    ----------
    optimizer : str or callable
        A key of `OPTIMIZERS`, the name of one of Keras' optimizers, or a function
        ``optimizer(learning_rate, n_steps)``.
    learning_rate : float
        Its step.
    n_steps : int
        Largest number of batches that there can be.

    Returns
    -------
    optimizer : keras.optimizers.Optimizer
        New.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    make = OPTIMIZERS.get(optimizer, optimizer) if isinstance(optimizer, str) else optimizer
    if callable(make):
        return make(learning_rate, n_steps)
    optimizers = import_keras().optimizers
    try:
        return optimizers.get({"class_name": optimizer, "config": {"learning_rate": learning_rate}})
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"optimizer must be one of {sorted(OPTIMIZERS)}, the name of one of Keras' optimizers "
            f"such as 'adam', or a function of (learning_rate, n_steps); got {optimizer!r}."
        ) from error
