"""An evaluation as one HTML page with its figures and styles in it; it loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from vultus.evaluation.presentation.as_tables import IN_WORDS, Table, evaluation_as_tables, percent
from vultus.evaluation.presentation.figures import draw_det, draw_fpir, draw_groups, draw_histograms, draw_rates
from vultus.evaluation.presentation.in_words import score_name, three_sentences, what_is_measured
from vultus.evaluation.results import Evaluation
from vultus.evaluation.verification import smallest_supported

HEADLINE_FPIR = 0.01
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f8fafc; color: #1f2937; font: 15px/1.5 system-ui, "Segoe UI", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 28px; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 18px; margin: 0 0 12px; }
.sub { color: #6b7280; margin: 4px 0 28px; }
.lead { font-size: 16px; max-width: 72ch; margin: 0 0 10px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 14px; margin: 26px 0; }
.card, section, figure { background: #fff; border: 1px solid #e5e7eb; border-radius: 10px; }
.card { padding: 14px 18px; }
.card b { display: block; font-size: 25px; font-weight: 650; color: #0f766e; font-variant-numeric: tabular-nums; }
.card span { color: #4b5563; font-size: 13px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(440px, 1fr)); gap: 18px; margin-bottom: 26px; }
figure { margin: 0; padding: 16px 18px 10px; }
figure svg { width: 100%; height: auto; }
figcaption { color: #4b5563; font-size: 13px; margin-top: 6px; }
section { padding: 20px 22px; margin-bottom: 18px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: #6b7280; font-size: 12px; vertical-align: bottom; }
th, td { padding: 6px 14px 6px 0; border-bottom: 1px solid #f1f5f9; }
td { white-space: pre-wrap; overflow-wrap: anywhere; }
.note { color: #6b7280; font-size: 13px; margin: 8px 0 0; }
footer { color: #6b7280; font-size: 13px; margin-top: 30px; }
@media print { body { background: #fff; } section, figure { break-inside: avoid; } }
"""
METHOD = (
    "Terms and rates after ISO/IEC 19795-1. A comparison matches at or above its threshold. Wilson intervals take "
    "comparisons as independent; intervals over people draw people with replacement and are the honest, wider ones. "
    "A rate is claimed from 3 / rate comparisons on (rule of three). Each data set has its own rates: these hold for "
    "photos like the ones that were measured. The Euclidean distance is sqrt(2 - 2 cosine)."
)


def render_report(evaluation: Evaluation) -> str:
    """The HTML page."""
    title = f"Recognition accuracy on {evaluation.setup.data}"
    return page(title, "\n".join(_body(evaluation, title)))


def page(title: str, body: str) -> str:
    """An HTML page with its styles in it. body: HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n"
        "</body>\n</html>\n"
    )


def _body(evaluation: Evaluation, title: str) -> Iterator[str]:
    yield f"<h1>{escape(title)}</h1>"
    yield f'<p class="sub">{escape(_setup(evaluation))}</p>'
    yield "".join(f'<p class="lead">{escape(sentence)}</p>' for sentence in three_sentences(evaluation))
    cards = "".join(
        f'<div class="card"><b>{escape(value)}</b><span>{escape(of)}</span></div>' for value, of in _cards(evaluation)
    )
    yield f'<div class="cards">{cards}</div>'
    drawn = "".join(
        f"<figure>{svg}<figcaption>{escape(said)}</figcaption></figure>" for svg, said in _figures(evaluation)
    )
    yield f'<div class="figures">{drawn}</div>'
    yield from (section(table) for table in evaluation_as_tables(evaluation) if table.title != IN_WORDS)
    yield f"<footer>{escape(METHOD)}</footer>"


def _setup(evaluation: Evaluation) -> str:
    setup = evaluation.setup
    return (
        f"{setup.model_id}, {setup.precision}, pipeline version {setup.pipeline_version}; detector {setup.detector}; "
        f"{setup.face} face of each photo; Vultus {setup.vultus_version}; {setup.date}. "
        f"{what_is_measured(setup.score)}"
    )


def _cards(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """The few numbers to read first, each with what it is."""
    found = evaluation.verification
    if found is not None:
        point = smallest_supported(found.points)
        if point is not None:
            yield percent(point.fnmr.value), f"false non-matches at a false match rate of {point.target_fmr:g}"
        yield percent(found.equal_error.rate), "equal error rate"
    if evaluation.pairs is not None and evaluation.pairs.accuracy is not None:
        accuracy = evaluation.pairs.accuracy
        yield f"{100 * accuracy.mean:.2f} %", f"accuracy over {len(accuracy.accuracies)} folds"
    for search in evaluation.folder.search if evaluation.folder is not None else ():
        if search.target_fpir == HEADLINE_FPIR and search.note is None:
            yield (
                percent(search.fnir.value),
                f"missed of {search.subjects:,} people enrolled, at FPIR {search.target_fpir:g}",
            )
    acquire = evaluation.acquisition.acquire
    yield percent(acquire.value), f"failure to acquire, of {acquire.trials:,} photos"


def _figures(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    found, scores = evaluation.verification, score_name(evaluation.setup.score)
    if found is not None:
        yield (
            draw_det(found),
            "Detection error trade-off. Lower is better. Grey: too few comparisons to claim the rate.",
        )
        yield (
            draw_histograms(found, scores),
            "Scores of the same person and of different people; lines: thresholds by FMR.",
        )
        yield draw_rates(found, scores), "Both error rates over the threshold: what a stricter one costs."
    folder = evaluation.folder
    if folder is not None and folder.halves is not None and folder.halves.fpir:
        yield (
            draw_fpir(folder.halves),
            "FPIR asked of one half of the people, found in the other; bars: range. Grey: a factor of 1.5.",
        )
    if folder is not None and any(group.fnmr is not None for group in folder.groups):
        yield draw_groups(folder.groups), "The groups at one threshold for all. Bars: 95 % intervals over people."


def section(table: Table) -> str:
    """A table of text with its title and notes."""
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    shown = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if table.rows else ""
    return f"<section><h2>{escape(table.title)}</h2>{shown}{notes}</section>"
