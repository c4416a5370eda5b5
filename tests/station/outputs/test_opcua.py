"""OPC UA, read by asyncua's own client, from a server that tests share: it starts slowly."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from contextlib import asynccontextmanager

import pytest

from blemish.result import Verdict
from blemish.station.outputs.display import PATIENCE_S
from certificates import self_signed
from station_outputs import WAIT_S, Running, context, inspection, until

asyncua = pytest.importorskip("asyncua", reason="needs the extra 'station'")
opcua = pytest.importorskip("blemish.station.outputs.opcua")
ua, Client = asyncua.ua, asyncua.Client

logging.getLogger("asyncua").setLevel(logging.CRITICAL)

PASSWORD = "tr0ub4dor&3"
METHODS = {
    "Acknowledge": [ua.Variant(1, ua.VariantType.UInt32)],
    "SwitchRecipe": ["tile"],
    "SwitchForPart": ["A"],
    "Trigger": ["top", ""],
}


class Server(threading.Thread):
    """An output at work in an event loop of its own."""

    def __init__(self, folder):
        super().__init__()
        certificate, key = self_signed(folder, "127.0.0.1", "urn:blemish")
        (folder / "password").write_text(f"{PASSWORD}\n")
        settings = opcua.OpcUaSettings(
            port=0, user="plc", password="file:password", certificate=certificate, key=key
        )
        self.context = context(folder)
        self.output = opcua.OpcUa("machine", settings, self.context)
        self.ready, self.loop = threading.Event(), None

    def run(self):
        asyncio.run(self._serve())

    async def _serve(self):
        self.loop, self.end = asyncio.get_running_loop(), asyncio.Event()
        async with Running(self.output):
            self.ready.set()
            await self.end.wait()

    def reset(self):
        self.context.said.clear()
        self.context.station.asked.clear()
        self.output._display.__init__()
        self.output._acknowledged = 0

    async def do(self, work):
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.loop))

    async def alive(self, beat=1, **state):
        await self.do(self.output.alive(beat, state))

    async def show(self, of):
        await self.do(self.output.show(of))


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("opcua"))
    server.start()
    assert server.ready.wait(60)
    yield server
    server.loop.call_soon_threadsafe(server.end.set)
    server.join(WAIT_S)


@pytest.fixture
def server(started):
    started.reset()
    return started


@asynccontextmanager
async def connected(output, **login):
    """A client, and the nodes by their names."""
    client = Client(f"opc.tcp://127.0.0.1:{output.port}/blemish", timeout=WAIT_S)
    if login:
        client.set_user(login["user"])
        client.set_password(login["password"])
    async with client:
        space = await client.get_namespace_index(opcua.NAMESPACE)
        names = [*opcua.VARIABLES, *METHODS]
        yield client, {name: client.get_node(f"ns={space};s=Station.{name}") for name in names}


async def read(client, nodes):
    """All variables, by one request."""
    values = await client.read_values([nodes[name] for name in opcua.VARIABLES])
    return dict(zip(opcua.VARIABLES, values, strict=True))


async def call(client, nodes, name):
    method = nodes[name].nodeid
    station = client.get_node(ua.NodeId("Station", method.NamespaceIndex))
    return await station.call_method(method, *METHODS[name])


async def test_a_result_can_be_read(server):
    await server.alive(41, recipe="tile")
    of = inspection(Verdict.DEFECT, 2.75, part="Teil-ß", threshold=2.5)
    await server.show(of)
    async with connected(server.output) as (client, nodes):
        said = await read(client, nodes)
    assert (said["Number"], said["Outcome"], said["Verdict"]) == (1, 2, "defect")
    assert (said["Score"], said["Threshold"], said["Part"]) == (2.75, 2.5, "Teil-ß")
    assert (said["Recipe"], said["Heartbeat"], said["Inspection"]) == ("tile", 41, of.id)
    assert (said["Defect"], said["Good"], said["NotInspected"]) == (1, 0, 0)


async def test_nothing_is_good_without_a_heartbeat(server):
    await server.show(inspection())
    async with connected(server.output) as (client, nodes):
        said = await read(client, nodes)
    assert (said["Number"], said["Outcome"], said["NotInspected"]) == (1, 0, 1)


async def test_guests_change_nothing(server):
    await server.alive()
    await server.show(inspection(Verdict.DEFECT))
    async with connected(server.output) as (client, nodes):
        for name in opcua.VARIABLES:
            with pytest.raises(ua.UaStatusCodeError):
                await nodes[name].write_value(await nodes[name].read_data_value())
        for name in METHODS:
            with pytest.raises(ua.UaStatusCodeError):
                await call(client, nodes, name)
        with pytest.raises(ua.UaStatusCodeError):
            await client.nodes.objects.add_variable(2, "mine", 1)
        with pytest.raises(ua.UaStatusCodeError):
            await client.delete_nodes([nodes["Number"]])
        assert (await read(client, nodes))["Outcome"] == 2
    assert server.context.station.asked == []


@pytest.mark.parametrize("name", ["admin", "plc", "root"])
async def test_nobody_is_admitted_by_a_name_alone(server, name):
    for password in ("", "wrong"):
        with pytest.raises(ua.UaStatusCodeError):
            async with connected(server.output, user=name, password=password):
                pass


async def test_the_user_of_the_site_file_calls_methods_and_writes_nothing(server):
    async with connected(server.output, user="plc", password=PASSWORD) as (client, nodes):
        await server.alive()
        await server.show(inspection())
        assert (await read(client, nodes))["Outcome"] == 1
        await call(client, nodes, "Acknowledge")
        said = await read(client, nodes)
        assert (said["Outcome"], said["Acknowledged"], said["Number"]) == (0, 1, 1)
        for name in ("SwitchRecipe", "SwitchForPart", "Trigger"):
            await call(client, nodes, name)
        assert server.context.station.asked == [
            ("switch", "tile", "plc (machine)"),
            ("switch_for", "A", "plc (machine)"),
            ("trigger", "top", None),
        ]
        with pytest.raises(ua.UaStatusCodeError):
            await nodes["Outcome"].write_value(ua.Variant(1, ua.VariantType.UInt16))


async def test_what_the_station_refuses_is_told(server, monkeypatch):
    monkeypatch.setattr(server.context.station, "recipes", ())
    async with connected(server.output, user="plc", password=PASSWORD) as (client, nodes):
        with pytest.raises(ua.uaerrors.BadInvalidArgument):
            await call(client, nodes, "SwitchRecipe")
    assert "no recipe 'tile'" in server.context.said[0]


async def test_a_verdict_is_withdrawn_when_the_heartbeat_stops_or_something_goes_wrong(server):
    now = [0.0]
    server.output._display._clock = lambda: now[0]
    await server.alive()
    async with connected(server.output) as (client, nodes):
        await server.show(inspection())
        assert (await read(client, nodes))["Outcome"] == 1
        broken = inspection()
        object.__setattr__(broken, "views", None)
        with pytest.raises(TypeError):
            await server.show(broken)
        assert (await read(client, nodes))["Outcome"] == 0
        await server.show(inspection())
        assert (await read(client, nodes))["Outcome"] == 1
        now[0] = PATIENCE_S
        await until(lambda: server.output._display.shown.outcome != "good", "the withdrawal")
        said = await read(client, nodes)
        assert (said["Outcome"], said["Verdict"], said["Number"]) == (0, "not inspected", 2)
        assert math.isnan(said["Score"])


async def test_no_reader_sees_a_number_with_the_verdict_of_another(server):
    """Odd numbers are good, with their number as score; one reader asks, another subscribes."""
    seen, told, done = set(), [], asyncio.Event()

    class Handler:
        def datachange_notification(self, node, value, _data):
            told.append((node, value))

    async def hammer(client, nodes):
        while not done.is_set():
            said = await read(client, nodes)
            number = said["Number"]
            seen.add(number)
            if number:
                assert said["Outcome"] == (1 if number % 2 else 2)
                assert (said["Score"], said["Part"]) == (number, f"part {number}")
                assert said["Good"] + said["Defect"] == number

    async def many():
        for number in range(1, 301):
            verdict = Verdict.GOOD if number % 2 else Verdict.DEFECT
            await server.output.show(inspection(verdict, float(number), part=f"part {number}"))
            await asyncio.sleep(0.001)
            if number % 50 == 0:
                await server.output.alive(number, {})

    await server.alive()
    async with connected(server.output) as (client, nodes):
        subscription = await client.create_subscription(20, Handler())
        await subscription.subscribe_data_change([nodes[name] for name in opcua.VARIABLES])
        readers = [asyncio.create_task(hammer(client, nodes)) for _ in range(2)]
        await server.do(many())
        done.set()
        await asyncio.gather(*readers)
        await until(lambda: (nodes["Number"], 300) in told, "the last change")
    assert len(seen) > 20


async def test_at_the_end_the_connection_ends_and_nothing_is_good():
    output = opcua.OpcUa("machine", opcua.OpcUaSettings(port=0), context())
    async with Running(output):
        port = output.port
        client = Client(f"opc.tcp://127.0.0.1:{port}/blemish", timeout=2)
        await client.connect()
        await output.alive(1, {})
        await output.show(inspection())
    assert output._display.shown.outcome == "not inspected"
    with pytest.raises(Exception):  # noqa: B017 - of whatever layer notices first
        await client.nodes.root.read_browse_name()
    client.disconnect_socket()
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize(
    "settings", [{"user": "plc"}, {"user": "plc", "password": "env:X"}, {"certificate": "a.pem"}]
)
def test_settings_that_would_send_a_password_bare_are_refused(settings):
    with pytest.raises(ValueError, match=r"needs|together"):
        opcua.OpcUaSettings(**settings)
