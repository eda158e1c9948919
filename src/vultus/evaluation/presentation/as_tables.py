"""An evaluation as tables of text, the same for the terminal and for the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from vultus.evaluation.damage.measure_damage import DamageResult
from vultus.evaluation.differentials import Differential
from vultus.evaluation.identification import SearchPoint
from vultus.evaluation.intervals import Interval, Rate
from vultus.evaluation.measure import GroupResult, InUse, PairResult, SearchInUse, VerificationResult
from vultus.evaluation.presentation.in_words import score_name, three_sentences, what_is_measured
from vultus.evaluation.results import Acquisition, Evaluation, FolderResult, Score
from vultus.evaluation.split_half import FmrFound, FpirFound, HalvesResult
from vultus.matching.decision import to_distance

NO_VALUE = "-"
IN_WORDS = "In plain words"


@dataclass(frozen=True)
class Table:
    """A title, columns, and rows of text; notes: sentences below the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def evaluation_as_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """All tables that have a row or a note, in the order to read them."""
    return tuple(table for table in _tables(evaluation) if table.rows or table.notes)


def _tables(evaluation: Evaluation) -> Iterator[Table]:
    score = evaluation.setup.score
    yield Table(IN_WORDS, (), (), (*three_sentences(evaluation), what_is_measured(score)))
    yield _acquisition(evaluation.acquisition)
    if evaluation.pairs is not None:
        yield _pair_list(evaluation.pairs, score)
    if evaluation.folder is not None:
        yield from _folder(evaluation.folder, score)
    yield _damage(evaluation.damage)
    duplicates = tuple((", ".join(names),) for names in evaluation.duplicates)
    yield Table("The same file under several people", ("files",), duplicates)
    yield Table("Notes on the data", (), (), evaluation.notes)


def _folder(found: FolderResult, score: Score) -> Iterator[Table]:
    threshold = f"threshold ({score_name(score)})"
    yield _operating_points("Verification (1:1), all pairs of photos", found.verification, score)
    yield Table(
        "At the thresholds the service uses now",
        ("FMR asked", threshold, "FMR found", "95 % (Wilson)", "FNMR found", "95 % (Wilson)"),
        tuple(_in_use(line) for line in found.in_use),
    )
    yield Table(
        "Identification (1:N), open set",
        ("FPIR", "N people", "k photos each", "rank", threshold, "FNIR", "95 % (people)", "searches"),
        tuple(_search(point) for point in found.search),
        tuple(point.note for point in found.search if point.note),
    )
    yield Table(
        "Searches at the thresholds the service uses now",
        ("FPIR asked", "faces enrolled", threshold, "FPIR found", "95 % (Wilson)", "FNIR found", "95 % (Wilson)"),
        tuple(_search_in_use(line) for line in found.search_in_use),
    )
    if found.halves is not None:
        yield from _halves(found.halves, score)
    yield Table(
        "Groups side by side, at one threshold for all",
        ("group", "people", "photos", "threshold", "FMR", "95 % (Wilson)", "FNMR", "95 % (Wilson)", "95 % (people)"),
        tuple(_group(group) for group in found.groups),
        tuple(f"{group.name}: {group.note}" for group in found.groups if group.note),
    )
    yield Table(
        "Groups: how far apart",
        ("rate", "groups", "lowest", "highest", "highest / lowest", "Gini"),
        tuple(_differential(line) for line in found.differentials),
        tuple(line.note for line in found.differentials if line.note),
    )
    yield Table(
        "Different people, most alike: look here for wrong labels",
        (score_name(score), "photo", "photo"),
        tuple((f"{pair.score:.3f}", pair.first, pair.second) for pair in found.worst),
        (f"the {len(found.worst)} highest of all; set these right and evaluate again to see the next",)
        if found.worst
        else (),
    )
    yield Table("Not measured", (), (), found.notes)


