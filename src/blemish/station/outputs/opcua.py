"""OPC UA: the newest verdict, counters and heartbeat as variables, for whoever may reach the port.

Everybody may read and subscribe; nobody may write. Methods (acknowledge, trigger, switch recipes)
are for the one user that the site file names, whose password crosses the network encrypted.

All variables of a result are written within one turn of the event loop, `Number` last: what is read
in one request belongs together.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from asyncua import Server, ua, uamethod
from asyncua.crypto.permission_rules import USER_TYPES, PermissionRuleset, User, UserRole
from asyncua.server.user_managers import UserManager
from msgspec import Meta

from blemish.errors import BlemishError
from blemish.station.contracts import Health
from blemish.station.inspection import Inspection, Outcome
from blemish.station.outputs.credentials import secret_of
from blemish.station.outputs.display import CODES, Display
from blemish.station.tables import Table

if TYPE_CHECKING:
    from blemish.station.contracts import Context

NAMESPACE = "urn:blemish:station"
STATION = "Station"  # browse name of the object that holds all others
VARIABLES = {
    "Outcome": ua.VariantType.UInt16,
    "Verdict": ua.VariantType.String,
    "Score": ua.VariantType.Double,
    "Threshold": ua.VariantType.Double,
    "Part": ua.VariantType.String,
    "Inspection": ua.VariantType.String,
    "Recipe": ua.VariantType.String,
    "Heartbeat": ua.VariantType.UInt32,
    "Acknowledged": ua.VariantType.UInt32,
    "Good": ua.VariantType.UInt32,
    "Defect": ua.VariantType.UInt32,
    "NotInspectable": ua.VariantType.UInt32,
    "NotInspected": ua.VariantType.UInt32,
    "Number": ua.VariantType.UInt32,  # the last, so that who sees it sees what it counts
}
METHODS = {
    "Acknowledge": [ua.VariantType.UInt32],
    "SwitchRecipe": [ua.VariantType.String],
    "SwitchForPart": [ua.VariantType.String],
    "Trigger": [ua.VariantType.String, ua.VariantType.String],
}
_COUNTERS = {
    "Good": Outcome.GOOD,
    "Defect": Outcome.DEFECT,
    "NotInspectable": Outcome.NOT_INSPECTABLE,
    "NotInspected": Outcome.NOT_INSPECTED,
}
_PLAIN = [ua.SecurityPolicyType.NoSecurity]
_SECURE = [
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Basic256Sha256_Sign,
]


class OpcUaSettings(Table, frozen=True):
    """Of the output.

    Attributes:
        host, port: where to listen; port 0 for any that is free.
        user: who may call methods; without it nobody.
        password: where the password is: `file:PATH` or `env:NAME`.
        certificate, key: of this server, to encrypt; a user needs them.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 4840
    user: str | None = None
    password: str | None = None
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("'certificate' and 'key' go together")
        if (self.user is None) != (self.password is None):
            raise ValueError("'user' and 'password' go together")
        if self.user is not None and self.certificate is None:
            raise ValueError("'user' needs 'certificate' and 'key': else its password is sent bare")


