"""The search of whole catalogues, on many machines."""
