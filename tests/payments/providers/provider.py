"""Stateful fakes of Datatrans and of PostFinance Checkout, served on loopback.

Each request is held to a schema before it is answered. They can be told to be down, slow, to answer
500 or nonsense; they notify when the test says so, signed as the real ones do.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any, Final, TypeVar

import jsonschema
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

from app.payments.providers.signing import sign

SPECIFICATION: Final = Path(__file__).parents[4] / "shared/specs/datatrans-2.0.32.json"
_ENDPOINT: Final = "ch.datatrans.api.transactions.endpoint"
_URL: Final = {"type": "string", "pattern": "^https?://"}
# Our own words for what the specification asks, so that the tests need nothing beside them.
START: Final = {
    "type": "object",
    "required": ["refno", "currency", "amount", "autoSettle", "paymentMethods", "redirect"],
    "additionalProperties": False,
    "properties": {
        "refno": {"type": "string", "minLength": 1, "maxLength": 20},
        "currency": {"const": "CHF"},
        "amount": {"type": "integer", "minimum": 1},
        "autoSettle": {"const": True},
        "language": {"enum": ["fr", "de", "it", "en"]},
        "paymentMethods": {
            "type": "array",
            "items": {"enum": ["VIS", "ECA", "PFC", "TWI"]},
            "minItems": 1,
        },
        "redirect": {
            "type": "object",
            "required": ["successUrl", "cancelUrl", "errorUrl"],
            "additionalProperties": False,
            "properties": {
                "successUrl": _URL,
                "cancelUrl": _URL,
                "errorUrl": _URL,
                "method": {"enum": ["GET", "POST"]},
            },
        },
        "webhook": {"type": "object", "required": ["url"], "properties": {"url": _URL}},
    },
}
CREDIT: Final = {
    "type": "object",
    "required": ["amount", "currency", "refno"],
    "additionalProperties": False,
    "properties": {
        "amount": {"type": "integer", "minimum": 1},
        "currency": {"const": "CHF"},
        "refno": {"type": "string", "minLength": 1, "maxLength": 20},
    },
}
_MONEY: Final = {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.01}
TRANSACTION: Final = {
    "type": "object",
    "required": ["lineItems", "currency", "merchantReference", "successUrl", "failedUrl"],
    "properties": {
        "currency": {"const": "CHF"},
        "merchantReference": {"type": "string", "minLength": 1, "maxLength": 100},
        "successUrl": _URL,
        "failedUrl": _URL,
        "lineItems": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "quantity", "amountIncludingTax", "type", "uniqueId"],
                "properties": {"quantity": {"const": 1}, "amountIncludingTax": {"type": "number"}},
            },
        },
    },
}
REFUND: Final = {
    "type": "object",
    "required": ["externalId", "type", "transaction", "amount"],
    "properties": {
        "externalId": {"type": "string", "minLength": 1, "maxLength": 100},
        "type": {"const": "MERCHANT_INITIATED_ONLINE"},
        "transaction": {"type": "integer"},
        "amount": {"type": "number"},
    },
}


def hold(document: Any, schema: dict[str, Any], name: str = "") -> None:
    """To our schema, and to the specification where it lies beside the project."""
    jsonschema.validate(document, schema)
    if name and SPECIFICATION.exists():
        specification = json.loads(SPECIFICATION.read_text())
        theirs = {"$ref": f"#/components/schemas/{_ENDPOINT}.{name}", **specification}
        jsonschema.validate(document, theirs)


class Fake:
    """A provider's server: its transactions by id, what it was asked, and its mood."""

    def __init__(self) -> None:
        self.transactions: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.mood = "well"
        self.faults: list[str] = []
        self.url = ""
        self._ids = count(240_000_000_000_000_001)
        self.app = Flask(__name__)
        self.app.before_request(self._feel)
        self.app.register_error_handler(jsonschema.ValidationError, self._on_fault)

    def _feel(self) -> Response | None:
        self.asked.append(f"{request.method} {request.path}")
        if self.mood == "500":
            return Response("oops", 500)
        if self.mood == "nonsense":
            return Response("<html>¯\\_(ツ)_/¯", 200, mimetype="text/html")
        if self.mood == "list":
            return jsonify([1, 2, 3])
        if self.mood == "slow":
            sleep(1.5)
        return None

    def _on_fault(self, error: jsonschema.ValidationError) -> tuple[Response, int]:
        self.faults.append(error.message)
        return jsonify(error={"code": "INVALID_PROPERTY", "message": error.message}), 400

    def new_id(self) -> str:
        return str(next(self._ids))


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


AnyFake = TypeVar("AnyFake", bound=Fake)


