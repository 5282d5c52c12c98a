"""Run Apache Kafka from its jars, as a single node that is both broker and controller."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.locks import FileLock
from tests.servers.ports import HOST, kafka_is_ready
from tests.servers.process import run_command
from tests.servers.server import Unavailable

VERSION = "4.4.0"
OLDEST_JAVA = 17
FETCH_TIMEOUT_SECONDS = 900.0

#: Settings for a single broker, in a container or on this machine.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # A killed broker can only register again once its old session has expired.
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "log.cleaner.dedupe.buffer.size": "16777216",
}
CLUSTER = "b3JkZXJzLW9ubHktdGVzdA"


class Kafka:
    """A small Kafka that starts fast because of preformatted storage and a light compiler."""

    name = "kafka"
    ports = 2  # one for clients, one for the controller
    stop_signal = signal.SIGTERM
    account: pwd.struct_passwd | None = None

    def __init__(self, advertised_port: int | None = None) -> None:
        self._java = _java()
        self._kit = _prepared_kit(self._java)
        self._advertised_port = advertised_port

    def initialise(self, folder: Path) -> None:
        shutil.copytree(self._kit / "storage", folder, dirs_exist_ok=True)

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        properties = folder.parent / "server.properties"
        properties.write_text(self._properties(folder, ports))
        machine = [
            "-Xms64m",
            "-Xmx384m",
            f"-Djava.io.tmpdir={folder.parent}",  # unpacked files are deleted with the folder
        ]
        return [*_run(self._java, self._kit / "jars", machine), "kafka.Kafka", str(properties)]

    def _properties(self, folder: Path, ports: Sequence[int]) -> str:
        return _properties(folder, ports, self._advertised_port)

    def is_ready(self, port: int) -> bool:
        return kafka_is_ready(port)

    def url(self, port: int) -> str:
        return f"{HOST}:{port}"


class SecondBroker(Kafka):
    """A broker that joins another broker's cluster through its controller."""

    ports = 1

    def __init__(self, controller_port: int) -> None:
        super().__init__()
        self._controller_port = controller_port

    def initialise(self, folder: Path) -> None:
        super().initialise(folder)
        meta = folder / "meta.properties"
        lines = re.sub(
            "(?m)^directory.id=.*$", "directory.id=c2Vjb25kLW9ubHktdGVzdA", meta.read_text()
        )
        meta.write_text(lines.replace("node.id=1", "node.id=2"))

    def _properties(self, folder: Path, ports: Sequence[int]) -> str:
        return _format_properties(
            SETTINGS
            | {
                "process.roles": "broker",
                "node.id": "2",
                "listeners": f"PLAINTEXT://{HOST}:{ports[0]}",
                "controller.quorum.voters": f"1@{HOST}:{self._controller_port}",
                "log.dirs": str(folder),
            }
        )


def _run(java: str, jars: Path, machine: Sequence[str] = ()) -> list[str]:
    quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [java, *quick, quiet, *machine, "-cp", f"{jars}/*"]


def _properties(folder: Path, ports: Sequence[int], advertised_port: int | None = None) -> str:
    client, controller = (f"{HOST}:{port}" for port in ports)
    return _format_properties(
        SETTINGS
        | {
            "listeners": f"PLAINTEXT://{client},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{advertised_port or ports[0]}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(folder),
        }
    )


def _format_properties(settings: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java:
        raise Unavailable(f"Kafka needs Java {OLDEST_JAVA} or newer, and there is none")
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    major = re.search(r'version "(\d+)', output)
    if not major or int(major[1]) < OLDEST_JAVA:
        raise Unavailable(f"Kafka needs Java {OLDEST_JAVA} or newer, and {java} is not")
    return java


def _prepared_kit(java: str) -> Path:
    """Return the folder with the jars and formatted storage, created once per user and version."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kit = cache / "order-management-service" / f"kafka-{VERSION}"
    if not kit.exists():
        kit.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(kit.with_name(f"{kit.name}.lock")):
            if not kit.exists():
                _make_kit(java, kit)
    return kit


def _make_kit(java: str, kit: Path) -> None:
    with tempfile.TemporaryDirectory(dir=kit.parent) as scrap:
        draft = Path(scrap) / kit.name
        _fetch(draft / "jars")
        properties = Path(scrap) / "server.properties"
        properties.write_text(_properties(draft / "storage", (1, 2)))
        tool = [*_run(java, draft / "jars"), "kafka.tools.StorageTool", "format"]
        run_command([*tool, "--cluster-id", CLUSTER, "--config", str(properties)])
        draft.rename(kit)


def _fetch(jars: Path) -> None:
    if not (maven := shutil.which("mvn")):
        raise Unavailable("Kafka's jars are fetched by mvn, and there is none")
    command = [
        maven,
        "--batch-mode",
        "--quiet",
        "-Dstyle.color=never",
        f"--file={Path(__file__).with_name('kafka.pom.xml')}",
        f"-Dkafka.version={VERSION}",
        f"-DoutputDirectory={jars}",
        "-Daether.connector.connectTimeout=10000",
        "dependency:copy-dependencies",
    ]
    try:
        run_command(command, timeout_seconds=FETCH_TIMEOUT_SECONDS, stdin=subprocess.DEVNULL)
    except Unavailable:
        # A registry can fail temporarily, and Maven would cache that failure for a day.
        run_command(
            [*command, "--update-snapshots"],
            timeout_seconds=FETCH_TIMEOUT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
