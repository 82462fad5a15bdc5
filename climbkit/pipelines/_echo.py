"""What commands print: tables of text."""

import typer


def share(part, whole):
    """Return a part of a whole as text; a dash where there is no whole."""
    return f"{part / whole:.2f}" if whole else "-"


def print_table(header, rows):
    """Print aligned columns, the first to the left and the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    rule = tuple("-" * width for width in widths)
    for row in (header, rule, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        typer.echo("  ".join(cells))
    typer.echo()
