"""Role × every route × a record of another family, made from the URL map.

A route that is added later is in the map, and so in these tests. What they must be told by hand is
what only a person knows, and they fail where it is missing: a parameter of a hand-made page, a page
that everybody may open, a kind of record that no household has yet.

Everything that reaches the database is sent on both kinds of it. What is refused before (a post
without the token, a post by staff whose work it is not) is sent on SQLite only.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import chain
from typing import Any, Final
from urllib.parse import quote, urlencode

import pytest
import sqlalchemy as sa
from flask import Flask
from pypdf import PdfReader
from sqlalchemy.orm import Session
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import clock, models, security
from app.access import SYSTEM
from app.transaction import transaction
from app.vocabulary import BalanceAnswer, Role
from tests.conftest import A_SCHOOL_MORNING, FrozenClock
from tests.database import contents, copy_sqlite, create_test_app, running
from tests.households import Household, guarded_models, make_household, texts_of
from tests.web import Browser, Form, forms_of, logged_in

MINE, THEIRS = "Albertinex", "Zorglubqux"

# -- what only a person knows ----------------------------------------------------------------------

# Pages for everybody, and what a visitor gets there.
OPEN: Final = {
    "static": {200, 404},
    "appbuilder.static": {200, 404},
    "HealthView.healthz": {200},
    "HealthView.metrics": {404},
    "NotificationView.receive": {403, 404},
    "LoginView.login": {200},
    "LoginView.confirm_logout": {200},
    "LoginView.logout": {302},
    "PasswordForgottenView.this_form_get": {200},
    "PasswordForgottenView.this_form_post": {200, 302},
    "PasswordResetView.this_form_get": {404, 410},
    "PasswordResetView.this_form_post": {404, 410},
    "LocaleView.index": {302, 404},
    "UtilView.back": {302},
    "HomeView.index": {302},
}
# What leads on, or is refused for a reason of its own, although the record is the reader's.
NOT_A_PAGE: Final = {
    ("PaymentView.go", 302),  # it is paid
    ("RechargeView.bill", 409),  # the canteen of the tests has no IBAN
    ("RechargeView.code", 409),
    ("RechargeView.pdf", 409),
    ("MyStatementView.pdf", 404),  # no account is asked for
    ("MyStatementView.tax", 404),
}
# Signed by a provider instead, whoever is logged in.
SIGNED: Final = {"NotificationView.receive"}
# Which record a parameter of a hand-made page names; elsewhere it is one of the view's own model.
PARAMETERS: Final[dict[str, Any]] = {
    "PaymentView.go.number": models.OnlinePayment,
    "PaymentView.back.number": models.OnlinePayment,
    "PaymentView.cancelled.number": models.OnlinePayment,
    "PaymentView.simulated.number": models.OnlinePayment,
    "PaymentView.choose.number": models.OnlinePayment,
    "PaymentView.terms.version": models.PaymentTerms,
    "NotificationView.receive.provider": ["simulated", "datatrans", "nobody"],
    "RechargeView.bill.pk": models.QrBill,
    "RechargeView.pdf.pk": models.QrBill,
    "RechargeView.code.pk": models.QrBill,
    "RechargeView.withdraw.pk": models.TopUp,
    "PrivacyView.family.pk": models.Account,
    "PrivacyView.export.pk": models.Account,
    "PrivacyView.erase.pk": models.Account,
    "TillView.account.pk": models.Account,
    "TillView.record.pk": models.Account,
    "TillView.pupil.pk": models.Pupil,
    "TillView.receipt.pk": models.Receipt,
    "TillView.cancel.pk": models.Receipt,
    "MyRefundView.withdraw.pk": models.RefundRequest,
    "MyRefundView.carry_over.pk": models.BalanceQuestion,
    "LocaleView.index.locale": ["fr", "en", "xx"],
    "PasswordResetView.this_form_get.token": ["x.y.z"],
    "PasswordResetView.this_form_post.token": ["x.y.z"],
    "static.filename": ["canteen.css"],
    "appbuilder.static.filename": ["nothing.css"],
}
# A GET writes nothing but who saw what.
ACCESS_LOGS: Final = {"health_access", "document_download"}

NONSENSE: Final = [
    "abc",
    "0",
    "-1",
    "1.5",
    str(2**63),
    str(2**65),
    "9" * 5000,
    "😀",
    "..%2f..%2fetc",
    "%00",
    "²",
]
TYPED: Final = ["", "\x00", "9" * 5000, str(2**65), "-1", "😀 ' \" <b>", "%", "2026-02-30"]

# -- the two households, on each kind of database --------------------------------------------------


@dataclass(frozen=True)
class World:
    """An application in which both households live, and browsers in which somebody is logged in."""

    app: Flask
    mine: Household
    theirs: Household
    browsers: dict[str, Browser]
    shared: dict[type[Any], int] = field(default_factory=dict)

    def view(self, endpoint: str) -> Any:
        name = endpoint.partition(".")[0]
        views = self.app.appbuilder.baseviews  # type: ignore[attr-defined]
        return next((view for view in views if view.endpoint == name), None)


VISITOR, PARENT, ADMIN = "visitor", "parent", Role.ADMIN.name.lower()
STAFF: Final = [role.name.lower() for role in Role if role is not Role.PARENT]
WHO: Final = [VISITOR, PARENT, *STAFF]


def settle(app: Flask) -> World:
    """Fill the application's database and log everybody in."""
    with app.app_context(), transaction(SYSTEM) as session:
        mine, theirs = make_household(session, MINE), make_household(session, THEIRS)
        document = session.get_one(models.Document, mine.ids[models.Document])
        document.published_from = clock.today()
        # Their own question they may answer: it is answered, and an answer stays.
        question = session.get_one(models.BalanceQuestion, mine.ids[models.BalanceQuestion])
        question.answer, question.answered_at = BalanceAnswer.CARRIED_OVER, clock.now()
    browsers = {VISITOR: Browser(app), PARENT: logged_in(app, mine.username)}
    browsers |= {name: logged_in(app, name) for name in STAFF}
    return World(app, mine, theirs, browsers)


