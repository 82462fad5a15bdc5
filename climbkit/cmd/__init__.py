"""Colour-magnitude diagrams of candidates, as a network sees them."""

from climbkit.cmd._files import read_cmd_images
from climbkit.cmd._images import CMDImageTransformer

__all__ = ["CMDImageTransformer", "read_cmd_images"]