def _acquisition(found: Acquisition) -> Table:
    rows = [("failure to acquire", *_counted(found.acquire, "photos"))]
    rows += [
        (f"  {reason}", f"{count:,}", "", ", ".join(found.examples[reason])) for reason, count in found.reasons.items()
    ]
    if found.enrol is not None:
        rows.append(("failure to enrol", *_counted(found.enrol, "people")))
    if found.undecided.errors:
        said = "left out of all rates, as the service does not decide on them" if found.left_out else "in the rates"
        rows.append(("not decided on", *_counted(found.undecided, "photos")[:2], said))
    return Table("Photos and people that could not be used", ("", "count", "rate", ""), tuple(rows))


def _counted(rate: Rate, what: str) -> tuple[str, str, str]:
    return f"{rate.errors:,} of {rate.trials:,} {what}", percent(rate.value), ""


def _pair_list(found: PairResult, score: Score) -> Table:
    table = _operating_points("Pair list", found.verification, score)
    notes = [f"{found.pairs:,} pairs, {found.unscored:,} without a face in both photos"]
    if found.accuracy is not None:
        notes.append(
            f"accuracy over {len(found.accuracy.accuracies)} folds, each at the threshold best on the others: "
            f"{100 * found.accuracy.mean:.2f} % ± {100 * found.accuracy.standard_error:.2f} (standard error)"
        )
    return Table(table.title, table.columns, table.rows, (*notes, *table.notes))


def _operating_points(title: str, found: VerificationResult, score: Score) -> Table:
    name = score_name(score)
    names: tuple[str, ...] = (name, "cosine distance", "Euclidean distance") if score == "cosine" else (name,)
    not_claimed = (*(NO_VALUE,) * len(names), "cannot be claimed", *(NO_VALUE,) * 2)
    rows = []
    for point, bootstrap in zip(found.points, found.bootstraps, strict=True):
        shown = (percent(point.fnmr.value), interval(point.fnmr.interval), interval(bootstrap))
        distance = to_distance(point.threshold, "euclidean")
        thresholds = (f"{point.threshold:.4f}", f"{1 - point.threshold:.4f}", f"{distance:.4f}")[: len(names)]
        rows.append((_power(point.target_fmr), *((*thresholds, *shown) if point.supported else not_claimed)))
    columns = ("FMR", *names, "FNMR", "95 % (Wilson)", "95 % (people)")
    counts = (
        f"{found.mated.total:,} mated and {found.nonmated.total:,} non-mated comparisons; equal error rate "
        f"{percent(found.equal_error.rate)} at {name} {found.equal_error.threshold:.4f}"
    )
    return Table(title, columns, tuple(rows), (counts, *(point.note for point in found.points if point.note)))


def _in_use(line: InUse) -> tuple[str, ...]:
    return (
        _power(line.asked),
        f"{line.threshold:.4f}",
        f"{line.fmr.value:.2e}",
        f"{line.fmr.interval.low:.2e} to {line.fmr.interval.high:.2e}",
        percent(line.fnmr.value),
        interval(line.fnmr.interval),
    )


def _search_in_use(line: SearchInUse) -> tuple[str, ...]:
    return (
        percent(line.asked),
        f"{line.faces:,}",
        f"{line.threshold:.4f}",
        percent(line.fpir.value),
        interval(line.fpir.interval),
        percent(line.fnir.value),
        interval(line.fnir.interval),
    )


def _search(point: SearchPoint) -> tuple[str, ...]:
    fixed = (percent(point.target_fpir), f"{point.subjects:,}", str(point.templates), str(point.rank))
    if point.note:
        return *fixed, *(NO_VALUE,) * 4
    searches = f"{point.fnir.trials:,} mated, {point.fpir.trials:,} non-mated"
    found = (f"{point.threshold:.4f}", percent(point.fnir.value), interval(point.fnir_people), searches)
    return *fixed, *found