def worlds(request: pytest.FixtureRequest) -> Iterator[World]:
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("app.clock.now", FrozenClock(A_SCHOOL_MORNING).now)
        folder = request.getfixturevalue("tmp_path_factory").mktemp("matrix")
        if request.param == "sqlite":
            url = copy_sqlite(request.getfixturevalue("filled_sqlite"), folder)
        else:
            url = stack.enter_context(request.getfixturevalue("postgres").copy())
        yield settle(stack.enter_context(running(create_test_app(url, folder / "outbox"))))


BOTH: Final = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
# For what is refused before the database is asked for more than who is there.
on_one_database = pytest.mark.parametrize("world", ["sqlite"], indirect=True)


@pytest.fixture(scope="module", params=BOTH)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Only read, and written to where nothing may come of it."""
    yield from worlds(request)


@pytest.fixture(params=BOTH)
def spoilt(request: pytest.FixtureRequest) -> Iterator[World]:
    """One to write in at will."""
    yield from worlds(request)


# -- requests from the map -------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One request; `is_theirs`: its address names a record of the other family."""

    endpoint: str
    method: str
    path: str
    is_theirs: bool = False


def rules_of(app: Flask, method: str) -> list[Rule]:
    found = [rule for rule in app.url_map.iter_rules() if method in (rule.methods or ())]
    return sorted(found, key=lambda rule: rule.endpoint)


def meaning(world: World, rule: Rule, argument: str) -> Any:
    """The model whose key the argument is, or the texts it may be; None where nobody said."""
    view = world.view(rule.endpoint)
    declared = PARAMETERS.get(f"{rule.endpoint}.{argument}")
    if declared is not None:
        return declared
    if argument == "name" and view is not None and hasattr(view, "actions"):
        return [*view.actions, "nothing"]
    if argument == "group_by":
        return [str(position) for position in range(len(view.definitions) + 1)]
    if argument == "pk" and view is not None and hasattr(view, "datamodel"):
        return view.datamodel.obj
    return None


