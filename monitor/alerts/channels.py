"""From the name and the settings of a channel to the channel itself. Each kind is imported when one of it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from storage.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitor.alerts import Channel


def _email(name: str, told: Mapping[str, Any]) -> Channel:
    from monitor.alerts.email import EmailChannel
    from monitor.alerts.mailing import settings_of

    return EmailChannel(name, settings_of(told["email"]))


def _webhook(name: str, told: Mapping[str, Any]) -> Channel:
    from monitor.alerts.webhook import WebhookChannel, settings_of

    return WebhookChannel(name, settings_of(told["webhook"]))


def _apprise(name: str, told: Mapping[str, Any]) -> Channel:
    from monitor.alerts.apprise import AppriseChannel

    return AppriseChannel(name, told["apprise"])


CHANNELS: Final[Mapping[str, Callable[[str, Mapping[str, Any]], Channel]]] = {
    "email": _email,
    "webhook": _webhook,
    "apprise": _apprise,
}
"""The key of ``config.yaml`` that names a kind, and what opens it."""


def open_channel(name: str, told: Mapping[str, Any]) -> Channel:
    """The channel of that name, from its validated mapping in the configuration (``Settings.channels_told``).

    Nothing is connected yet. Raises ``ConfigError`` for what only shows now: a password file that cannot be read, an
    extra that is not installed.
    """
    kind = next((kind for kind in CHANNELS if kind in told), None)
    if kind is None:
        raise ConfigError(f"channels.{name}: of no kind that is known", hint=f"One of: {', '.join(CHANNELS)}.")
    try:
        return CHANNELS[kind](name, told)
    except ConfigError as error:
        raise ConfigError(f"channels.{name}: {error.message}", hint=error.hint) from None
