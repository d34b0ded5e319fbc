"""Settings, all from the environment; docs/configuration.md lists them."""

import logging
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

from tags.db.postgresql.patience import PatientConnection
from tagsite.embedded_postgres import EmbeddedPostgres

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var")))

DEBUG = env.bool("DEBUG", False)

_DEVELOPMENT_KEY = "insecure: for development only, not accepted with DEBUG off"
SECRET_KEY = env.str("SECRET_KEY", _DEVELOPMENT_KEY if DEBUG else "")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

if not DEBUG:
    if len(SECRET_KEY) < 50 or SECRET_KEY == _DEVELOPMENT_KEY:
        raise ImproperlyConfigured(
            "SECRET_KEY must be at least 50 random characters when DEBUG is off; make one with"
            " `python -c 'import secrets; print(secrets.token_urlsafe(50))'` and keep it secret."
        )
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured(
            "ALLOWED_HOSTS must name the host names that Tagsite is served under when DEBUG is off"
            " (comma-separated, no '*')."
        )

INSTALLED_APPS = [
    "tagsite",
    "tags",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "tags.middleware.RequestContextMiddleware",
    "tags.middleware.ProgramsPassBy",
    "django.middleware.security.SecurityMiddleware",
    "tags.middleware.HeadersMiddleware",
    "django.middleware.common.CommonMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tags.review.preferences.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "csp.middleware.CSPMiddleware",
    "tags.middleware.ProgramsArrive",
    "tagsite.error_pages.ErrorMiddleware",
    "tags.api.entrance.EntranceMiddleware",
]

ROOT_URLCONF = "tagsite.urls"
WSGI_APPLICATION = "tagsite.wsgi.application"
# The contract's paths have no trailing slash; the URL patterns accept one.
APPEND_SLASH = False
# Served at the root of a host; else Django would look at each request's headers for another place, twice.
FORCE_SCRIPT_NAME = ""

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# Database: the application's role under "default", the tables' owner (migrations only) under "owner".

EMBEDDED_POSTGRES = None if "DATABASE_URL" in env.ENVIRON else EmbeddedPostgres(VAR_DIR / "postgres")
if EMBEDDED_POSTGRES is not None:
    DATABASE_URL = EMBEDDED_POSTGRES.url("tagsite", "tagsite")
    DATABASE_OWNER_URL = EMBEDDED_POSTGRES.url("postgres", "tagsite")
else:
    DATABASE_URL = env.str("DATABASE_URL")
    DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", DATABASE_URL)


def _database(url: str, **options: Any) -> dict[str, Any]:
    """A database URL as libpq reads it, sockets, several hosts and sslmode included."""
    parameters = conninfo_to_dict(url)
    return {
        "ENGINE": "tags.db.postgresql",
        "NAME": parameters.pop("dbname", ""),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        "OPTIONS": {**parameters, **options},
    }


