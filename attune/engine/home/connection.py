"""The connection to an MQTT broker: paho's client on one thread, and a sentence for whatever goes wrong."""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import HomeAutomationError
from core.extras import missing_library
from core.settings import Settings

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo

_CONNECT_S: Final = 3.0
_KEEPALIVE_S: Final = 30
_MOST_BYTES: Final = 1_000  # of a command
_MOST_WAITING: Final = 100
_REFUSED_FROM: Final = 0x80


@dataclass(frozen=True, slots=True)
class Broker:
    """How a broker is reached."""

    host: str
    port: int
    tls: bool = False
    ca_file: Path | None = None
    username: str = ""

    def __str__(self) -> str:
        return f"The MQTT broker {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody has published."""

    topic: str
    text: str
    retained: bool  # it was there before this connection


def broker_of(settings: Settings) -> Broker | None:
    """The broker that is set; None where there is none."""
    if not settings.mqtt_host:
        return None
    port = settings.mqtt_port or (8883 if settings.mqtt_tls else 1883)
    return Broker(settings.mqtt_host, port, settings.mqtt_tls, settings.mqtt_ca_file, settings.mqtt_username)


class BrokerConnection:
    """One connection; one thread alone may use it.

    Parameters
    ----------
    broker, password
        What to connect to, and the password of the name, if there is one.
    name
        Of the connection; the broker ends another one of that name.
    will
        Topic and text that the broker publishes, retained, once this connection breaks off.

    Raises
    ------
    HomeAutomationError
        The extra `mqtt` is missing, or the certificate authority cannot be read.
    """

    def __init__(
        self, broker: Broker, password: str | None, *, name: str, will: tuple[str, str] | None = None
    ) -> None:
        self._broker = broker
        self._client = _client(broker, password, name)
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._messages: deque[Message] = deque(maxlen=_MOST_WAITING)
        self._sent: list[MQTTMessageInfo] = []
        self._problem = ""
        self.accepted = False
        """Whether the broker has accepted the connection."""
        self.notice = ""
        """One sentence where it does not allow all that was asked for; else empty."""

    def connect(self) -> None:
        """Begin to connect, within some seconds; `receive` then finds out whether the broker accepts.

        Raises
        ------
        HomeAutomationError
            The broker cannot be reached.
        """
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=_KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise HomeAutomationError(_why_unreachable(self._broker, error)) from error

    def receive(self, timeout_s: float) -> tuple[Message, ...]:
        """Send and receive for so long, s, or until something comes; returns what has come.

        Raises
        ------
        HomeAutomationError
            The broker refuses, or the connection is lost.
        """
        code = self._client.loop(timeout_s)
        if self._problem:
            raise HomeAutomationError(self._problem)
        if code:
            raise HomeAutomationError(_why_lost(self._broker, accepted=self.accepted))
        messages = tuple(self._messages)
        self._messages.clear()
        return messages

    def publish(self, topic: str, text: str) -> None:
        """Publish what the broker keeps for whoever comes later; an empty text deletes what it keeps.

        Raises
        ------
        HomeAutomationError
            The connection is lost.
        """
        sent = self._client.publish(topic, text, qos=1, retain=True)
        if sent.rc:  # what is kept would raise whenever it is asked
            raise HomeAutomationError(_why_lost(self._broker, accepted=self.accepted))
        self._sent = [*(one for one in self._sent if not one.is_published()), sent]

    def subscribe(self, topic: str) -> None:
        """Ask for what others publish."""
        self._client.subscribe(topic, qos=1)

    def flush(self, timeout_s: float) -> None:
        """Wait until the broker has all that was published, for so long at most, s.

        Raises
        ------
        HomeAutomationError
            The connection is lost.
        """
        end_s = time.monotonic() + timeout_s
        while (left_s := end_s - time.monotonic()) > 0 and not all(one.is_published() for one in self._sent):
            self.receive(left_s)

    def close(self) -> None:
        """Say goodbye, so that the will is not published; harmless where there is no connection."""
        client = self._client
        # They lead back here: without them the sockets close at once, not when cycles are collected.
        client.on_connect = client.on_message = client.on_subscribe = None
        if client.socket() is not None:
            client.disconnect()
            client.loop(0.0)

    def _on_connect(self, _client: Client, _data: object, _flags: Any, reason: Any, _more: Any) -> None:
        self.accepted = not reason.is_failure
        if reason.is_failure:
            self._problem = _why_refused(self._broker, str(reason))

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        text = message.payload[:_MOST_BYTES].decode("utf-8", errors="replace")
        self._messages.append(Message(message.topic, text, retained=message.retain))

    def _on_subscribe(
        self, _client: Client, _data: object, _number: int, reasons: list[Any], _more: object
    ) -> None:
        if any(reason.value >= _REFUSED_FROM for reason in reasons):
            self.notice = (
                f"{self._broker} does not let this name read topics below attune/: allow it on the broker."
            )


def _client(broker: Broker, password: str | None, name: str) -> Client:
    try:
        from paho.mqtt.client import Client  # noqa: PLC0415 - an extra
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415
    except ImportError as error:
        raise HomeAutomationError(missing_library("mqtt", error.name)) from error
    client = Client(CallbackAPIVersion.VERSION2, client_id=name)
    client.connect_timeout = _CONNECT_S
    client.suppress_exceptions = True
    if broker.username or password:
        client.username_pw_set(broker.username, password)
    if broker.tls:
        try:
            context = ssl.create_default_context(cafile=broker.ca_file)
        except (OSError, ValueError) as error:
            raise HomeAutomationError(
                f"The certificate authority {broker.ca_file} cannot be read ({_words(error)}): correct "
                "the setting mqtt_ca_file."
            ) from error
        client.tls_set_context(context)
    return client


def _why_unreachable(broker: Broker, error: OSError | ValueError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            reason = error.verify_message or "it is not valid"
            return (
                f"{broker} shows a certificate that is not trusted ({reason}): correct it, or name its "
                "authority in the setting mqtt_ca_file."
            )
        case ssl.SSLError() | ConnectionResetError() if broker.tls:
            return (
                f"{broker} does not answer with TLS: switch the setting mqtt_tls off, or correct mqtt_port."
            )
        case socket.gaierror():
            return f"{broker} is not found: correct the setting mqtt_host."
        case TimeoutError():
            return f"{broker} does not answer: see whether it runs and can be reached. It is tried again."
        case ConnectionRefusedError():
            return f"{broker} is not there: start it, or correct mqtt_host and mqtt_port. It is tried again."
    return (
        f"{broker} cannot be reached ({_words(error)}): correct mqtt_host and mqtt_port. It is tried again."
    )


def _why_lost(broker: Broker, *, accepted: bool) -> str:
    if accepted:
        return f"{broker} has ended the connection. It is tried again."
    return (
        f"{broker} hangs up before it accepts the connection: correct mqtt_port, and mqtt_tls, which is "
        f"{'on' if broker.tls else 'off'}. It is tried again."
    )


def _why_refused(broker: Broker, reason: str) -> str:
    if "user" in reason.lower() or "authorized" in reason.lower():
        return (
            f"{broker} refuses the name or the password: correct the setting mqtt_username, and the password "
            "with `attune mqtt password`."
        )
    return f"{broker} refuses the connection ({reason}): its log says why. It is tried again."


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
