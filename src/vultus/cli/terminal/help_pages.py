"""What the help pages say beside the options: the commands in groups, and for each an example and what it needs."""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = {
    "Start": ("serve", "doctor", "models", "keys"),
    "People": ("enroll", "verify", "find", "import", "subjects", "faces", "duplicates", "unknown"),
    "Gallery": ("collections", "export", "reembed", "search-recall"),
    "Operate": ("status", "servers", "health", "backup", "restore", "check", "move", "audit", "jobs"),
    "Measure": ("evaluate", "calibrate"),
}
DATA, MODELS = "the data folder; a server may run beside it", "the models"
MAKES_DATA = f"{MODELS}; the data folder is made where there is none"


@dataclass(frozen=True)
class Usage:
    """An example of a command, and what it needs to run."""

    example: str
    needs: str


USAGE = {
    "serve": Usage("vultus serve --port 8000 --data-dir data", MAKES_DATA),
    "doctor": Usage("vultus doctor", "nothing; it names what is missing"),
    "models": Usage("vultus models list", "nothing; pull needs the network, or a file with --from"),
    "keys": Usage("vultus keys create door --scope find --collection staff", DATA),
    "enroll": Usage("vultus enroll anna_1.jpg anna_2.jpg --subject anna", MAKES_DATA),
    "verify": Usage("vultus verify one.jpg two.jpg", MODELS),
    "find": Usage("vultus find door.jpg --collection staff", f"{MODELS} and the data folder"),
    "import": Usage("vultus import photos --collection staff", MAKES_DATA),
    "subjects": Usage("vultus subjects show anna", DATA),
    "faces": Usage("vultus faces list --collection staff", DATA),
    "duplicates": Usage("vultus duplicates search --collection staff", DATA),
    "unknown": Usage("vultus unknown list --collection staff", DATA),
    "collections": Usage("vultus collections set staff --target-fpir 0.001", f"{DATA}; to create one, {MODELS} too"),
    "export": Usage("vultus export staff.tar --collection staff", DATA),
    "reembed": Usage("vultus reembed staff --model auraface-v1", f"{MODELS} and the data folder with its photos"),
    "search-recall": Usage("vultus search-recall staff --probes 256", "PostgreSQL with VULTUS_SEARCH=database"),
    "status": Usage("vultus status --url http://127.0.0.1:8000 --key-file key", "the data folder, or a running server"),
    "servers": Usage("vultus servers --json", DATA),
    "health": Usage("vultus health --port 8000", "a running server"),
    "backup": Usage("vultus backup backups --keep 14", DATA),
    "restore": Usage("vultus restore FILE --data-dir restored", "a data folder that is empty or not there"),
    "check": Usage("vultus check --quick", DATA),
    "move": Usage("vultus move --to sqlite:////srv/new.db --dry-run", "the data folder, with no server on it"),
    "audit": Usage("vultus audit --action find --since 2026-01-31", DATA),
    "jobs": Usage("vultus jobs list", DATA),
    "evaluate": Usage("vultus evaluate photos --report report.html", f"{MODELS}, and people with two photos or more"),
    "calibrate": Usage("vultus calibrate photos", f"{MODELS}, the data folder, and photos of 30 people or more"),
}


def usage_text(command: str) -> str:
    """The end of a command's page."""
    usage = USAGE[command]
    return f"Example: {usage.example}\n\nNeeds: {usage.needs}."
