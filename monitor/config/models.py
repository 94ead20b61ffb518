"""The shape of ``config.yaml`` as pydantic models: what may stand where. They stay inside this package."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema

from monitor.config import values
from monitor.schedule import Ageing, Cron, Interval

Duration = Annotated[float, BeforeValidator(values.seconds), WithJsonSchema({"type": ["string", "number"], "examples": ["15m"]})]
Size = Annotated[int, BeforeValidator(values.size_bytes), WithJsonSchema({"type": ["string", "integer"], "examples": ["5MB"]})]

_EVERY_SCHEMA: Final = {
    "anyOf": [
        {"type": ["string", "number"], "examples": ["15m"]},
        {
            "type": "object",
            "properties": {"cron": {"type": "string"}, "timezone": {"type": "string"}},
            "required": ["cron"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {key: {"type": "string"} for key in ("young", "for", "then", "until", "finally")},
            "required": ["young", "for", "then"],
            "additionalProperties": False,
        },
    ]
}
Every = Annotated[
    Interval | Ageing | Cron, BeforeValidator(values.rhythm), WithJsonSchema(_EVERY_SCHEMA)
]


def _slug(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", value):
        raise ValueError(f"expected letters, digits, '.', '_' and '-' (at most 80), got {value!r}")
    return value


def _network(value: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise ValueError(f"expected a network such as 10.0.0.0/8, got {value!r}") from None


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


def _url(value: str) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(value)
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https", "file", "") or (parts.scheme in ("http", "https") and not parts.hostname):
        raise ValueError(f"expected an address that starts with http:// or https://, or a file, got {value!r}")
    return value


Slug = Annotated[str, AfterValidator(_slug)]
Network = Annotated[str, AfterValidator(_network)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Address = Annotated[str, AfterValidator(_url)]
Severity = Literal["cosmetic", "minor", "wording", "major"]


class Part(BaseModel):
    """A part of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Confirm(Part):
    """When a suspect capture or a failure is believed."""

    after: Duration = 60.0
    times: int = Field(1, ge=0, le=10)


class Shared(Part):
    """Keys that may stand in a source and in ``defaults``."""

    select: str | None = Field(None, description="CSS selector of the statement")
    xpath: str | None = Field(None, description="XPath of the statement, instead of select")
    remove: list[str] = Field([], description="CSS selectors of what is left out")
    start_after: str | None = Field(None, description="text after which the statement starts")
    end_before: str | None = Field(None, description="text before which it ends")
    keep_lines_matching: list[Pattern] = Field([], description="keep only paragraphs that match one of these")
    delete_lines_matching: list[Pattern] = Field([], description="leave out paragraphs that match one of these")
    substitute: list[tuple[Pattern, str]] = Field([], description="[pattern, replacement] in each paragraph")
    encoding: str | None = Field(None, description="encoding, where the page lies about it")
    kind: Literal["html", "plain", "pdf"] | None = Field(None, description="how to read it; else by type and bytes")
    baseline: str | None = Field(None, description="file with the text to compare with")
    series: str | None = None
    every: Every = Interval(900.0, "15m")
    tags: list[str] = []
    timeout: Duration = Field(30.0, description="for the whole of one look")
    max_size: Size = Field(5_000_000, description="of the page, decompressed")
    robots: bool = Field(True, description="honour robots.txt")
    headers: dict[str, str] = {}
    allow_private: list[Network] = Field([], description="private networks that may be connected to")
    confirm: Confirm = Confirm()
    enabled: bool = True
    note: str | None = None
    user_visible_url: str | None = None


class SourceModel(Shared):
    """One address that is checked."""

    id: Slug | None = Field(None, description="stable name; else made from the address")
    url: Address
    name: str | None = None


class Limits(Part):
    """How much at once."""

    concurrency: int = Field(50, ge=1, le=1000, description="checks at the same time")
    per_host: int = Field(2, ge=1, le=100, description="requests to one public host at the same time")
    spacing: Duration = Field(1.0, description="between requests to one public host")


class SeriesModel(Part):
    """An ordered run of sources of one kind."""

    id: Slug
    title: str | None = None
    baseline: str | None = None


class ListingModel(Part):
    """A source that names other sources."""

    id: Slug
    feed: Address | None = None
    index: Address | None = None
    sitemap: Address | None = None
    follow: str | None = None
    series: str | None = None
    select: str | None = None
    tags: list[str] = []
    every: Every = Interval(900.0, "15m")
    allow_private: list[Network] = []


class PhraseModel(Part):
    """A set phrase and its variants."""

    id: Slug
    variants: list[str] = Field(min_length=1)
    expect: list[str] = []


class SmtpModel(Part):
    """A mail server."""

    host: str
    port: int = Field(587, ge=1, le=65535)
    starttls: bool = True
    tls: bool = False
    user: str | None = None
    password: SecretStr | None = None


class EmailModel(Part):
    """Alerts by mail."""

    to: list[str] = Field(min_length=1)
    sender: str | None = Field(None, alias="from")
    smtp: SmtpModel
    digest: Literal["none", "hourly", "daily"] = "none"


class WebhookModel(Part):
    """Alerts by a signed POST."""

    url: Address
    secret: SecretStr | None = None
    allow_private: list[Network] = []


class ChannelModel(Part):
    """Where alerts go: one of these."""

    email: EmailModel | None = None
    webhook: WebhookModel | None = None
    apprise: SecretStr | None = None


class RuleModel(Part):
    """Which events go to which channels."""

    when: dict[str, Any] = {}
    to: list[str] = Field(min_length=1)


class WebModel(Part):
    """The web page."""

    listen: str = "127.0.0.1:8466"
    token: SecretStr | None = None


class FileModel(Part):
    """The whole file."""

    database: str = "sqlite:///variorum.db"
    user_agent: str = "Variorum/{version}"
    defaults: Shared = Shared()
    limits: Limits = Limits()
    sources: list[SourceModel] = []
    listings: list[ListingModel] = []
    series: list[SeriesModel] = []
    phrases: list[PhraseModel] = []
    alerts: list[RuleModel] = []
    channels: dict[Slug, ChannelModel] = {}
    web: WebModel | None = None