def _halves(found: HalvesResult, score: Score) -> Iterator[Table]:
    people = (
        f"people are split in two, {found.people[0]:,} and {found.people[1]:,}, {found.splits} times; each half sets "
        "thresholds for the other. Found / asked: the mean, and the lowest to the highest of all halves"
    )
    yield Table(
        "Asked and found: FMR",
        ("FMR asked", f"thresholds ({score_name(score)})", "found / asked, all pairs", "found / asked, people alike"),
        tuple(_fmr_found(line) for line in found.fmr),
        (people, "a few people with many photos make the rate over all pairs vary from half to half"),
    )
    yield Table(
        "Asked and found: FPIR",
        ("people in the gallery", "FPIR asked", "found / asked", "found / asked if independent", "supported"),
        tuple(_fpir_found(line) for line in found.fpir),
        (found.note,) if found.note else (),
    )


def _fmr_found(line: FmrFound) -> tuple[str, ...]:
    if not line.supported:
        return _power(line.asked), NO_VALUE, "cannot be claimed", NO_VALUE
    thresholds = f"{min(line.thresholds):.4f} to {max(line.thresholds):.4f}"
    return _power(line.asked), thresholds, spread(line.factors), spread(line.balanced)


def _fpir_found(line: FpirFound) -> tuple[str, ...]:
    supported = "yes" if line.supported else "no: extrapolated"
    return f"{line.size:,}", percent(line.asked), spread(line.factors), spread(line.independent), supported


def spread(factors: Sequence[float]) -> str:
    """The mean, and the range from lowest to highest, as text."""
    if not factors:
        return NO_VALUE
    return f"{fmean(factors):.2f} ({min(factors):.2f} to {max(factors):.2f})"


def _group(group: GroupResult) -> tuple[str, ...]:
    fixed = (group.name, f"{group.subjects:,}", f"{group.photos:,}", f"{group.threshold:.4f}")
    if group.fmr is None or group.fnmr is None:
        return *fixed, *(NO_VALUE,) * 5
    fmr, fnmr = group.fmr, group.fnmr
    bounds = f"{fmr.interval.low:.1e} to {fmr.interval.high:.1e}"
    rates = (f"{fmr.value:.2e}", bounds, percent(fnmr.value), interval(fnmr.interval), interval(group.fnmr_bootstrap))
    return *fixed, *rates


def _differential(line: Differential) -> tuple[str, ...]:
    ends = (f"{rate.value:.2e} ({name})" for name, rate in (line.lowest, line.highest))
    ratio = NO_VALUE if line.ratio is None else f"{line.ratio:.1f}"
    return line.measure, str(line.groups), *ends, ratio, NO_VALUE if line.gini is None else f"{line.gini:.2f}"


def _damage(found: Sequence[DamageResult]) -> Table:
    rows = []
    for one in found:
        strength = "" if one.strength is None else f"{one.strength:g} ({one.unit})"
        fixed = (one.treatment, strength, percent(one.answered))
        rows += [(*fixed, *_damaged_rates(line)) for line in one.rates] or [(*fixed, *(NO_VALUE,) * 4)]
    columns = ("damage", "strength", "photos answered", "FMR asked", "FMR found", "95 % (Wilson)", "FNMR")
    note = "both photos of a pair are damaged alike; rates are those among the photos answered, at the thresholds shown"
    return Table("Damaged photos", columns, tuple(rows), (note,) if rows else ())


def _damaged_rates(line: InUse) -> tuple[str, ...]:
    bounds = f"{line.fmr.interval.low:.1e} to {line.fmr.interval.high:.1e}"
    return f"{_power(line.asked)} at {line.threshold:.3f}", f"{line.fmr.value:.1e}", bounds, percent(line.fnmr.value)


def percent(rate: float) -> str:
    """A rate as text, to three digits: 12.3 %, 0.046 %."""
    value = 100 * rate
    digits = 1 if value >= 10 else 2 if value >= 1 or value == 0 else 3
    return f"{value:.{digits}f} %"


def interval(bounds: Interval | None) -> str:
    """An interval as text: 1.20 to 1.35 %."""
    return NO_VALUE if bounds is None else f"{percent(bounds.low)[:-2]} to {percent(bounds.high)}"


def _power(rate: float) -> str:
    """A rate as a power of ten: 1e-4 rather than 0.0001."""
    digits, exponent = f"{rate:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(exponent)}"