class OpcUa:
    """An OPC UA server (asyncua) as an `Output`.

    Attributes:
        port: where it listens; 0 while it does not.
    """

    Settings = OpcUaSettings

    def __init__(self, name: str, settings: OpcUaSettings, context: Context) -> None:
        self.name = name
        self.health = Health()
        self.port = 0
        self._settings = settings
        self._context = context
        self._display = Display()
        self._acknowledged = 0
        self._server: Server | None = None
        self._nodes: dict[str, ua.NodeId] = {}
        where = settings.password
        self._password = "" if where is None else secret_of(where, "password", context.base)

    async def run(self) -> None:
        """Serve until cancelled."""
        server = await self._made()
        await server.start()
        try:
            self._server = server
            self.port = server.bserver.port
            await self._changed()
            self.health.ready = True
            self.health.told = f"serves OPC UA at {self._settings.host}:{self.port}"
            await self._display.watch(self._changed)
        finally:
            self.health.ready, self.health.told, self.port = False, "stopped", 0
            self._display.withdraw()
            await self._changed()
            self._server = None
            await server.stop()

    async def show(self, inspection: Inspection) -> None:
        """Write it into the variables."""
        try:
            self._display.show(inspection)
            await self._changed()
        except BaseException:
            self._display.withdraw()
            await self._changed()
            raise

    async def alive(self, beat: int, state: Mapping[str, Any]) -> None:
        """The heartbeat, as a variable."""
        self._display.alive(beat, state.get("recipe"))
        await self._changed()

    async def _changed(self) -> None:
        """Write what is no longer as it was."""
        if self._server is None:
            return
        now = datetime.now(UTC)
        for name, value in self._values().items():
            content = ua.DataValue(ua.Variant(value, VARIABLES[name]), SourceTimestamp=now)
            await self._server.write_attribute_value(self._nodes[name], content)

    def _values(self) -> dict[str, Any]:
        display, shown = self._display, self._display.shown
        values = {
            "Outcome": int(CODES[shown.outcome]),
            "Verdict": str(shown.outcome),
            "Score": shown.score,
            "Threshold": shown.threshold,
            "Part": shown.part.encode("utf-8", "replace").decode(),
            "Inspection": shown.id,
            "Recipe": display.recipe,
            "Heartbeat": display.beat,
            "Acknowledged": self._acknowledged,
            **{name: display.counts[outcome] for name, outcome in _COUNTERS.items()},
            "Number": shown.number,
        }
        return {name: values[name] for name in VARIABLES}

    async def _made(self) -> Server:
        """A server that has all nodes, and listens nowhere yet."""
        server = Server(user_manager=_Users(self._settings.user, self._password))
        await server.init()
        server.set_endpoint(f"opc.tcp://{self._settings.host}:{self._settings.port}/blemish")
        server.set_server_name("blemish")
        await server.set_application_uri("urn:blemish")
        policies = list(_PLAIN)
        if self._settings.certificate is not None:
            await server.load_certificate(self._settings.certificate)
            await server.load_private_key(self._settings.key)
            policies += _SECURE
        server.set_security_policy(policies, permission_ruleset=_Rules())
        users = [] if self._settings.user is None else [ua.UserNameIdentityToken]
        server.set_identity_tokens([ua.AnonymousIdentityToken, *users])
        await self._add_nodes(server)
        return server

    async def _add_nodes(self, server: Server) -> None:
        space = await server.register_namespace(NAMESPACE)
        station = await server.nodes.objects.add_object(ua.NodeId(STATION, space), STATION)
        for name, value in self._values().items():
            made = await station.add_variable(
                ua.NodeId(f"{STATION}.{name}", space),
                ua.QualifiedName(name, space),
                value,
                VARIABLES[name],
            )
            self._nodes[name] = made.nodeid
        functions: dict[str, Callable[..., Awaitable[None]]] = {
            "Acknowledge": self._acknowledge,
            "SwitchRecipe": self._switch,
            "SwitchForPart": self._switch_for,
            "Trigger": self._trigger,
        }
        for name, arguments in METHODS.items():
            await station.add_method(
                ua.NodeId(f"{STATION}.{name}", space),
                ua.QualifiedName(name, space),
                self._method(functions[name], len(arguments)),
                arguments,
                [],
            )

    def _method(self, function: Callable[..., Awaitable[None]], arguments: int) -> Any:
        """As asyncua wants it; what the station refuses is a bad argument."""

        @uamethod  # type: ignore[untyped-decorator]
        async def call(_parent: ua.NodeId, *values: Any) -> ua.StatusCode | None:
            if len(values) != arguments or None in values:
                return ua.StatusCode(ua.StatusCodes.BadArgumentsMissing)
            try:
                await function(*values)
            except BlemishError as error:
                self._context.say(f"{self.name}: {error}")
                return ua.StatusCode(ua.StatusCodes.BadInvalidArgument)
            return None

        return call

    async def _acknowledge(self, number: int) -> None:
        self._acknowledged = number
        if number == self._display.shown.number:
            self._display.withdraw()
        await self._changed()

    async def _switch(self, recipe: str) -> None:
        await self._context.station.switch(recipe, who=self._who)

    async def _switch_for(self, part: str) -> None:
        await self._context.station.switch_for(part, who=self._who)

    async def _trigger(self, camera: str, part: str) -> None:
        await self._context.station.trigger(camera, who=self._who, part=part or None)

    @property
    def _who(self) -> str:
        return f"{self._settings.user} ({self.name})"


class _Users(UserManager):  # type: ignore[misc]
    """Knows one user; all who give no name are guests."""

    def __init__(self, name: str | None, password: str) -> None:
        self._name, self._password = name, password.encode()

    def get_user(
        self,
        iserver: Any,  # noqa: ARG002
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,  # noqa: ARG002
    ) -> User | None:
        if username is None:
            return User(role=UserRole.Anonymous)
        right = hmac.compare_digest(self._password, (password or "").encode())
        if self._name is None or username != self._name or not right:
            return None
        return User(role=UserRole.User, name=username)


class _Rules(PermissionRuleset):  # type: ignore[misc]
    """Guests read, browse and subscribe; the user also calls methods."""

    def __init__(self) -> None:
        calls = {ua.NodeId(ua.ObjectIds.CallRequest_Encoding_DefaultBinary)}
        writes = {ua.NodeId(ua.ObjectIds.WriteRequest_Encoding_DefaultBinary)}
        self._user = {ua.NodeId(kind) for kind in USER_TYPES} - writes
        self._guest = self._user - calls

    def check_validity(self, user: User, action_type_id: ua.NodeId, body: Any) -> bool:  # noqa: ARG002
        return action_type_id in (self._user if user.role is UserRole.User else self._guest)
