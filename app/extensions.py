"""The Flask extensions, made once and bound to each app by the factory."""

from flask_appbuilder import Model
from flask_appbuilder.utils.legacy import get_sqla_class
from flask_mail import Mail
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

# Before any model is declared: a constraint without a name cannot be migrated.
Model.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

db = get_sqla_class()(model_class=Model)
csrf = CSRFProtect()
mail = Mail()
migrate = Migrate(render_as_batch=True)
