import segno

from app.documents.pen import Box, Imprint, Pen, dark_runs

IMPRINT = Imprint("Title", "Author", "fr")


def test_joins_dark_modules_that_touch() -> None:
    assert dark_runs(bytearray([1, 1, 0, 1, 0, 0, 1, 1, 1])) == [(0, 2), (3, 1), (6, 3)]


def test_every_dark_module_is_in_one_run() -> None:
    for row in segno.make("https://refectoire.example", error="m").matrix_iter(border=4):
        cells = bytearray(row)
        covered = [place for start, length in dark_runs(cells) for place in range(length)]

        assert len(covered) == sum(cells)


def test_an_unreadable_picture_is_left_out() -> None:
    pen = Pen((200, 100), IMPRINT)

    assert pen.picture(b"not a picture", Box(0, 0, 50, 50)) == 0
    assert pen.pdf().startswith(b"%PDF")
