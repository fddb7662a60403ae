"""Settings from the environment, with safe defaults. docs/operations.md lists every variable."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF

from spineplatform.api_tags import TAGS
from spineplatform.secret_key import secret_key
from spineplatform.state_folder import PROJECT, ensure_state_dir, state_dir

env = environ.Env()
BASE_DIR = PROJECT
STATE_DIR = state_dir()

ensure_state_dir(STATE_DIR)

DEBUG = env.bool("SPINE_DEBUG", default=False)
SECRET_KEY = secret_key(
    STATE_DIR, given=env("SPINE_SECRET_KEY", default=""), required=env.bool("SPINE_PRODUCTION", False)
)
PRODUCTION = env.bool("SPINE_PRODUCTION", default=False)
ALLOWED_HOSTS = env.list("SPINE_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("SPINE_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "channels",
    "django_htmx",
    "axes",
    "csp",
    "storages",
    "spineplatform.shared",
    "accounts",
    "registry",
    "cases",
    "training",
    "inference",
    "spineplatform",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "spineplatform.shared.caching.KeptInBrowsersMiddleware",
    "csp.middleware.CSPMiddleware",
    "spineplatform.shared.incoming.StorableTextMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "spineplatform.shared.http.WholePageMiddleware",
    "spineplatform.shared.http.UserErrorMiddleware",
    "spineplatform.shared.limits.LimitMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "spineplatform.urls"
ASGI_APPLICATION = "spineplatform.asgi.application"
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
                "accounts.context.memberships",
                "cases.context.notices",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- PostgreSQL and Valkey; `make run`, `make demo` and the tests name the servers that they start --------------------
DATABASE_URL = env("DATABASE_URL", default="postgres://localhost/spine")
VALKEY_URL = env("VALKEY_URL", default="redis://localhost:6379/0")
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"] |= {"CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": env.int("SPINE_CONN_MAX_AGE", default=0)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Channels know no database numbers: platforms that share a Valkey, each with a database, hear each other without this.
CHANNEL_PREFIX = f"spine{urlsplit(VALKEY_URL).path.strip('/') or 0}"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [VALKEY_URL], "prefix": CHANNEL_PREFIX},
    }
}

# --- people -----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "registration/locked_out.html"
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS: list[str] = []
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SESSION_COOKIE_AGE = 12 * 3600
EMAIL_CONFIG = env.email_url("SPINE_EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
if PRODUCTION and EMAIL_CONFIG["EMAIL_BACKEND"].endswith(("console.EmailBackend", "filebased.EmailBackend")):
    # A mail on the console is a link into an account in the log: nothing is sent, and a check says so.
    EMAIL_BACKEND = "spineplatform.shared.mail.NotSent"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("SPINE_EMAIL_FROM", default="spine@localhost")

# --- security ---------------------------------------------------------------------------------------------------------
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PRODUCTION else None
SECURE_SSL_REDIRECT = PRODUCTION
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Several people at one browser: it keeps nothing, see shared/caching.py.
SHARED_COMPUTERS = env.bool("SPINE_SHARED_COMPUTERS", default=False)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    },
    # The API's interactive page brings inline code of its own.
    "EXCLUDE_URL_PREFIXES": ["/api/docs/"],
}

# --- language and time ------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
# Only languages whose catalogue is complete: else the browser's wish gives pages of two languages.
LANGUAGES = [("en", "English"), ("ko", "한국어")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env("SPINE_TIME_ZONE", default="UTC")
USE_TZ = True

# --- files ------------------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_ROOT = STATE_DIR / "media"
MODEL_DIR = BASE_DIR / "models"
CACHE_DIR = STATE_DIR / "cache"
INCOMING_DIR = STATE_DIR / "incoming"
_s3 = env.bool("SPINE_S3", default=False)
STORAGES = {
    "default": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": env("SPINE_S3_BUCKET", default=""),
            "endpoint_url": env("SPINE_S3_ENDPOINT", default=None),
            "access_key": env("SPINE_S3_ACCESS_KEY", default=None),
            "secret_key": env("SPINE_S3_SECRET_KEY", default=None),
            "default_acl": None,
            "file_overwrite": False,
            "querystring_auth": True,
        },
    }
    if _s3
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = INCOMING_DIR
FILE_UPLOAD_PERMISSIONS = 0o640
DATA_UPLOAD_MAX_NUMBER_FILES = env.int("SPINE_MAX_UPLOAD_FILES", default=5_000)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2 * DATA_UPLOAD_MAX_NUMBER_FILES + 100
UPLOAD_MAX_BYTES = env.int("SPINE_MAX_UPLOAD_BYTES", default=8 * 1024**3)
MASK_MAX_BYTES = env.int("SPINE_MAX_MASK_BYTES", default=2 * 1024**3)

# --- how much the web process takes on (ADR 15, docs/operations.md) ---------------------------------------------------
WEB_THREADS = env.int("SPINE_WEB_THREADS", default=12)
WEB_QUEUE = env.int("SPINE_WEB_QUEUE", default=256)
WEB_WAIT_SECONDS = env.float("SPINE_WEB_WAIT_SECONDS", default=15)
WEB_CONNECTIONS = env.int("SPINE_WEB_CONNECTIONS", default=4096)
LIVE_THREADS = env.int("SPINE_LIVE_THREADS", default=4)
HEADER_SECONDS = env.float("SPINE_HEADER_SECONDS", default=10)
HEADER_BYTES = env.int("SPINE_HEADER_BYTES", default=64 * 1024)
ANSWER_IDLE_SECONDS = env.float("SPINE_ANSWER_IDLE_SECONDS", default=60)
BODY_MAX_BYTES = env.int("SPINE_MAX_BODY_BYTES", default=1024**2)
BODY_SECONDS = env.float("SPINE_BODY_SECONDS", default=2 * 3600)
BODY_IDLE_SECONDS = env.float("SPINE_BODY_IDLE_SECONDS", default=30)
BODY_LEAST_RATE = env.int("SPINE_BODY_LEAST_RATE", default=16 * 1024)  # bytes a second
INCOMING_PER_PERSON = env.int("SPINE_INCOMING_PER_PERSON", default=2 * UPLOAD_MAX_BYTES + 64 * 1024**2)
INCOMING_PER_INSTITUTION = env.int("SPINE_INCOMING_PER_INSTITUTION", default=8 * UPLOAD_MAX_BYTES)
# Tries, and seconds in which they are counted: spineplatform.shared.limits.
LIMITS = {
    name: (int(text.partition("/")[0]), float(text.partition("/")[2]))
    for name, text in {
        "log-in": env("SPINE_LIMIT_LOG_IN", default="240/60"),
        "log-in-name": env("SPINE_LIMIT_LOG_IN_NAME", default="30/300"),
        "token": env("SPINE_LIMIT_TOKEN", default="20/60"),
        "reset": env("SPINE_LIMIT_RESET", default="240/3600"),
        "reset-mail": env("SPINE_LIMIT_RESET_MAIL", default="5/3600"),
        "password": env("SPINE_LIMIT_PASSWORD", default="20/900"),
        "upload": env("SPINE_LIMIT_UPLOAD", default="240/60"),
        "upload-address": env("SPINE_LIMIT_UPLOAD_ADDRESS", default="960/60"),
    }.items()
}
KEEP_FREE_BYTES = env.int("SPINE_KEEP_FREE_BYTES", default=1024**3)

# --- readers: child processes that read what people sent (docs/adr/0013) ----------------------------------------------
READER_STALL_SECONDS = env.float("SPINE_READER_STALL_SECONDS", default=20)
READER_FILE_SECONDS = env.float("SPINE_READER_FILE_SECONDS", default=600)
READER_UPLOAD_SECONDS = env.float("SPINE_READER_UPLOAD_SECONDS", default=7200)
READER_REQUEST_SECONDS = env.float("SPINE_READER_REQUEST_SECONDS", default=120)
READER_MEMORY_BYTES = env.int("SPINE_READER_MEMORY_BYTES", default=1536 * 1024**2)
READER_FOLDER_BYTES = env.int("SPINE_READER_FOLDER_BYTES", default=48 * 1024**3)
READERS_AT_ONCE = env.int("SPINE_READERS_AT_ONCE", default=2)
READER_WAIT_SECONDS = env.float("SPINE_READER_WAIT_SECONDS", default=15)

# --- background work --------------------------------------------------------------------------------------------------
RUN_LEASE_SECONDS = env.float("SPINE_RUN_LEASE_SECONDS", default=30)
RUN_MAX_ATTEMPTS = 3
RUN_STALL_SECONDS = env.float("SPINE_RUN_STALL_SECONDS", default=3600)
RUN_REQUEUE_AFTER_SECONDS = env.float("SPINE_RUN_REQUEUE_AFTER_SECONDS", default=20)
CELERY_BROKER_URL = VALKEY_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Above the longest run; a lost worker is noticed by its lease, never by this time-out.
    "visibility_timeout": 7 * 24 * 3600,
    "socket_keepalive": True,
    "socket_connect_timeout": 5,
    "health_check_interval": 10,
    "global_keyprefix": "spine:",
}
# Enqueueing is best effort: when the broker is away the sweeper delivers the run later.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_EAGER_RESULT = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_DEFAULT_QUEUE = "import"
# How many GPUs a training worker has: the web process, which proposes settings, cannot look.
TRAINING_GPUS = env.int("SPINE_TRAINING_GPUS", default=0)
CELERY_TASK_ROUTES = {
    "cases.tasks.*": {"queue": "import"},
    "inference.tasks.segment": {"queue": "inference"},
    "inference.tasks.compare": {"queue": "import"},
    "inference.tasks.report": {"queue": "import"},
    # Minutes, not hours: it shares the queue of the segmentations so that it never waits for a training.
    "training.tasks.evaluate": {"queue": "inference"},
    "training.tasks.train": {"queue": "training"},
    "training.tasks.prepare_dataset": {"queue": "import"},
    # Of its own, so that it never waits for anything: it is what finds lost work.
    "spineplatform.shared.tasks.*": {"queue": "sweep"},
}
CELERY_BEAT_SCHEDULE = {
    "sweep-runs": {
        "task": "spineplatform.shared.tasks.sweep",
        "schedule": env.float("SPINE_SWEEP_SECONDS", default=10),
        "options": {"expires": 10},
    }
}
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "celerybeat-schedule")
CELERY_TIMEZONE = "UTC"

# --- the gate: by how much Dice a candidate may be worse than the active version, and how many patients decide --------
GATE_MARGIN = env.float("SPINE_GATE_MARGIN", default=0.01)
GATE_GROUP_MARGIN = env.float("SPINE_GATE_GROUP_MARGIN", default=0.03)
GATE_LEAST_PATIENTS = env.int("SPINE_GATE_LEAST_PATIENTS", default=5)

# --- REST API ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "spineplatform.shared.incoming.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_SCHEMA_CLASS": "spineplatform.shared.api_schema.OperationSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["spineplatform.shared.incoming.StrictJSONParser"],
    "DEFAULT_METADATA_CLASS": "spineplatform.shared.incoming.PlainMetadata",
    "EXCEPTION_HANDLER": "spineplatform.shared.api.problem_handler",
    # Never believe X-Forwarded-For itself: the web server behind a trusted proxy sets the client's address.
    "NUM_PROXIES": 0,
}
REST_KNOX = {"TOKEN_TTL": timedelta(days=env.int("SPINE_TOKEN_DAYS", default=90)), "AUTH_HEADER_PREFIX": "Token"}
SPECTACULAR_SETTINGS = {
    "TITLE": "Spine platform",
    "DESCRIPTION": "Segmentation of the spine in CT: cases, masks, runs, models.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "TAGS": TAGS,
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    # A PATCH reads the whole body as well (shared.api.checked).
    "COMPONENT_SPLIT_PATCH": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "spineplatform.shared.api_schema.close_request_bodies",
        "spineplatform.shared.api_schema.add_errors",
    ],
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "accounts.models.Role",
        "CaseStateEnum": "cases.models.CaseState",
        "RunStateEnum": "spineplatform.shared.runs.RunState",
        "MaskSourceEnum": "cases.models.AnnotationSource",
        "FileVerdictEnum": "cases.models.Verdict",
        "ReviewVerdictEnum": "cases.models.ReviewVerdict",
        "VersionStatusEnum": "registry.models.VersionStatus",
        "MeasurementKindEnum": "cases.models.viewer.MeasurementKind",
        "ReadingItemStateEnum": "cases.models.projects.ItemState",
        "SplitEnum": "training.models.Split",
        "SplitOrNoneEnum": "training.splits.selectors.SPLIT_OR_NONE",
        "PromotionKindEnum": "registry.models.PromotionKind",
        "CapabilityEnum": "accounts.api.CAPABILITIES",
        "NoticeKindEnum": "cases.models.comments.NoticeKind",
        "PatientRuleEnum": "cases.intake.api.PATIENT_RULES",
        "SplitWishEnum": "cases.intake.api.SPLIT_WISHES",
        "PlaneEnum": "cases.viewer.api.PLANES",
        "DecisionKindEnum": "cases.models.projects.DecisionKind",
        "ProposalMethodEnum": "cases.projects.api.PROPOSALS",
        "LengthUnitEnum": ["mm", "px"],
        "SliceOrderEnum": ["from-feet", "from-head"],
        "FindingActionEnum": "training.datasets.api.DECISIONS",
        "FindingStateEnum": ["open", "accepted", "left-out"],
        "SplitOriginEnum": "training.models.splits.SplitOrigin",
    },
}

# --- logs: an event name plus fields, never patient data, links or addresses (see shared/logs.py) ---------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "spineplatform.shared.logs.LogFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line"},
        "none": {"class": "logging.NullHandler"},
    },
    "root": {"handlers": ["console"], "level": env("SPINE_LOG_LEVEL", default="INFO")},
    "loggers": {
        "axes": {"level": "WARNING"},
        "django.channels.server": {"level": "WARNING"},
        # The web server's own, which it would write in its own way.
        "uvicorn": {"handlers": [], "propagate": True},
        "uvicorn.error": {"handlers": [], "propagate": True, "level": "WARNING"},  # else who opened which WebSocket
        # No access log: an address may be a link into an account, and who looked at what stands in the audit trail.
        "uvicorn.access": {"handlers": [], "propagate": False},
        # They repeat the values of files: a verdict tells what is wrong with one.
        **{name: {"handlers": ["none"], "propagate": False} for name in ("pydicom", "nibabel", "PIL", "tifffile")},
    },
}
logging.captureWarnings(True)
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
