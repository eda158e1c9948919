"""The results as plain text, a table for each part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.peers.report import peers
from benchmarks.report.plain_table import ms, table

# What the case study reports: CPU server, 20,000 faces, milliseconds.
CASE_STUDY_MS = {"/enroll": 1_844.0, "/verify": 1_037.0, "/find": 737.0}
SEARCH_LINES = (
    *("floor_ms", "search_ms", "search_p95_ms", "times_floor", "load_s", "memory_mb", "bytes_a_face", "wrong"),
    *("pq_search_ms", "pq_search_p95_ms", "pq_stated", "pq_first", "pq_recall", "pq_build_s", "pq_bytes_a_face"),
)

Row = dict[str, Any]


def text(results: Row) -> str:
    """All parts that `results` has, a table each."""
    parts: dict[str, Callable[[Any], Iterator[str]]] = {
        "stages": stages,
        "profile": profile,
        "processor": processor,
        "endpoints": endpoints,
        "burst": burst,
        "start_up": start_up,
        "memory": memory,
        "peers": peers,
        "search": search,
    }
    tables = [list(machine(results))]
    tables += [list(show(results[name])) for name, show in parts.items() if results.get(name)]
    return "\n\n".join("\n".join(lines) for lines in tables)


def machine(results: Row) -> Iterator[str]:
    facts, load = results["machine"], results["load_average"]
    yield f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_mb']:,} MiB, flags: {' '.join(facts['flags'])}"
    yield f"models compute in {facts['arithmetic']}"
    yield f"{facts['system']}, Python {facts['python']}, " + ", ".join(f"{k} {v}" for k, v in facts["versions"].items())
    shown = "; ".join(f"{when} {' '.join(f'{value:.2f}' for value in values)}" for when, values in load.items())
    yield f"load average over 1, 5, 15 minutes: {shown}"
    yield f"{results['faces']:,} faces, model {results['model']} in {results['precision']}, photos: {results['photos']}"


def stages(rows: list[Row]) -> Iterator[str]:
    yield "Each stage alone, ms"
    cells = [
        (row["stage"], row["of"], ms(row["median_ms"]), ms(row["p95_ms"]), ms(row["best_ms"]), str(row["n"]))
        for row in rows
    ]
    yield from table(("stage", "of", "median", "p95", "best", "n"), cells, words=2)


def profile(found: Row) -> Iterator[str]:
    yield f"One /find by stage, ms, {found['size']}"
    whole = max(found.get("http_ms", 0.0), found["whole_ms"])
    lines = {**found["stages_ms"]}
    if found.get("http_ms", 0.0) > found["whole_ms"]:  # taken at another moment: on a busy machine it may be less
        lines["HTTP, form, answer"] = found["http_ms"] - found["whole_ms"]
    cells = [(stage, ms(value), f"{value / whole:.0%}") for stage, value in lines.items()]
    yield from table(("stage", "self", "share"), [*cells, ("whole", ms(whole), "100%")])
    if found["missing"]:
        yield f"not timed, because the function was not found: {', '.join(found['missing'])}"


def processor(found: list[Row]) -> Iterator[str]:
    yield "One call by stage, processor time in one thread, ms"
    stages = dict.fromkeys(stage for one in found for stage in one["stages_ms"])
    rows = [(stage, *(ms(one["stages_ms"].get(stage)) for one in found)) for stage in stages]
    whole = ("whole", *(ms(one["whole_ms"]) for one in found))
    yield from table(("stage", *(f"{one['call']} {one['size']}" for one in found)), [*rows, whole])


def endpoints(rows: list[Row]) -> Iterator[str]:
    yield "Endpoints over HTTP: latency of one client, processor time per request, ms; requests a second"
    clients = list(rows[0]["throughput"])
    rates = [f"{c}/s" for c in clients]
    heads = ("endpoint", "photos", "MB", "p50", "p95", "p99", "n", "CPU", *rates, "p99 at 32", "errors", "case study")
    yield from table(heads, [_endpoint(row, clients) for row in rows], words=2)


def _endpoint(row: Row, clients: list[str]) -> tuple[str, ...]:
    loads = [row["throughput"][c] for c in clients]
    errors = sum(sum(one["errors"].values()) for one in [row, *loads])
    slower = CASE_STUDY_MS.get(row["endpoint"], 0.0) / max(row["p50_ms"], 1e-9)
    return (
        *(row["endpoint"], row["size"], f"{row['megabytes']:.2f}", ms(row["p50_ms"]), ms(row["p95_ms"])),
        *(ms(row["p99_ms"]), str(row["n"]), ms(row.get("cpu_ms")), *(f"{one['per_second']:.1f}" for one in loads)),
        *(ms(loads[-1]["p99_ms"]), str(errors), f"{slower:.0f} x" if slower else "-"),
    )


def burst(found: Row) -> Iterator[str]:
    yield f"{found['clients']} clients at once, one /find each"
    yield (
        f"{found['served']} served, p99 {ms(found['served_p99_ms'])} ms; {found['refused']} told queue_full, median "
        f"{ms(found['refused_p50_ms'])} ms, {found['without_retry_after']} of them without Retry-After; "
        f"{found['otherwise']} otherwise"
    )


def start_up(found: Row) -> Iterator[str]:
    yield f"Start-up, seconds from the start of the process, median of {found['n']}"
    names = {"ready_s": "ready", "first_represent_s": "first /represent", "first_find_s": "first /find, index loaded"}
    yield from table(("until", "s"), [(name, f"{found[key]:.2f}") for key, name in names.items()])


def memory(found: Row) -> Iterator[str]:
    yield "Resident memory of the server, MiB"
    moments = {"ready_mb": "at the start", "loaded_mb": "index loaded", "load_mb": "after the load above"}
    yield ", ".join(f"{moment} {found[key]:.0f}" for key, moment in moments.items())
    yield (
        f"after {found['growth']['requests']:,} more /find: {found['growth']['after_mb']:.0f} "
        f"({found['growth']['growth']:+.1%})"
    )


def search(rows: list[Row]) -> Iterator[str]:
    yield "Search in the index alone, 512 dimensions, exact and by PQ; floor: reading as many bytes"
    heads = ("", *(f"{row['faces']:,}" for row in rows))
    yield from table(
        heads, [(name, *(f"{row.get(name, 0):,.3f}" for row in rows)) for name in SEARCH_LINES if name in rows[0]]
    )
