"""The benchmarks that can be chosen, and their order."""

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from tools.bench.background import background, background_table
from tools.bench.contestants import (
    BASELINE,
    CREATE,
    CREATE_WITH_KEY,
    FLOOR,
    SERVICE,
    WORKS,
    Contestant,
    contestants,
    make_baseline_environment,
    orders,
    production,
    roles,
    service,
)
from tools.bench.crud import crud_table, measure_crud
from tools.bench.errors import BenchError
from tools.bench.figures import (
    Figure,
    alone_figures,
    backlog_figure,
    costs_table,
    figures_table,
    keys_figure,
    throughput_table,
)
from tools.bench.outbox import HOURS, OutboxDay, outbox_table
from tools.bench.picture import picture
from tools.bench.progress import Steps
from tools.bench.record import compare, comparison_table, load, machine, save
from tools.bench.replicas import NUMBERS, measure_replicas, replicas_table
from tools.bench.rest import growth, memory, processing
from tools.bench.round_trips import RoundTrips, counted
from tools.bench.rounds import Plan, Rounds, Sample, measure_rounds, ratios
from tools.bench.scale import SIZES, Scale, scale_table
from tools.bench.scale import WORKS as SCALE_WORKS
from tools.bench.storage import Storage, drain, has_keys, private_storage

_MANY: Final = 100_000
_WIDTH: Final = 130
_DURABLE_ROUNDS: Final = 5
#: The steps of a whole run besides its rounds.
_OTHER_STEPS: Final = 13
_PICTURE: Final = Path(__file__).resolve().parents[2] / "docs" / "pictures" / "throughput.svg"


@dataclass(frozen=True, slots=True)
class Report:
    """The results of a whole run."""

    rounds: Rounds
    durable: Rounds
    trips: Mapping[str, Mapping[str, RoundTrips]]
    figures: Sequence[Figure]
    audit: str