DATABASES = {
    "default": _database(
        DATABASE_URL,
        pool={
            "connection_class": PatientConnection,
            "min_size": 1,
            "max_size": env.int("DATABASE_POOL_SIZE", 16),
            # Seconds a request waits for a connection before it is answered 503.
            "timeout": env.int("DATABASE_POOL_TIMEOUT", 10),
        },
        # Statements are bound and, after five uses on a connection, prepared by the server.
        server_side_binding=True,
        prepare_threshold=5,
        connect_timeout=5,
    ),
    "owner": _database(DATABASE_OWNER_URL),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# One process needs no cache server; several share the counts of log-in attempts through Redis.
REDIS_URL = env.str("REDIS_URL", "")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# Rings the bell for the processes that serve sockets (tags/live/bell.py); carries no event.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 1, "socket_connect_timeout": 1}]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# Pages run the scripts alone that their templates name, by a nonce made for each answer, and take styles from this
# server alone: nothing inline, nothing evaluated. Pages of Django's and drf-spectacular's templates, which know no
# nonces, say so where they are made (tags/admin/site.py, tags/api/urls.py).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [NONCE],
        "style-src": [SELF],
        "connect-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

AUTH_USER_MODEL = "tags.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# The link that sets a new password, in seconds.
PASSWORD_RESET_TIMEOUT = 3600
# Mail: EMAIL_URL says how, as `smtp+tls://user:password@host:587`. Without it none is sent, and pages say whom to ask.
SENDS_MAIL = bool(env.str("EMAIL_URL", ""))
if SENDS_MAIL:
    vars().update(env.email_url("EMAIL_URL"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", "tagsite@localhost")

LOGIN_URL = "log-in"
LOGIN_REDIRECT_URL = "inbox"
CSRF_FAILURE_VIEW = "tagsite.error_pages.csrf_failure"

# What a person has not chosen is their browser's choice (tags/review/preferences.py); the API speaks English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
# The files are served from where they lie, so that there is no collecting step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

# HTTPS is on unless somebody turns it off: the demo does, on the loopback address.

HTTPS = env.bool("HTTPS", not DEBUG)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", 31_536_000) if HTTPS else 0
BEHIND_PROXY = env.bool("BEHIND_PROXY", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SESSION_ENGINE = "tagsite.sessions"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    # Browsers take such a name from this host alone, over HTTPS alone: no neighbouring host can plant one.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains is the domain owner's decision, not one service's.
    "security.W021",  # So is preloading.
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tags.api.authentication.ApiKeyAuthentication",
        "tags.api.authentication.BearerAuthentication",
        "tags.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tags.api.permissions.HasPermission"],
    "DEFAULT_PARSER_CLASSES": ["tags.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["tags.api.renderers.ExactJSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "tags.api.renderers.ShortNegotiation",
    "DEFAULT_SCHEMA_CLASS": "tags.api.schema.ContractSchema",
    "EXCEPTION_HANDLER": "tags.api.error_body.handle_exception",
    "URL_FORMAT_OVERRIDE": None,
    # Whose address counts for the log-in throttle: the proxy's word is taken only if there is a proxy.
    "NUM_PROXIES": int(BEHIND_PROXY),
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Tagsite",
    "DESCRIPTION": (
        "Tags on the tasks of workflow runs: who checked what, and when. Any other path under /api is answered with"
        " 404 and any other method with 405, in the same form as all errors. Unknown fields are ignored."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # No badge: it would be fetched from another host.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SCHEMA_PATH_PREFIX": "/api",
    # The shapes are pydantic models, whose fields say themselves what may be absent.
    "COMPONENT_SPLIT_PATCH": False,
    "SORT_OPERATION_PARAMETERS": False,
    "POSTPROCESSING_HOOKS": ["tags.api.schema.add_common_components"],
}

# Limits of a request body, in bytes.
MAX_BODY_TASK_TAGS = env.int("MAX_BODY_TASK_TAGS", 2**20)
MAX_BODY_TASK_EXECUTIONS = env.int("MAX_BODY_TASK_EXECUTIONS", 16 * 2**20)
MAX_BODY_INGEST = env.int("MAX_BODY_INGEST", 64 * 2**20)  # unpacked

# Which spans of a trace are tasks: "all", or "steps" of agents and workflows alone.
OTLP_SPANS = env.str("OTLP_SPANS", "all")
if OTLP_SPANS not in ("all", "steps"):
    raise ImproperlyConfigured(f"OTLP_SPANS must be 'all' or 'steps', not {OTLP_SPANS!r}.")

# JSON Web Tokens, lifetimes in seconds.
JWT_ISSUER = env.str("JWT_ISSUER", "tagsite")
JWT_AUDIENCE = env.str("JWT_AUDIENCE", "tagsite-api")
JWT_ACCESS_LIFETIME = env.int("JWT_ACCESS_LIFETIME", 3600)
JWT_REFRESH_LIFETIME = env.int("JWT_REFRESH_LIFETIME", 14 * 86400)
# Log-in attempts from one address, within a minute.
LOGIN_ATTEMPTS_PER_MINUTE = env.int("LOGIN_ATTEMPTS_PER_MINUTE", 10)

# When set, /metrics asks for it as a bearer token.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

# Not looked up for each line, as no line tells it (Python's logging HOWTO, "Optimization").
logging._srcfile = None
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "tags.request_context.ContextFilter"}},
    "formatters": {
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "format": "{asctime}{levelname}{name}{message}",
            "style": "{",
            "rename_fields": {"asctime": "time", "levelname": "level", "name": "logger"},
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["context"]}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", "INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Each request has one line of our own (tags.middleware).
        "django.request": {"handlers": [], "level": "ERROR", "propagate": True},
        "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
        # A traceback each second while Redis is away; the bell says it once (tags/live/bell.py).
        "channels_redis": {"handlers": [], "level": "CRITICAL", "propagate": True},
    },
}
