"""Colour-magnitude diagrams of candidates, as a network sees them."""

from climbkit.cmd._images import CMDImageTransformer

__all__ = ["CMDImageTransformer"]
