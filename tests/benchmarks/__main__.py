"""`make bench`: measures the product beside its limit, prints the table and writes docs/performance.md."""

import argparse
from contextlib import ExitStack

from tagsite.embedded_postgres import EmbeddedPostgres
from tests.benchmarks import preload


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds; docs/performance.md stays as it is")
    parser.add_argument("--only", action="append", metavar="NAME", help="measure this line of the table alone")
    parser.add_argument("--fresh", action="store_true", help="load the database anew")
    options = parser.parse_args()
    server = EmbeddedPostgres(preload.FOLDER / "postgres", durable=True)
    started = server.start()
    try:
        preload.configure(server, preload.DATABASE)
        database = preload.prepare(server, fresh=options.fresh)
        _run(database, options)
    finally:
        if started:
            server.stop()


def _run(database: preload.Database, options: argparse.Namespace) -> None:
    # After django.setup(), as they import models.
    from tests.benchmarks import checks, report
    from tests.benchmarks.cases import CASES, Bench
    from tests.benchmarks.product import running

    actor, token = checks.make_program(preload.ORGANIZATION)
    with ExitStack() as stack:
        port = stack.enter_context(running())
        bench = Bench(preload.ORGANIZATION, database, token, actor, port, stack)
        checks.check_equal_work(bench)
        results = []
        for name in options.only or CASES:
            bench.reconnect()
            results.append(CASES[name](bench, options.quick))
            print(report.line(results[-1]), flush=True)
    if not options.quick and not options.only:
        report.write(results)


if __name__ == "__main__":
    main()