class Bench:
    """A benchmark run with its options and a folder for its files."""

    def __init__(self, options: Namespace, folder: Path, steps: Steps) -> None:
        self._plan = Plan(options.rounds, options.seconds)
        self._options = options
        self._folder = folder
        self._steps = steps
        self._console = Console(highlight=False)
        # The default for pipes is 80 columns, which would truncate the figures.
        self._console.width = max(self._console.width, _WIDTH)

    def run(self) -> None:
        """Measure everything and print the tables.

        Raises:
            BenchError: a server fails, or rounds disagree. The latter is known after the tables.
        """
        rounds = len(WORKS) * 3 * (self._plan.rounds + _DURABLE_ROUNDS) + 2 * self._plan.rounds
        self._steps.expect(rounds + _OTHER_STEPS)
        report = self._report()
        self._console.print(throughput_table(report.rounds, self._title()))
        self._console.print(costs_table(report.rounds, report.trips))
        self._console.print(throughput_table(report.durable, "the same with fsync=on"))
        self._console.print(figures_table(report.figures))
        load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
        self._console.print(f"{machine()}, load {load}.")
        self._console.print(f"orders audit: {report.audit}")
        _refuse_disagreeing(report.rounds)
        if self._options.record:
            save(ratios(report.rounds))
            _PICTURE.write_text(picture(report.rounds, report.durable), encoding="utf-8")

    def run_check(self) -> None:
        """Compare the ratios with the record, and print them.

        Raises:
            BenchError: the service is slower than in the record.
        """
        self._steps.expect(len(WORKS) * 3 * self._plan.rounds + 2)
        recorded = load()
        rounds = self._throughput(self._baseline_python(), "check", self._plan)
        comparisons = list(compare(recorded, ratios(rounds)))
        self._console.print(comparison_table(comparisons))
        if lost := [f"{each.work} / {each.rival}" for each in comparisons if each.is_loss]:
            raise BenchError(f"slower than recorded: {', '.join(lost)}")

    def run_crud(self) -> None:
        """Only measure the mix of another benchmark, and print it."""
        self._steps.expect(1 + 2 * self._plan.rounds)
        python = self._baseline_python()
        rounds: dict[str, list[Sample]] = {BASELINE: [], SERVICE: []}
        with private_storage() as storage:
            settings = production(storage)
            with contestants(storage, settings, self._folder / "crud", python) as all_three:
                rivals = [each for each in all_three if each.name in rounds]
                for number in range(self._plan.rounds):
                    for each in rivals:
                        self._steps.show(f"round {number + 1}/{self._plan.rounds}: {each.name}")
                        seen = measure_crud(each, self._folder, self._plan.seconds)
                        rounds[each.name].append(seen)
        self._console.print(crud_table(rounds))

    def run_scale(self) -> None:
        """Only measure growing numbers of orders, and print the costs."""
        sizes = SIZES[: self._options.sizes]
        self._steps.expect(len(sizes) * (2 + len(SCALE_WORKS) * self._plan.rounds))
        with private_storage() as storage:
            scale = Scale(storage, self._folder, self._plan, self._steps.show)
            results = scale.run(sizes)
        self._console.print(scale_table(results))

    def run_outbox(self) -> None:
        """Only measure a day of the outbox, with PostgreSQL's settings and with ours."""
        self._steps.expect(2 * (1 + HOURS))
        day = OutboxDay(self._folder, self._steps.show)
        self._console.print(
            outbox_table(
                {
                    "default settings": day.run("default settings", has_our_settings=False),
                    "our settings": day.run("our settings", has_our_settings=True),
                }
            )
        )

    def run_replicas(self) -> None:
        """Only measure several processes of the same kind, and print the rates."""
        self._steps.expect(len(NUMBERS) * (1 + len(WORKS) * self._plan.rounds))
        results = measure_replicas(self._folder, self._plan, self._steps.show)
        self._console.print(replicas_table(results))

    def run_keys(self) -> None:
        """Only measure the cost of idempotency keys, and print it."""
        with private_storage() as storage, service(production(storage), self._folder) as contestant:
            figure = self._keys(contestant)
        self._console.print(figures_table([figure]))

    def run_background(self) -> None:
        """Only measure what an order costs behind the API, and print it."""
        with private_storage() as storage:
            settings = production(storage)
            with service(settings, self._folder) as contestant:
                self._steps.show("one role at a time")
                costs = background(settings, contestant, self._folder, self._plan.seconds)
            audit = orders("audit", self._folder, settings)
        self._console.print(background_table(costs))
        self._console.print(audit)

    def _report(self) -> Report:
        python = self._baseline_python()
        figures: list[Figure] = []
        with private_storage() as storage:
            settings = production(storage)
            with contestants(storage, settings, self._folder / "plain", python) as all_three:
                rounds = self._rounds(all_three, WORKS, self._plan)
                rivals = [each for each in all_three if each.name in {FLOOR, SERVICE}]
                alone = Plan(1, self._plan.seconds, connections=1)
                figures += alone_figures(self._rounds(rivals, WORKS, alone))
                figures.append(self._keys(all_three[-1]))
                figures += self._processed(settings, all_three[-1])
            audit = orders("audit", self._folder, settings)
            trips = self._round_trips(storage, python)
            figures += self._growth(storage)
        self._steps.show("memory")
        figures.append(memory(self._folder))
        durable = Plan(_DURABLE_ROUNDS, self._plan.seconds)
        durable_rounds = self._throughput(python, "durable", durable, durable=True)
        return Report(rounds, durable_rounds, trips, figures, audit)

    def _baseline_python(self) -> Path:
        self._steps.show("installing the baseline's dependencies")
        return make_baseline_environment(self._folder / "baseline-venv")

    def _throughput(self, python: Path, name: str, plan: Plan, *, durable: bool = False) -> Rounds:
        """Measure all three on storage of their own."""
        self._steps.show(f"starting ({name})")
        with private_storage(durable=durable) as storage:
            settings = production(storage)
            with contestants(storage, settings, self._folder / name, python) as all_three:
                return self._rounds(all_three, WORKS, plan)

    def _rounds(self, rivals: Sequence[Contestant], works: Sequence[str], plan: Plan) -> Rounds:
        return measure_rounds(rivals, works, plan, self._folder, self._steps.show)

    def _keys(self, contestant: Contestant) -> Figure:
        """Create orders with and without idempotency keys in turn."""
        return keys_figure(self._rounds([contestant], (CREATE, CREATE_WITH_KEY), self._plan))

    def _processed(self, settings: Mapping[str, str], contestant: Contestant) -> Iterator[Figure]:
        """Start the roles and measure how fast they process the created orders.

        Raises:
            BenchError: orders are not being processed, or the service has not used Redis.
        """
        database = settings["DATABASE_URL"]
        with roles(settings, self._folder):
            self._steps.show("processing the created orders")
            yield backlog_figure(drain(database))
            self._steps.show("create to processed")
            create = contestant.works[CREATE]
            yield processing(database, create, self._folder, self._plan.seconds)
        if not has_keys(settings["REDIS_URL"]):
            raise BenchError("the service stored nothing in Redis: the measurement is not valid")

    def _round_trips(
        self, storage: Storage, python: Path
    ) -> Mapping[str, Mapping[str, RoundTrips]]:
        """Start the contestants once more, and count what they send to their storage."""
        with counted(storage.separate()) as counters:
            settings = production(counters.storage)
            folder = self._folder / "counted"
            with contestants(counters.storage, settings, folder, python) as all_three:
                self._steps.show("round trips")
                return {
                    work: {each.name: counters.count(each, work, folder) for each in all_three}
                    for work in WORKS
                }

    def _growth(self, storage: Storage) -> Sequence[Figure]:
        self._steps.show("growth")
        return growth(storage.database("growth"), self._folder, _MANY, self._plan.seconds)

    def _title(self) -> str:
        plan = self._plan
        return f"wrk -t1 -c32, {plan.seconds} s, median of {plan.rounds} interleaved rounds"


def _refuse_disagreeing(rounds: Rounds) -> None:
    """Raise an error if the rounds of a workload disagree."""
    refused = [
        f"{work} / {rival}"
        for work, by_rival in ratios(rounds).items()
        for rival, ratio in by_rival.items()
        if not ratio.agrees
    ]
    if refused:
        raise BenchError(
            f"the rounds disagree about {', '.join(refused)}: repeat it on a quiet machine"
        )
