"""The Swiss QR code as a picture for a page: SVG without styles, as the strict CSP wants it."""

from typing import Final

from app.bank.qrbill import QrBill
from app.documents.payment_part import swiss_code
from app.documents.pen import dark_runs

_MARGIN: Final = 4  # free modules on each side
_CODE_MM: Final = 46
# Width and height in millimetres, of which the cross is made, and its colours.
_CROSS: Final = (
    (7, 7, "#fff"),
    (6, 6, "#000"),
    (1.17, 3.89, "#fff"),
    (3.89, 1.17, "#fff"),
)


def code_svg(bill: QrBill) -> str:
    """The code with the Swiss cross in its middle. Raises: as `app.bank.qrbill.cleaned`."""
    rows = list(swiss_code(bill).matrix_iter(border=0))
    side = len(rows)
    whole = side + 2 * _MARGIN
    path = "".join(f"M{x} {y}h{n}v1h-{n}z" for y, row in enumerate(rows) for x, n in dark_runs(row))
    cross = "".join(_bar(side, *bar) for bar in _CROSS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" shape-rendering="crispEdges"'
        f' viewBox="{-_MARGIN} {-_MARGIN} {whole} {whole}">'
        f'<rect x="{-_MARGIN}" y="{-_MARGIN}" width="{whole}" height="{whole}" fill="#fff"/>'
        f'<path d="{path}"/>{cross}</svg>'
    )


def _bar(side: int, width: float, height: float, colour: str) -> str:
    scale = side / _CODE_MM
    x, y = (side - width * scale) / 2, (side - height * scale) / 2
    size = f'width="{width * scale:.2f}" height="{height * scale:.2f}"'
    return f'<rect x="{x:.2f}" y="{y:.2f}" {size} fill="{colour}"/>'
