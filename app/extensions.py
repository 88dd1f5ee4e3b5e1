"""The Flask extensions, made once and bound to each app by the factory."""

from flask_appbuilder import Model
from flask_appbuilder.utils.legacy import get_sqla_class
from flask_mail import Mail
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

db = get_sqla_class()(model_class=Model)
csrf = CSRFProtect()
mail = Mail()
migrate = Migrate(render_as_batch=True)
