"""Tables as they come in: pandas or astropy, or columns from a file whose types are known."""


def as_frame(table, name):
    """Return a table as a DataFrame, with the units of its columns.

    Parameters
    ----------
    table : DataFrame, astropy Table or None
        The table.
    name : str
        Name of the parameter, for errors.

    Returns
    -------
    frame : DataFrame or None
        The same columns. A DataFrame comes back as it is.
    units : dict of str to str
        Units that an astropy Table has.

    Raises
    ------
    ValueError
        If it is no table, or has two columns of one name.
    """
    import pandas as pd

    units = {}
    if table is None:
        return None, units
    if hasattr(table, "to_pandas") and hasattr(table, "itercols"):
        units = {column.info.name: str(column.info.unit or "") for column in table.itercols()}
        table = table.to_pandas(index=False)
    if not isinstance(table, pd.DataFrame):
        raise ValueError(
            f"{name} must be a pandas DataFrame or an astropy Table; got {type(table).__name__}."
        )
    if not table.columns.is_unique or not all(isinstance(c, str) for c in table.columns):
        raise ValueError(
            f"the columns of {name} must have different names, all of them text; got "
            f"{list(table.columns)}."
        )
    return table, {column: unit for column, unit in units.items() if unit}


def restore_types(frame, names):
    """Return a table with the types that its columns had when it was written.

    Parameters
    ----------
    frame : DataFrame
        The table.
    names : dict of str to str
        Names of the types by column.

    Returns
    -------
    frame : DataFrame
        The table; text has the type that this version of pandas gives to text.
    """
    import pandas as pd

    text = pd.Series(["text"]).dtype
    return frame.astype({k: text if name == "str" else name for k, name in names.items()})
