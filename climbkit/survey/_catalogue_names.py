"""Names of clusters and galaxies: in their usual form, and as keys that tell which are the same."""

import re

# Designations that some tables write without a space, with zeros, or in short.
_WRITTEN_OUT = {"Mel": "Melotte", "H": "Harvard", "C": "Caldwell", "M": "Messier", "Sgr": None}
_PADDED = {"NGC", "IC", "Melotte", "Harvard", "Caldwell", "Messier"}
_SHORT = {
    "palomar": "pal",
    "ruprecht": "rup",
    "melotte": "mel",
    "collinder": "cr",
    "col": "cr",
    "trumpler": "tr",
    "berkeley": "be",
    "messier": "m",
    "harvard": "h",
    "caldwell": "c",
    "terzan": "ter",
    "sagittarius": "sgr",
    "sagittariusdsph": "sgr",
}
_ESO = re.compile(r"ESO ?(\d{1,3}?)(?:-(?:SC ?|G ?)?|(?=\d{2}$))0*(\d{1,3})")
_VVV = re.compile(r"VVV ?-?CL ?(\d+)")
_NUMBERED = re.compile(r"([A-Za-z][A-Za-z.'-]*?)[ ]?(\d+)([A-Za-z]?)")


def usual_name(name):
    """Write the name of an object as it is usually written.

    Parameters
    ----------
    name : str
        As a table has it: ``"NGC0288"``, ``"NGC_2682"``, ``"Pal5"``, ``"BootesI"``.

    Returns
    -------
    name : str
        ``"NGC 288"``, ``"NGC 2682"``, ``"Pal 5"``, ``"Bootes I"``.

    Examples
    --------
    >>> from climbkit.survey._catalogue_names import usual_name
    >>> [usual_name(name) for name in ("NGC0288", "Blanco_1", "M67", "ESO45211", "AntliaII")]
    ['NGC 288', 'Blanco 1', 'Messier 67', 'ESO 452-11', 'Antlia II']
    """
    name = " ".join(str(name).replace("_", " ").split())
    if name == "Sgr":
        return "Sagittarius"
    if match := _ESO.fullmatch(name):
        return f"ESO {int(match[1])}-{int(match[2])}"
    if match := _VVV.fullmatch(name):
        return f"VVV CL{match[1]}"
    if match := _NUMBERED.fullmatch(name):
        catalogue, number, part = match.groups()
        catalogue = _WRITTEN_OUT.get(catalogue) or catalogue
        number = str(int(number)) if catalogue in _PADDED else number
        return f"{catalogue} {number}{part}"
    if name.isalpha():
        # A constellation in two words, and the numeral of a galaxy.
        return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return name


def name_key(name):
    """Return a key that is equal for names of one object.

    Parameters
    ----------
    name : str
        Name in any form.

    Returns
    -------
    key : str
        Small letters and digits.

    Examples
    --------
    >>> from climbkit.survey._catalogue_names import name_key
    >>> name_key("Palomar_5") == name_key("Pal5"), name_key("NGC0288") == name_key("NGC 288")
    (True, True)
    """
    parts = re.findall(r"[a-z]+|\d+", usual_name(name).lower().replace("'", ""))
    if not parts:
        return str(name)
    first, *rest = parts
    digits = [str(int(part)) if part.isdigit() else part for part in rest]
    return " ".join([_SHORT.get(first, first), *digits])