def a_record(world: World, model: type[Any], whose: Household) -> int:
    """The household's record; of the canteen's own kinds any."""
    if model in whose.ids:
        return whose.ids[model]
    if model not in world.shared:
        with world.app.app_context(), transaction(SYSTEM) as session:
            world.shared[model] = session.scalars(sa.select(model.id).limit(1)).first() or 1
    return world.shared[model]


def addresses(world: World, rule: Rule, whose: Household) -> Iterator[str]:
    """The rule's path with the household's records in it, one for each action or text."""
    meanings = {name: meaning(world, rule, name) for name in rule.arguments}
    texts = next((m for m in meanings.values() if isinstance(m, list)), [""])
    for text in texts:
        values = {
            name: text if isinstance(m, list) else str(a_record(world, m, whose))
            for name, m in meanings.items()
        }
        yield fill(rule, values)


def fill(rule: Rule, values: dict[str, str]) -> str:
    """The rule's path with these values as they stand, which a client may send however it likes."""
    return re.sub(r"<(?:[^:<>]+:)?(\w+)>", lambda found: values[found[1]], rule.rule)


def calls(world: World, method: str, *, nonsense: str = "") -> Iterator[Call]:
    """Every rule of the map with both families' records, and with what no record can have.

    `nonsense` is who sends it: all of it where they may come in, a taste where they may not.
    """
    for rule in rules_of(world.app, method):
        for whose in (world.mine, world.theirs) if rule.arguments else (world.mine,):
            is_theirs = whose is world.theirs and any(
                meaning(world, rule, name) in whose.ids
                for name in rule.arguments
                if not isinstance(meaning(world, rule, name), list)
            )
            for path in addresses(world, rule, whose):
                yield Call(rule.endpoint, method, path, is_theirs)
        if nonsense and rule.arguments:
            is_read = rule.endpoint in OPEN or (
                nonsense != VISITOR and is_permitted(world, nonsense, rule.endpoint)
            )
            for text in NONSENSE if is_read else NONSENSE[:1]:
                yield Call(
                    rule.endpoint,
                    method,
                    fill(rule, dict.fromkeys(rule.arguments, quote(text, safe="%"))),
                )


def is_permitted(world: World, who: str, endpoint: str) -> bool:
    """Whether the role table opens the page; said here a second time, without Flask-AppBuilder."""
    view, _, method = endpoint.partition(".")
    function = getattr(world.view(endpoint), method, None)
    permission = f"can_{getattr(function, '_permission_name', method)}"
    lines = {**security.PERMISSIONS[Role[who.upper()]], **security._EVERYBODY}
    return any(
        re.fullmatch(name, view) and re.fullmatch(words, permission)
        for name, words in lines.items()
    )


# -- what an answer may be -------------------------------------------------------------------------

INLINE = re.compile(
    r"<script(?![^>]*\ssrc=)|<style|\sstyle=\"|\son[a-z]+=\"|javascript:", re.IGNORECASE
)


def said(answer: TestResponse) -> str:
    """Everything that an answer tells: headers, text, the text of a PDF."""
    headers = str(answer.headers)
    if answer.mimetype == "application/pdf" and len(answer.data) > 100:
        pages = PdfReader(BytesIO(answer.data)).pages
        return "".join([headers, *(page.extract_text() for page in pages)])
    return "".join([headers, answer.data.decode("utf-8", "replace")])


def names(whose: Household, answer: TestResponse) -> bool:
    """Whether the answer tells anything of the household."""
    return whose.mark[:9].lower() in said(answer).lower()


def faults(call: Call, answer: TestResponse) -> list[str]:
    """What no answer may be, whoever asks for whatever."""
    found = []
    if answer.status_code >= 500:
        found.append("fault")
    if any(answer.headers.get(name) != value for name, value in security.HEADERS.items()):
        found.append("security headers")
    if answer.mimetype == "text/html" and INLINE.search(answer.text):
        found.append("inline script or style")
    return [f"{what}: {call.method} {call.path[:120]} {answer.status_code}" for what in found]


