"""All settings, from the environment; junk in the environment stops the start."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from hitl_console import embedded_postgres

# Read once by langgraph at import: checkpoints load known types only.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

BASE_DIR = Path(__file__).resolve().parent.parent


def env_int(name: str, default: int) -> int:
    """A whole number from the environment."""
    value = os.environ.get(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from None


def env_bool(name: str, default: bool) -> bool:
    """A switch from the environment: 1/true/yes/on or 0/false/no/off."""
    value = os.environ.get(name, "1" if default else "0").lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off", ""):
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}")


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """One of a few words from the environment."""
    value = os.environ.get(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def env_list(name: str, default: str = "") -> list[str]:
    """Comma separated words from the environment."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def env_origins(name: str) -> list[str]:
    """Comma separated origins, as browsers name sites: scheme and host, and nothing after them."""
    origins = env_list(name)
    for origin in origins:
        parts = urlsplit(origin)
        is_whole = parts.scheme in ("http", "https") and parts.netloc and "*" not in parts.netloc
        if not is_whole or origin != f"{parts.scheme}://{parts.netloc}".lower():
            raise ImproperlyConfigured(
                f"{name} must name origins as https://chat.example.org, not {origin!r}"
            )
    return origins


def secret_key(data: Path, *, is_production: bool) -> str:
    """SECRET_KEY, or one made once for this data folder; production must set its own."""
    key = os.environ.get("SECRET_KEY")
    if is_production and (key is None or len(key) < 50):
        raise ImproperlyConfigured("In production SECRET_KEY must be set, to 50 characters or more")
    if key:
        return key
    path = data / "secret_key"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(50))
        try:
            os.link(fresh, path)  # the first of several starting processes wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text()


def allowed_hosts(*, is_production: bool) -> list[str]:
    """ALLOWED_HOSTS: the names browsers know this console by; sockets ask for them too."""
    if not is_production:
        return env_list("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1],testserver")
    hosts = env_list("ALLOWED_HOSTS")
    if not hosts or "*" in hosts:
        raise ImproperlyConfigured("In production ALLOWED_HOSTS must name the hosts, and not be *")
    return hosts


# A process that freezes in a transaction keeps its locks, and with them everybody who needs the
# same rows; after that many seconds of silence Postgres ends the session.
IDLE_IN_TRANSACTION = 10


