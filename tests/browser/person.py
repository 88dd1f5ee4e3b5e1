"""Somebody in front of a browser: does what people do, and notices what they would."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Route, expect
from pypdf import PdfReader

from tests.browser.canteen import Canteen
from tests.factories import PASSWORD

PHONE, DESK = (390, 844), (1280, 800)
PATIENCE = 20_000  # milliseconds: on two busy cores a page takes its time


class Person:
    """One visitor with a browser of their own; `trouble` is what its console complains about."""

    def __init__(
        self, chromium: Browser, canteen: Canteen, size: tuple[int, int], **options: Any
    ) -> None:
        self.canteen = canteen
        width, height = size
        self._context = chromium.new_context(
            viewport={"width": width, "height": height}, locale="fr-CH", **options
        )
        self._context.set_default_timeout(PATIENCE)
        self.trouble: list[str] = []
        self._context.on("console", self._note)
        self._context.on("weberror", lambda fault: self.trouble.append(str(fault.error)))
        self._context.on("dialog", lambda question: question.accept())
        self.page: Page = self._context.new_page()

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.trouble.append(f"{message.location['url']}: {message.text}")

    def close(self) -> None:
        self._context.close()

    def log_in(self, username: str, password: str = PASSWORD) -> None:
        self.go("LoginView.login")
        self.fill({"username": username, "password": password})
        self.page.locator("main form").get_by_role("button").click()
        expect(
            self.page.locator("nav.menu form.account, header form.account").first
        ).to_be_attached()

    def go(self, endpoint: str, **values: Any) -> None:
        """Type the address of a page."""
        answer = self.page.goto(self.canteen.url(endpoint, **values))
        assert answer is not None
        assert answer.status == 200, f"{endpoint}: {answer.status}"

    def follow(self, endpoint: str, **values: Any) -> None:
        """Take a link that is in sight and leads to this page; on a phone it may be in the menu."""
        path = self.canteen.url(endpoint, **values).removeprefix(self.canteen.address)
        link = self.page.locator(f'a[href="{path}"]:visible').first
        if not link.is_visible():
            self.page.locator("nav.tabs button").click()
        link.click()

    def fill(self, fields: Mapping[str, str]) -> None:
        """Fill in controls by their names."""
        for name, value in fields.items():
            self.page.locator(f'[name="{name}"]').fill(value)

    def choose(self, fields: Mapping[str, str]) -> None:
        """Choose options by their names and labels."""
        for name, label in fields.items():
            self.page.locator(f'select[name="{name}"]').select_option(label=label)

    def cell(self, child: str, day: str) -> Locator:
        """A child's day in the agenda."""
        of_day = self.page.locator("section.day").filter(has=self.page.locator(f"#day-{day}"))
        return of_day.locator(".cell").filter(has_text=child)

    def download(self, link: Locator) -> bytes:
        """The file behind a link."""
        answer = self._context.request.get(
            f"{self.canteen.address}{link.get_attribute('href') or ''}"
        )
        return bytes(answer.body())

    def print(self, button: str, address: str) -> bytes:
        """Press a button that opens a document beside the page: what is in it."""
        printed: list[bytes] = []

        def keep(route: Route) -> None:
            answer = route.fetch(timeout=4 * PATIENCE)
            printed.append(answer.body())
            route.fulfill(response=answer)

        self._context.route(address, keep)
        with self._context.expect_page(timeout=4 * PATIENCE) as opened:
            self.page.locator(button).first.click()
        for _ in range(4 * PATIENCE // 50):
            if printed:
                break
            self.page.wait_for_timeout(50)
        opened.value.close()
        self._context.unroute(address)
        return printed[0]

    def read_pdf(self, link: Locator) -> str:
        """What the document behind a link says."""
        return pdf_text(self.download(link))


@contextmanager
def coming(
    chromium: Browser, canteen: Canteen, size: tuple[int, int], **options: Any
) -> Iterator[Person]:
    """Somebody comes to the page, and leaves without having met any trouble."""
    person = Person(chromium, canteen, size, **options)
    try:
        yield person
    finally:
        person.close()
    assert person.trouble == []


def pdf_text(content: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)