@contextmanager
def served(fake: AnyFake) -> Iterator[AnyFake]:
    server = make_server("127.0.0.1", 0, fake.app, threaded=True, request_handler=_Quiet)
    fake.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class FakeDatatrans(Fake):
    MERCHANT, PASSWORD, KEY = "1000011011", "geheim", "ab" * 32

    def __init__(self) -> None:
        super().__init__()
        self.by_key: dict[str, str] = {}
        self.app.post("/v1/transactions")(self.start)
        self.app.get("/v1/transactions/<pk>")(self.status)
        self.app.post("/v1/transactions/<pk>/credit")(self.credit)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "ONLINE_PROVIDER": "datatrans",
            "DATATRANS_API": self.url,
            "DATATRANS_PAGES": self.url,
            "DATATRANS_MERCHANT_ID": self.MERCHANT,
            "DATATRANS_PASSWORD": self.PASSWORD,
            "DATATRANS_SIGN_KEY": self.KEY,
        }

    def _is_ours(self) -> bool:
        given = request.authorization
        return given is not None and (given.username, given.password) == (
            self.MERCHANT,
            self.PASSWORD,
        )

    def start(self) -> Any:
        if not self._is_ours():
            return jsonify(error={"code": "UNAUTHORIZED", "message": "no"}), 401
        wanted = request.get_json()
        hold(wanted, START, "init.InitRequest")
        key = request.headers.get("Idempotency-Key", "")
        assert key, "without a key a retry is a second payment"
        if key not in self.by_key:
            self.by_key[key] = pk = self.new_id()
            self.transactions[pk] = {
                "transactionId": pk,
                "merchantId": self.MERCHANT,
                "type": "payment",
                "status": "initialized",
                "currency": wanted["currency"],
                "refno": wanted["refno"],
                "detail": {"init": {"expires": "2026-11-16T20:30:00Z"}},
                "history": [{"action": "init", "amount": wanted["amount"], "success": True}],
            }
        return jsonify(transactionId=self.by_key[key]), 201

    def status(self, pk: str) -> Any:
        found = self.transactions.get(pk)
        if found is None or not self._is_ours():
            return jsonify(error={"code": "TRANSACTION_NOT_FOUND", "message": "no"}), 404
        return jsonify(found)

    def credit(self, pk: str) -> Any:
        wanted = request.get_json()
        hold(wanted, CREDIT, "credit.CreditRequest")
        found = self.transactions[pk]
        step = {"action": "credit", "amount": wanted["amount"], "success": True}
        if found["status"] not in {"settled", "transmitted"} or step in found["history"]:
            error = {"code": "INVALID_TRANSACTION_STATUS", "message": "not possible"}
            return jsonify(error=error), 400
        found["history"].append(step)
        return jsonify(transactionId=self.new_id(), acquirerAuthorizationCode="1")

    def set(self, pk: str, status: str, **more: Any) -> None:
        """What the family does on the provider's page."""
        found = self.transactions[pk]
        amount = found["history"][0]["amount"]
        found["status"] = status
        if status in {"settled", "transmitted"}:
            found["detail"] = {"authorize": {"amount": amount}, "settle": {"amount": amount}}
        found.update(more)

    def credits(self, pk: str) -> int:
        return sum(step["action"] == "credit" for step in self.transactions[pk]["history"])

    def notification(self, pk: str, time: str = "1763323200000") -> dict[str, Any]:
        body = json.dumps(self.transactions[pk]).encode()
        return {
            "data": body,
            "headers": {"Datatrans-Signature": sign(bytes.fromhex(self.KEY), time, body)},
        }


class FakePostFinance(Fake):
    SPACE, USER, SECRET = 405, 512, b64encode(b"secret" * 6).decode()

    def __init__(self) -> None:
        super().__init__()
        self.refunds: dict[str, dict[str, Any]] = {}
        self.key = ec.generate_private_key(ec.SECP256R1())
        self._ids = count(10_001)
        self.app.post("/payment/transactions")(self.create)
        self.app.get("/payment/transactions/<pk>/payment-page-url")(self.page)
        self.app.get("/payment/transactions/<pk>")(self.state)
        self.app.post("/payment/refunds")(self.refund)
        self.app.get("/webhooks/encryption-keys/<key_id>")(self.public_key)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "ONLINE_PROVIDER": "postfinance",
            "POSTFINANCE_HOST": self.url,
            "POSTFINANCE_SPACE_ID": str(self.SPACE),
            "POSTFINANCE_USER_ID": str(self.USER),
            "POSTFINANCE_SECRET": self.SECRET,
        }

    def create(self) -> Any:
        assert request.headers["Authorization"].startswith("Bearer ")
        assert request.headers["Space"] == str(self.SPACE)
        wanted = request.get_json()
        hold(wanted, TRANSACTION)
        pk = self.new_id()
        self.transactions[pk] = {
            "id": int(pk),
            "state": "PENDING",
            "currency": wanted["currency"],
            "merchantReference": wanted["merchantReference"],
            "linkedSpaceId": self.SPACE,
            "authorizationAmount": wanted["lineItems"][0]["amountIncludingTax"],
            "completedAmount": 0,
            "refundedAmount": 0,
        }
        return jsonify(self.transactions[pk]), 201

    def page(self, pk: str) -> Any:
        return Response(f"{self.url}/pay/{pk}", mimetype="text/plain")

    def state(self, pk: str) -> Any:
        return jsonify(self.transactions[pk])

    def refund(self) -> Any:
        wanted = request.get_json()
        hold(wanted, REFUND)
        kept = self.refunds.setdefault(wanted["externalId"], {"id": int(self.new_id()), **wanted})
        found = self.transactions[str(wanted["transaction"])]
        found["refundedAmount"] = sum(
            each["amount"]
            for each in self.refunds.values()
            if each["transaction"] == wanted["transaction"]
        )
        return jsonify(id=kept["id"], externalId=kept["externalId"], amount=kept["amount"]), 201

    def public_key(self, key_id: str) -> Any:
        assert key_id == "key-1"
        written = self.key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return Response(b64encode(written).decode(), mimetype="text/plain")

    def set(self, pk: str, state: str, **more: Any) -> None:
        found = self.transactions[pk]
        found["state"] = state
        if state == "FULFILL":
            found["completedAmount"] = found["authorizationAmount"]
        found.update(more)

    def notification(self, pk: str, state: str = "FULFILL") -> dict[str, Any]:
        body = json.dumps(
            {
                "eventId": 1,
                "entityId": int(pk),
                "listenerEntityTechnicalName": "Transaction",
                "spaceId": self.SPACE,
                "state": state,
            }
        ).encode()
        signature = b64encode(self.key.sign(body, ec.ECDSA(SHA256()))).decode()
        header = f"algorithm=SHA256withECDSA, keyId=key-1, signature={signature}"
        return {"data": body, "headers": {"X-Signature": header}}
