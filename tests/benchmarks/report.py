from tests.benchmarks.cases import Result
def line(result: Result) -> str:
    sign = "at most" if result.at_most else "at least"
    times = "  ".join(f"{name} p50 {t.p50 * 1e3:.2f} p90 {t.p90 * 1e3:.2f} ms" for name, t in result.times.items())
    return f"{'ok  ' if result.passed else 'FAIL'} {result.title:55} {result.measured:6.2f} ({sign} {result.goal})  {times}  {result.note}"
def write(results): ...
