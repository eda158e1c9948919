"""What an evaluation means, in three sentences for people who do not know its terms."""

from __future__ import annotations

from vultus.evaluation.intervals import COMPARISONS_PER_CLAIM
from vultus.evaluation.measure import InUse, VerificationResult
from vultus.evaluation.results import Evaluation, Score
from vultus.evaluation.verification import OperatingPoint, smallest_supported


def three_sentences(evaluation: Evaluation) -> tuple[str, ...]:
    """On strangers taken for one another, on people who are missed, and on what the figures cannot tell."""
    found = evaluation.verification
    if found is None:
        return ()
    line = _line_in_use(evaluation)
    if line is not None:
        return _strangers_in_use(line), _missed(line.fnmr.value, line.asked), _limits(evaluation, found)
    point = smallest_supported(found.points)
    if point is None:
        return *_too_few(found), _limits(evaluation, found)
    return _strangers(point), _missed(point.fnmr.value, point.target_fmr), _limits(evaluation, found)


def what_is_measured(score: Score) -> str:
    """Of which values the thresholds and rates are."""
    if score == "cosine":
        return "Measured are cosines: thresholds are cosine similarities."
    return "Measured are scores relative to other faces, by which the service decides: thresholds are such scores."


def score_name(score: Score) -> str:
    """The word for one value, in tables and figures."""
    return "cosine" if score == "cosine" else "score"


def one_in(rate: float) -> str:
    """A rate as people say it: "1 in 1,000"; "about 1 in 2" and less are percents."""
    if rate <= 0:
        return "none"
    return f"{100 * rate:.0f} of 100" if rate > 0.2 else f"1 in {round(1 / rate):,}"


def _line_in_use(evaluation: Evaluation) -> InUse | None:
    """The strictest threshold in use whose rate these comparisons can measure."""
    lines = evaluation.folder.in_use if evaluation.folder is not None else ()
    usable = [line for line in lines if line.fmr.trials * line.asked >= COMPARISONS_PER_CLAIM]
    return min(usable, key=lambda line: line.asked, default=None)


def _strangers_in_use(line: InUse) -> str:
    taken = f"{line.fmr.errors:,} of {line.fmr.trials:,} comparisons of two different people"
    times = f"{line.fmr.value / line.asked:.1f} times what was asked for"
    return (
        f"Strangers: where the service is asked to take no more than {one_in(line.asked)} of them for the same person, "
        f"it took {taken} here ({one_in(line.fmr.value)}), {times}."
    )


def _strangers(point: OperatingPoint) -> str:
    return (
        f"Strangers: on these photos a threshold of {point.threshold:.3f} takes {one_in(point.fmr.value)} comparisons "
        f"of two different people for the same person ({point.fmr.errors:,} of {point.fmr.trials:,})."
    )


def _missed(fnmr: float, asked: float) -> str:
    return (
        f"The same person: at that threshold, meant for {one_in(asked)}, two photos of one person were not recognised "
        f"as such in {100 * fnmr:.3g} of 100 comparisons."
    )


def _too_few(found: VerificationResult) -> tuple[str, str]:
    return (
        f"Strangers: {found.nonmated.total:,} comparisons of different people are too few to tell an error rate.",
        f"The same person: without a threshold that they support, {found.mated.total:,} comparisons tell nothing.",
    )


def _limits(evaluation: Evaluation, found: VerificationResult) -> str:
    acquire = evaluation.acquisition.acquire
    rarest = COMPARISONS_PER_CLAIM / max(found.nonmated.total, 1)
    return (
        f"What this does not tell: {acquire.errors:,} of {acquire.trials:,} photos could not be used and are not in "
        f"these rates, nothing rarer than {one_in(rarest)} can be measured with so few comparisons, and other people, "
        "cameras or light have other rates."
    )