def trespasses(world: World, who: str, call: Call, answer: TestResponse) -> list[str]:
    """Where the answer is more than that person may have."""
    code = answer.status_code
    found = []
    if who == VISITOR:
        is_kept_out = code in {401, 403, 404} or (
            code == 302 and answer.headers["Location"].startswith("/login/")
        )
        is_open = code in OPEN.get(call.endpoint, set())
        if not is_kept_out and not is_open:
            found.append("open to visitors")
    elif call.endpoint not in OPEN and not is_permitted(world, who, call.endpoint):
        if code not in {403, 404}:
            found.append("not permitted")
    elif who == PARENT and call.is_theirs and code == 200:
        found.append("another family's record")
    if who in {VISITOR, PARENT} and names(world.theirs, answer):
        found.append("tells of another family")
    return [f"{what}: {who} {call.method} {call.path[:120]} {code}" for what in found]


def without_log(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    return {name: rows for name, rows in tables.items() if name not in ACCESS_LOGS}


def send(
    browser: Browser, call: Call, data: dict[str, Any] | None = None, **more: Any
) -> TestResponse:
    if call.method == "GET":
        return browser.get(call.path)
    return browser.post(call.path, data, **more)


# -- the map itself --------------------------------------------------------------------------------


def test_every_rule_of_the_map_is_sent_with_every_method(world: World) -> None:
    known = {
        (rule.endpoint, method)
        for rule in world.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    sent = {
        (call.endpoint, call.method) for call in chain(calls(world, "GET"), calls(world, "POST"))
    }

    assert sent == known


def test_every_parameter_of_a_route_is_understood(world: World) -> None:
    unknown = [
        f"{rule.endpoint}.{argument}"
        for rule in world.app.url_map.iter_rules()
        for argument in rule.arguments
        if meaning(world, rule, argument) is None
    ]

    assert unknown == []


def test_pages_for_everybody_exist(world: World) -> None:
    assert set(OPEN) <= {rule.endpoint for rule in world.app.url_map.iter_rules()}


def test_every_kind_of_record_is_in_the_household(world: World) -> None:
    assert [model.__name__ for model in guarded_models() if model not in world.theirs.ids] == []


def test_every_text_of_the_household_says_whose_it_is(world: World) -> None:
    silent = []
    with world.app.app_context(), transaction(SYSTEM) as session:
        for model in guarded_models():
            silent += silent_texts(session, model, world.theirs)

    assert silent == []


def silent_texts(session: Session, model: type[Any], whose: Household) -> list[str]:
    key = sa.inspect(model).primary_key[0]
    columns = texts_of(model)
    row = session.execute(sa.select(*columns, key).where(key == whose.ids[model])).first()
    assert row is not None, model
    mark = whose.mark[:9].lower()
    return [
        f"{model.__name__}.{column.name}"
        for column, value in zip(columns, row, strict=False)
        if value is not None and mark not in str(value).lower()
    ]


# -- role × route × record -------------------------------------------------------------------------


@pytest.mark.parametrize("who", WHO)
def test_a_get_gives_nobody_more_than_is_theirs_and_writes_nothing(world: World, who: str) -> None:
    browser = world.browsers[who]
    before = without_log(contents(world.app))
    trouble: list[str] = []

    for call in calls(world, "GET", nonsense=who if who in {VISITOR, PARENT, ADMIN} else ""):
        if call.endpoint == "LoginView.login" and who != VISITOR:
            continue
        answer = send(browser, call)
        trouble += faults(call, answer) + trespasses(world, who, call, answer)

    assert trouble == []
    assert without_log(contents(world.app)) == before


def test_a_parent_does_reach_what_is_theirs(world: World) -> None:
    browser = world.browsers[PARENT]
    reached, telling = set(), set()

    for call in calls(world, "GET"):
        if call.is_theirs or not is_permitted(world, PARENT, call.endpoint):
            continue
        answer = send(browser, call)
        reached.add((call.endpoint, answer.status_code))
        if names(world.mine, answer):
            telling.add(call.endpoint)

    assert {each for each in reached if each[1] != 200} <= NOT_A_PAGE
    assert {"AgendaView.week", "RepeatView.repeat", "MyReceiptView.file"} <= telling


@on_one_database
@pytest.mark.parametrize("who", WHO)
def test_a_post_without_the_token_does_nothing(world: World, who: str) -> None:
    browser = world.browsers[who]
    before = contents(world.app)
    trouble: list[str] = []

    for call in calls(world, "POST"):
        answer = send(browser, call, token="")
        trouble += faults(call, answer)
        expected = {302} if who == VISITOR else {400}
        if answer.status_code not in (OPEN[call.endpoint] if call.endpoint in SIGNED else expected):
            trouble.append(f"{who} POST {call.path} {answer.status_code}")

    assert trouble == []
    assert contents(world.app) == before


@pytest.mark.parametrize("who", [VISITOR, PARENT])
def test_a_post_with_the_token_reaches_nothing_of_others(world: World, who: str) -> None:
    browser = world.browsers[who]
    before = contents(world.app)
    trouble: list[str] = []

    for call in calls(world, "POST", nonsense=who):
        if call.endpoint == "LoginView.logout":
            continue
        answer = send(browser, call)
        trouble += faults(call, answer) + trespasses(world, who, call, answer)

    assert trouble == []
    assert contents(world.app) == before


@on_one_database
@pytest.mark.parametrize("who", STAFF)
def test_a_post_with_the_token_is_refused_to_staff_whose_work_it_is_not(
    world: World, who: str
) -> None:
    browser = world.browsers[who]
    before = contents(world.app)
    trouble: list[str] = []

    for call in calls(world, "POST"):
        # An action has a permission of its own, which the view checks by the action's name.
        is_action = call.endpoint.endswith((".action", ".action_post"))
        if is_action or call.endpoint in OPEN or is_permitted(world, who, call.endpoint):
            continue
        answer = send(browser, call)
        trouble += faults(call, answer) + trespasses(world, who, call, answer)

    assert trouble == []
    assert contents(world.app) == before


# -- addresses with Flask-AppBuilder's vocabulary --------------------------------------------------


def queries(world: World, rule: Rule) -> Iterator[dict[str, str]]:
    """Searches, orders and pages, with the other family's name and with what cannot be.

    A form to add a record reads the searches only; a hand-made page reads neither these nor orders.
    """
    view = world.view(rule.endpoint)
    if not rule.endpoint.endswith(".add"):
        yield from choices(view)
    columns = {*getattr(view, "search_columns", []), *getattr(view, "list_columns", [])}
    if columns:
        yield from searches(columns)
    if is_permitted(world, PARENT, rule.endpoint):  # one by one: none hides what another finds
        for column in columns:
            yield from ({f"_flt_{index}_{column}": THEIRS[:5]} for index in range(5))


def choices(view: Any) -> Iterator[dict[str, str]]:
    """Which page, in which order, of whom and of which day."""
    name = type(view).__name__
    is_table = hasattr(view, "datamodel")
    for text in ("abc", "-1", str(2**63 - 1), "9" * 5000):
        if is_table:
            yield {f"page_{name}": text, f"_oc_{name}": text, f"_od_{name}": text}
        yield {f"psize_{name}": text, "pupil": text, "account": text}
    for day in ("9999-12-31", "0001-01-01", "yesterday", "\x00"):
        yield {"date": day, "q": day, f"_oc_{name}": day}
    for column in getattr(view, "order_columns", []):
        yield {f"_oc_{name}": column, f"_od_{name}": "desc"}


def searches(columns: Iterable[str]) -> Iterator[dict[str, str]]:
    for index in ("0", "1", "4", "x", "9" * 5000):
        yield {f"_flt_{index}_{column}": THEIRS[:5] for column in columns}
    for text in (str(2**65), "9" * 5000, "\x00", "2026-02-30", "%"):
        yield {f"_flt_0_{column}": text for column in columns}
    yield {f"_rel_0_{column}": "1" for column in columns}


@pytest.mark.parametrize("who", [PARENT, ADMIN])
def test_no_search_order_or_page_is_a_fault_or_a_way_in(world: World, who: str) -> None:
    browser = world.browsers[who]
    trouble: list[str] = []

    for rule in rules_of(world.app, "GET"):
        if rule.arguments or rule.endpoint in OPEN or not is_permitted(world, who, rule.endpoint):
            continue
        for query in queries(world, rule):
            call = Call(rule.endpoint, "GET", f"{rule.rule}?{urlencode(query)}")
            answer = send(browser, call)
            trouble += faults(call, answer) + trespasses(world, who, call, answer)

    assert trouble == []


# -- forms -----------------------------------------------------------------------------------------


def forms(world: World, who: str) -> Iterator[Form]:
    """Every form that somebody is shown, once for each place that it goes to."""
    seen = set()
    for call in list(calls(world, "GET")):
        is_open = call.endpoint in OPEN and call.endpoint != "HomeView.index"
        if is_open or call.is_theirs:  # the same forms, with the other record in their address
            continue
        page = world.browsers[who].get(call.path)
        if page.status_code != 200 or page.mimetype != "text/html":
            continue
        for form in forms_of(page.text):
            sent_to = replace(form, action=form.action or call.path)
            shape = (re.sub(r"\d+", "#", sent_to.action), tuple(sent_to.names))
            if shape not in seen:
                seen.add(shape)
                yield sent_to


def as_shown(form: Form) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in form.fields:
        if not values.get(name):
            values[name] = value
    values.pop("csrf_token", None)
    return values


def submit(browser: Browser, form: Form, values: dict[str, str]) -> tuple[Call, TestResponse]:
    if form.method == "get":
        path = f"{form.action.partition('?')[0]}?{urlencode(values)}"
        return Call("", "GET", path), browser.get(path)
    return Call("", "POST", form.action), browser.post(form.action, values)


@pytest.mark.parametrize("who", [PARENT, ADMIN])
def test_nothing_typed_into_a_form_is_a_fault(spoilt: World, who: str) -> None:
    browser = spoilt.browsers[who]
    trouble: list[str] = []

    for form in list(forms(spoilt, who)):
        if form.action.startswith("/logout"):
            continue
        shown = as_shown(form)
        for number, name in enumerate(shown):
            for text in {TYPED[number % 8], TYPED[1]}:
                call, answer = submit(browser, form, {**shown, name: text})
                trouble += [f"{name}={text[:9]!r} {each}" for each in faults(call, answer)]

    assert trouble == []


def test_no_form_of_a_parent_takes_another_familys_record(world: World) -> None:
    browser, theirs = world.browsers[PARENT], world.theirs
    before = rows_naming(world, theirs)
    foreign = sorted({str(key) for key in theirs.ids.values()})
    trouble: list[str] = []

    for form in list(forms(world, PARENT)):
        shown = as_shown(form)
        for name in numeric(form):
            for key in foreign:
                call, answer = submit(browser, form, {**shown, name: key})
                if names(theirs, answer):
                    trouble.append(f"{name}={key} {call.method} {call.path}")

    assert trouble == []
    assert rows_naming(world, theirs) == before


def numeric(form: Form) -> Iterable[str]:
    """The fields that hold a key or another number."""
    return {name for name, value in form.fields if value.isdigit()}


def rows_naming(world: World, whose: Household) -> dict[str, list[tuple[Any, ...]]]:
    """The household's own bookings, money and facts."""
    account, pupil = whose.ids[models.Account], whose.ids[models.Pupil]
    kept = {}
    with world.app.app_context(), transaction(SYSTEM) as session:
        for model in (models.Booking, models.OutboxFact, models.TopUp, models.RefundRequest):
            table = sa.inspect(model).local_table
            column = table.c.get("account_id")
            rows = session.execute(sa.select(table).where(column == account).order_by(table.c.id))
            kept[table.name] = [tuple(row) for row in rows]
        of_child = sa.select(models.Booking.id).where(models.Booking.pupil_id == pupil)
        kept["ids"] = [tuple(row) for row in session.execute(of_child.order_by(models.Booking.id))]
    return kept
