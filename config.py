"""Every setting of a deployment, from the environment, with its unit and default.

What an administrator changes while the program runs is `CanteenSettings` in the database.
"""

import os
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent
INSTANCE = Path(os.environ.get("CANTEEN_INSTANCE", ROOT / "instance"))
PRODUCTION = os.environ.get("PRODUCTION", "") == "1"

# The address families reach us at; links in mails and letters start with it.
PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://127.0.0.1:8080")

# How many proxies of ours stand before the program; each adds whom it was called by to
# X-Forwarded-For and how to X-Forwarded-Proto. With 0 these headers are not believed.
TRUSTED_PROXIES = int(os.environ.get("TRUSTED_PROXIES", "0"))

SQLALCHEMY_DATABASE_URI = os.environ.get("DATABASE_URL", f"sqlite:///{INSTANCE / 'canteen.sqlite'}")
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True}
SECRET_KEY = os.environ.get("SECRET_KEY", "")

# Mail: without a server, mails become files in MAIL_FOLDER.
MAIL_SERVER = os.environ.get("MAIL_SERVER", "")
MAIL_PORT = int(os.environ.get("MAIL_PORT", "25"))
MAIL_USE_TLS = os.environ.get("MAIL_USE_TLS", "") == "1"
MAIL_USE_SSL = os.environ.get("MAIL_USE_SSL", "") == "1"
MAIL_USERNAME = os.environ.get("MAIL_USERNAME") or None
MAIL_PASSWORD = os.environ.get("MAIL_PASSWORD") or None
MAIL_DEFAULT_SENDER = os.environ.get("MAIL_SENDER", "cantine@localhost")
MAIL_FOLDER = os.environ.get("MAIL_FOLDER", str(INSTANCE / "outbox"))

# A folder where a program of the bank puts camt files; the worker imports each, then moves it to
# done/ or refused/ in it. Empty: no folder is watched.
BANK_FOLDER = os.environ.get("BANK_FOLDER", "")

# Hours between the provider's validation of an online payment and its credit; 0 credits at once.
ONLINE_CREDIT_DELAY_HOURS = int(os.environ.get("ONLINE_CREDIT_DELAY_HOURS", "24"))

# Who takes online payments: "simulated" moves no money and is refused in production; "" for nobody.
ONLINE_PROVIDER = os.environ.get("ONLINE_PROVIDER", "simulated")
SIMULATED_FOLDER = os.environ.get("SIMULATED_FOLDER", str(INSTANCE / "simulated"))
DATATRANS_API = os.environ.get("DATATRANS_API", "https://api.sandbox.datatrans.com")
DATATRANS_PAGES = os.environ.get("DATATRANS_PAGES", "https://pay.sandbox.datatrans.com")
DATATRANS_MERCHANT_ID = os.environ.get("DATATRANS_MERCHANT_ID", "")
DATATRANS_PASSWORD = os.environ.get("DATATRANS_PASSWORD", "")
DATATRANS_SIGN_KEY = os.environ.get("DATATRANS_SIGN_KEY", "")  # hexadecimal
DATATRANS_METHODS = os.environ.get("DATATRANS_METHODS", "VIS,ECA,PFC,TWI")
POSTFINANCE_HOST = os.environ.get("POSTFINANCE_HOST", "https://checkout.postfinance.ch/api/v2.0")
POSTFINANCE_SPACE_ID = os.environ.get("POSTFINANCE_SPACE_ID", "")
POSTFINANCE_USER_ID = os.environ.get("POSTFINANCE_USER_ID", "")
POSTFINANCE_SECRET = os.environ.get("POSTFINANCE_SECRET", "")

# Backups: where `flask canteen backup` puts them, and the key that encrypts them (at least 20
# characters; without one they are readable). A backup made with a key is lost without it.
BACKUP_FOLDER = os.environ.get("BACKUP_FOLDER", str(INSTANCE / "backups"))
BACKUP_KEY = os.environ.get("BACKUP_KEY", "")

# The log: "json" for one object a line and nobody's data, "text" for a person at a terminal.
LOG_FORMAT = os.environ.get("LOG_FORMAT", "json" if PRODUCTION else "text")

# Prometheus brings it as a Bearer token to /metrics; empty: there are no metrics.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "")

# Sessions: idle limit in hours.
PERMANENT_SESSION_LIFETIME = timedelta(hours=int(os.environ.get("SESSION_HOURS", "12")))
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = PRODUCTION
WTF_CSRF_TIME_LIMIT = None
MAX_CONTENT_LENGTH = 12 * 1024 * 1024

# Failed logins: from one address for one identifier, and from one address at all, per window.
LOGIN_FAILURES_PER_IDENTIFIER = 5
LOGIN_FAILURES_PER_ADDRESS = 50
LOGIN_WINDOW = timedelta(minutes=15)
RATELIMIT_ENABLED = False

# Flask-AppBuilder: tables and roles come from migrations and `flask canteen init`.
APP_NAME = "Réfectoire"
FAB_CREATE_DB = False
FAB_UPDATE_PERMS = False
FAB_INDEX_VIEW = "app.pages.home.HomeView"
FAB_ADD_SECURITY_API = False
FAB_API_SWAGGER_UI = False
FAB_ALLOW_GET_UNSAFE_MUTATIONS = False
FAB_SAFE_REDIRECT_HOSTS: list[str] = []
AUTH_RATE_LIMITED = False

BABEL_DEFAULT_LOCALE = "fr_CH"
BABEL_DEFAULT_TIMEZONE = "Europe/Zurich"
BABEL_TRANSLATION_DIRECTORIES = str(ROOT / "translations")
LANGUAGES = {"fr": {"flag": "ch", "name": "Français"}}