def database(url: str) -> dict[str, Any]:
    """Django's description of a postgresql:// URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured("DATABASE_URL must be a postgresql:// URL")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    idle = f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION}s"
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": str(parts.port or options.pop("port", "")),
        "CONN_MAX_AGE": 0,  # the pool keeps connections, threads do not
        "CONN_HEALTH_CHECKS": True,  # or a restart of Postgres costs a request per connection
        "OPTIONS": {
            **options,
            "options": f"{idle} {options.get('options', '')}".strip(),
            "pool": {"min_size": 2, "max_size": env_int("DATABASE_POOL", 10), "timeout": 10},
        },
    }


HITL_DATA = Path(os.environ.get("HITL_DATA", BASE_DIR / "var")).resolve()
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = env_int("PORT", 8000)
LOOPBACK = HOST in ("127.0.0.1", "::1", "localhost")
PRODUCTION = env_bool("HITL_PRODUCTION", not LOOPBACK)
if not (PRODUCTION or LOOPBACK):
    raise ImproperlyConfigured("HITL_PRODUCTION=0 is allowed only when HOST is a loopback address")

DEBUG = False
SECRET_KEY = secret_key(HITL_DATA, is_production=PRODUCTION)
SECRET_KEY_FALLBACKS = env_list("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = allowed_hosts(is_production=PRODUCTION)
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")

# -- agents ----------------------------------------------------------------------------------
LANGGRAPH_CONFIG = Path(
    os.environ.get("LANGGRAPH_CONFIG", BASE_DIR / "examples" / "langgraph.json")
).resolve()
RUN_CONCURRENCY = env_int("RUN_CONCURRENCY", 10)  # runs at once in one worker process
RUN_TIMEOUT = env_int("RUN_TIMEOUT", 3600)  # seconds until a run is `timeout`
RUN_LEASE = env_int("RUN_LEASE", 15)  # seconds a silent worker keeps its runs
RUN_ATTEMPTS = env_int("RUN_ATTEMPTS", 3)
RECURSION_LIMIT = env_int("RECURSION_LIMIT", 100)  # supersteps a run may take
STOP_GRACE = env_int("HITL_STOP_GRACE", 20)  # seconds running runs get on SIGTERM
EVENT_RETENTION = env_int("EVENT_RETENTION", 24 * 3600)  # seconds the events of a run are kept
WEBHOOK_SECRET = os.environ.get("HITL_WEBHOOK_SECRET", "")  # signs the calls to clients' webhooks
WEBHOOK_HOSTS = env_list("HITL_WEBHOOK_HOSTS")  # may be called though they are on a private network
PAGE_UNDO_SECONDS = env_int("HITL_PAGE_UNDO", 5)  # seconds a decision made on a page can be undone
RESUME_MODE = env_choice("HITL_RESUME_MODE", "strict", ("strict", "compatible"))
API_AUTH = env_choice("HITL_API_AUTH", "key", ("key", "none"))
if API_AUTH == "none" and not LOOPBACK:
    raise ImproperlyConfigured("HITL_API_AUTH=none is allowed only when HOST is a loopback address")

# Pages of these sites may call the API with a key they have; none may send a person's cookies.
CORS_ALLOWED_ORIGINS = env_origins("HITL_CORS_ORIGINS")
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
CORS_ALLOW_HEADERS = [
    "a2a-version",
    "accept",
    "authorization",
    "cache-control",
    "content-type",
    "last-event-id",
    "mcp-protocol-version",
    "prefer",
    "x-api-key",
    "x-auth-scheme",
]
CORS_EXPOSE_HEADERS = [
    "content-location",
    "location",
    "x-pagination-next",
    "x-pagination-total",
]
CORS_PREFLIGHT_MAX_AGE = 600  # seconds

# -- Django ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "daphne",
    "runs.apps.RunsConfig",
    "reviews.apps.ReviewsConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "channels",
    "csp",
    "django_htmx",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pgtrigger",
    "procrastinate.contrib.django",
    "rest_framework",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "hitl_console.urls"
ASGI_APPLICATION = "hitl_console.asgi.application"
APPEND_SLASH = True
DATABASE_URL = os.environ.get("DATABASE_URL") or embedded_postgres.url(HITL_DATA)
DATABASES = {"default": database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
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
            ]
        },
    }
]
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]  # those with a whole catalogue in locale/: no page speaks two
TIME_ZONE = "UTC"
USE_TZ = True
LOCALE_PATHS = [BASE_DIR / "locale"]

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # served from where they are, read at start: nothing to collect
WHITENOISE_ALLOW_ALL_ORIGINS = False  # nobody else has use for them

# -- people ----------------------------------------------------------------------------------
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/inbox/"
LOGOUT_REDIRECT_URL = "login"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "hitl_console.lockout.locked_out"

SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
if PRODUCTION:
    SESSION_COOKIE_NAME = "__Host-hitl_session"
    CSRF_COOKIE_NAME = "__Host-hitl_csrf"
    SECURE_HSTS_SECONDS = env_int("SECURE_HSTS_SECONDS", 31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = env_bool("SECURE_SSL_REDIRECT", True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = env_int("MAX_BODY", 12 * 2**20)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}

# -- live, queue, API ------------------------------------------------------------------------
CHANNEL_LAYERS = {"default": {"BACKEND": "hitl_console.channel_layer.PostgresChannelLayer"}}
PROCRASTINATE_WORKER_DEFAULTS = {
    "concurrency": RUN_CONCURRENCY,
    "delete_jobs": "always",
    "shutdown_graceful_timeout": STOP_GRACE,
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["runs.api.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["runs.api.auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["runs.api.negotiation.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["runs.api.negotiation.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "runs.api.negotiation.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "runs.api.negotiation.error_response",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "HITL Console",
    "DESCRIPTION": "LangGraph's Agent Server API, and the review tasks beside it.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "VerdictKind": "reviews.payloads.Kind",
        "TaskStatus": "reviews.models.ReviewTask.Status",
        "ThreadStatus": ["idle", "busy", "interrupted", "error"],
        "OnCompletion": ["delete", "keep"],
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "hitl_console.log_lines.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "WARNING").upper()},
    "loggers": {
        "procrastinate": {"level": "WARNING"},
        "hitl_console": {"level": "INFO"},
        "runs": {"level": "INFO"},
        "reviews": {"level": "INFO"},
        "axes": {"level": "WARNING"},
    },
}
