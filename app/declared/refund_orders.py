"""The payment orders of refunds, as files for the bank."""

from collections.abc import Sequence
from io import BytesIO

from flask import Response, send_file
from flask_appbuilder import expose, has_access
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload, selectinload

from app.extensions import db
from app.models import RefundBatch, RefundRequest, StoredFile
from app.money import Cents, format_chf
from app.rows import READ, Rows, TableView


def _total(requests: Sequence[RefundRequest]) -> Cents:
    return sum(each.amount for each in requests)


class RefundBatchView(TableView):
    """The payment orders that were made, to be downloaded again."""

    datamodel = Rows(
        RefundBatch,
        load=[
            joinedload(RefundBatch.made_by),
            selectinload(RefundBatch.requests).joinedload(RefundRequest.account),
        ],
    )
    route_base = "/refunds/orders"
    include_route_methods = READ | {"file"}
    list_title, show_title = _l("Payment orders"), _l("Payment order")
    show_template = "refunds/batch.html"
    base_order = ("id", "desc")
    list_columns = ["message_id", "made_at", "made_by", "execute_on", "requests"]
    show_columns = list_columns
    search_columns = ["made_at"]
    order_columns = ["made_at", "execute_on"]
    label_columns = {
        "message_id": _l("Number"),
        "made_at": _l("Date"),
        "made_by": _l("Paid by"),
        "execute_on": _l("To be executed on"),
        "requests": _l("Amount"),
    }
    formatters_columns = {"requests": lambda requests: format_chf(_total(requests))}

    @expose("/file/<pk>", methods=["GET"])
    @has_access
    def file(self, pk: str) -> Response:
        """The pain.001 file, always the same one."""
        batch: RefundBatch = self._item(pk)
        kept = db.session().get_one(StoredFile, batch.stored_file_id)
        return send_file(
            BytesIO(kept.content),
            mimetype=kept.content_type,
            as_attachment=True,
            download_name=f"{batch.message_id}.xml",
        )
