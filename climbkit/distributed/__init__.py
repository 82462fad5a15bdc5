"""The search of whole catalogues, on one machine or many."""

from climbkit.distributed._catalog import search_catalog
from climbkit.distributed._report import CatalogSearch

__all__ = ["CatalogSearch", "search_catalog"]
