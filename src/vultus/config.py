"""Settings, each with its unit and meaning. Read from the environment (prefix VULTUS_) or a `.env` file.

Settings are read at the top only: wiring, the HTTP application, the command line.
"""

from __future__ import annotations

import re
from base64 import b64decode
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import platformdirs
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, NoDecode, SettingsConfigDict

from vultus.cores import available_cores
from vultus.identifiers import MIN_ADMIN_KEY_CHARACTERS
from vultus.plain_numbers import plain_integer, plain_number

MIB = 1024 * 1024
OF_THE_CLIENT = frozenset({"url", "key"})  # variables that vultus_client reads
ALIKE = 0.75  # of difflib: a letter more, less or other, a word more or less; "service_host" is not like "host"
CORES_OF_A_WORKER = 4  # fewer leave Python's lock no work for another process
ROOT_PATH = r"^(/[A-Za-z0-9._~-]+)*$"
WEBHOOK_ADDRESS = r"https?://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+;=:@/-]*)?"
WEBHOOK_SECRET_PREFIX = "whsec_"
WEBHOOK_SECRET_BYTES = (24, 64)  # standardwebhooks.com, "Signature scheme"
ORIGIN = r"[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
DEFAULT_PORTS = {"http": ":80", "https": ":443"}  # which browsers leave out
MAX_AUDIT_DAYS = 36_500
SERVICE_SECONDS = 5  # for the work itself, after the longest wait for a compute slot


def _names(value: Any) -> Any:
    return tuple(name.strip().lower() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


def _origin(value: str) -> str:
    """Refuses what is no origin as browsers send it (RFC 6454, section 6.2)."""
    if value == "*":
        raise ValueError("takes no *: name each origin, like https://desk.example, so that no other page can call")
    if not re.fullmatch(ORIGIN, value) or value.endswith(DEFAULT_PORTS.get(value.partition(":")[0], "/")):
        raise ValueError(
            f"{value[:80]!a} is no origin; write scheme, host and port if it has one: https://desk.example"
        )
    return value


def _webhook_address(value: str) -> str:
    """Refuses what is no beginning of a URL of a server."""
    if not re.fullmatch(WEBHOOK_ADDRESS, value) or {".", ".."} & set(value.split("/")):
        raise ValueError(
            f"{value[:80]!a} is no address of a server; write scheme, host, port if it has one, and a path if only "
            "what is below it may be told: https://hr.example/hooks"
        )
    return value


def _texts(value: Any) -> Any:
    return tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value


def _webhook_secrets(value: SecretStr | None) -> SecretStr | None:
    """Refuses what is no secret of Standard Webhooks, without repeating it."""
    for one in [] if value is None else value.get_secret_value().split(","):
        try:
            key = b64decode(one.strip().removeprefix(WEBHOOK_SECRET_PREFIX), validate=True)
        except ValueError:
            key = b""
        if not WEBHOOK_SECRET_BYTES[0] <= len(key) <= WEBHOOK_SECRET_BYTES[1]:
            raise ValueError(
                "is no secret of 24 to 64 bytes in base64; make one by: echo whsec_$(openssl rand -base64 32)"
            )
    return value


HostName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.:-]+$", max_length=253)]  # with colons: IPv6
HostNames = Annotated[tuple[HostName, ...], NoDecode, BeforeValidator(_names)]
Origin = Annotated[str, StringConstraints(max_length=300), AfterValidator(_origin)]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_names), Field(max_length=100)]

WebhookAddress = Annotated[str, StringConstraints(max_length=500), AfterValidator(_webhook_address)]
WebhookAddresses = Annotated[tuple[WebhookAddress, ...], NoDecode, BeforeValidator(_texts), Field(max_length=100)]

DialectName = Literal["compreface", "rekognition", "deepface"]
DialectNames = Annotated[tuple[DialectName, ...], NoDecode, BeforeValidator(_names)]


def _default_model_dir() -> Path:
    return Path(platformdirs.user_cache_dir("vultus")) / "models"


class Settings(BaseSettings):
    """Everything that an operator can set."""

    model_config = SettingsConfigDict(env_prefix="VULTUS_", env_file=".env", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on. Other than loopback: put TLS in front.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    root_path: str = Field(
        "",
        pattern=ROOT_PATH,
        description="Path prefix under which a reverse proxy shows the service, like /vultus, so that the page at "
        "/docs finds it; whether the proxy takes it off makes no difference. Default: none.",
    )
    data_dir: Path = Field(Path("./data"), description="Folder of the embedded database and the stored photos.")
    model_dir: Path = Field(
        default_factory=_default_model_dir,
        description="Folder of the prepared model files, shared by all data folders. Default: the user's cache folder.",
    )
    documents_dir: Path = Field(
        Path("./build/docs"),
        description="Folder of the site of the documents, as `make docs` builds it. Where there is one, the console "
        "shows it, at /console/documents; nobody needs a key to read it.",
    )
    database_url: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of the database: `sqlite:///folder/vultus.db` or "
        "`postgresql+psycopg://user:password@host/database`, see [operations](operations.md#postgresql). Default: "
        "SQLite in the data folder.",
    )
    photos_shared: bool = Field(
        False,
        description="With PostgreSQL: the folder `photos` in the data folder is the same for all servers of this "
        "database, or there is only this one. A server whose photos the others do not have is refused.",
    )
    photo_url: str | None = Field(
        None,
        description="Where the photos are stored: file:///folder, or s3://bucket/prefix with the AWS_* variables, "
        "see [operations](operations.md#photos-in-s3). Default: the folder photos in the data folder.",
    )
    installation_key_file: Path | None = Field(
        None,
        description="File of the key that seals the stored rows, 64 hexadecimal digits; made by the first start where "
        "it is missing. Default: installation.key in the data folder.",
    )
    erasure_ledger: Path | None = Field(
        None,
        description="File outside the data folder that keeps a line of each erasure, without names, so that a restore "
        "brings nobody back; its key lies beside it, see [operations](operations.md#erasures-and-restores). Default: "
        "none.",
    )
    admin_key: SecretStr | None = Field(
        None,
        min_length=MIN_ADMIN_KEY_CHARACTERS,
        description="The first admin key, at least 32 characters. Default: one is made and printed once.",
    )
    admin_key_file: Path | None = Field(
        None,
        description="File of the first admin key, instead of VULTUS_ADMIN_KEY: one line, as Docker and Kubernetes hand "
        "secrets to a container. Read at the first start; later a key in it that does not work is named in the log.",
    )
    without_keys: bool = Field(
        False,
        description="Serve without API keys. Only on a loopback address, for trying things out; web pages of other "
        "sites are refused, and keys cannot be made.",
    )
    allowed_hosts: HostNames = Field(
        default_factory=tuple,
        description="Names by which a server without keys may be called, beside those of loopback, separated by "
        "commas: `faces.lan,box`. For a proxy or a container that calls it by another name.",
    )
    dialects: DialectNames = Field(
        get_args(DialectName),
        description="Protocols of other services that are spoken beside the native one, separated by commas: "
        "compreface at /api/v1, rekognition at POST /, deepface at /deepface, see [clients](clients.md). Empty: none.",
    )
    cors_origins: Origins = Field(
        default_factory=tuple,
        description="Origins whose web pages may call this server from a browser (CORS), separated by commas: "
        "`https://desk.example,http://localhost:5173`. Needs keys, which such a page sends itself. Default: none.",
    )
    precision: Literal["auto", "fp32", "int8"] = Field(
        "auto",
        description="Arithmetic of the recognition models. auto: int8 where the processor is fast at it and the model "
        "has it, with weights of 8 bits (AVX-512 VNNI, AVX-VNNI, Arm i8mm) or 7 (AVX2), else fp32; fp32 too where a "
        "model's self-test finds int8 wrong. int8: a model whose self-test finds it wrong is refused.",
    )
    device: Literal["cpu", "cuda", "auto"] = Field(
        "cpu",
        description="What computes the networks. cuda: a GPU of NVIDIA, in fp32; needs onnxruntime-gpu, see "
        "[operations](operations.md#a-gpu); refused where there is none. auto: the GPU where there "
        "is one, else the processor.",
    )
    allow_noncommercial: bool = Field(
        False, description="Serve models whose weights may not be used commercially. You answer for how they are used."
    )
    model_memory_bytes: int = Field(
        1024 * MIB,
        gt=0,
        description="Memory for loaded recognition models, bytes, as estimated from their files. Those unused the "
        "longest are unloaded; a single larger model is served alone. Each worker process has its share.",
    )

    default_model: str = Field("sface-facenet512-fused", description="Recognition model of new collections.")
    unavailable_models: Literal["default", "refuse"] = Field(
        "default",
        description="What a request to /verify or /represent gets that names a model which is not installed, or not "
        "calibrated. default: the answer of the default model, with a caution. refuse: model_not_installed, or the way "
        "to calibrate it.",
    )
    facenet512_stand_in: bool | None = Field(
        None,
        description="Older form of VULTUS_UNAVAILABLE_MODELS. true: Facenet512 means facenet512-casia-webface while "
        "the VGGFace2 weights are not installed. false: refuse. Default: neither.",
    )
    reembed: Literal["auto", "off"] = Field(
        "auto",
        description="auto: the server embeds collections of an older pipeline version again, in the background, from "
        "their stored photos. off: only when it is asked to.",
    )
    default_detector: str = Field("yunet", description="Face detector used when a request names none.")
    target_fmr: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="False match rate asked of /verify by default; absent: 1e-3 among people alike, or 1e-4 over all "
        "pairs for a model that decides by cosines.",
    )
    target_fpir: float = Field(
        0.01, gt=0, lt=1, description="False-positive identification rate asked of /find by default."
    )
    min_quality: float = Field(20.0, ge=0, le=100, description="Quality below which a photo is not enrolled, 0..100.")
    undo_hours: int = Field(
        24,
        ge=1,
        le=720,
        description="How long a rename, a merge or a move can be undone, hours, 1 to 720. Until then the old id, and "
        "the name and metadata of a merged subject, stay in the database.",
    )

    audit_days: int | None = Field(
        None,
        ge=1,
        le=MAX_AUDIT_DAYS,
        description="How long the lines of the audit are kept, days; the server erases older ones, within an hour. "
        "Default: all are kept.",
    )

    search: Literal["memory", "database"] = Field(
        "memory",
        description="Where collections are searched. memory: in each server, from what it has loaded of them. "
        "database: in PostgreSQL with the extension pgvector, which holds the faces for all servers; slower, and for "
        "galleries that no server's memory holds, see [operations](operations.md#search-in-the-database).",
    )
    hnsw_from_faces: int = Field(
        100_000,
        ge=0,
        description="With VULTUS_SEARCH=database: faces from which on a collection gets an HNSW index, with a recall "
        "that is measured; smaller ones are searched exactly. 0: never.",
    )
    hnsw_ef_search: int = Field(
        400,
        ge=40,
        le=1000,
        description="Faces that a search by an HNSW index looks at: more find more and take longer, see `vultus "
        "search-recall`.",
    )
    index_memory_bytes: int = Field(
        2048 * MIB,
        gt=0,
        description="Memory for the faces of the collections that are searched, bytes; about 2.7 KB a face at 512 "
        "dimensions, or 0.65 KB without the embeddings. Embeddings that do not fit stay in the database, where each "
        "search reads some, half a millisecond; then collections unused the longest are let go and loaded when next "
        "searched; a single larger one is held alone.",
    )
    pq_from_faces: int = Field(
        1_000_000,
        ge=0,
        description="Faces from which on a collection is searched by means of a PQ index, with a recall that is "
        "measured; smaller ones are searched exactly. Needs faiss: .venv/bin/pip install faiss-cpu. 0: never.",
    )

    max_body_bytes: int = Field(12 * MIB, gt=0, description="Largest request body, bytes.")
    max_image_bytes: int = Field(10 * MIB, gt=0, description="Largest image, bytes.")
    max_image_pixels: int = Field(40_000_000, gt=0, description="Largest image, pixels once decoded.")
    max_decode_bytes: int = Field(
        256 * MIB,
        gt=0,
        description="Most memory that decoding an image may take, bytes, as estimated from its header: 33 megapixels "
        "of PNG, 26 of HEIC, 13 of WebP. JPEGs are reduced while they are decoded and take little.",
    )
    decode_seconds: float = Field(
        10.0, gt=0, description="Longest that decoding an image may take, seconds; then its process is killed."
    )
    max_enroll_images: int = Field(20, gt=0, description="Most images in one /enroll.")
    max_faces: int = Field(64, gt=0, description="Most faces used in one image, the largest first.")
    workers: int = Field(
        default_factory=lambda: max(1, available_cores() // CORES_OF_A_WORKER),
        ge=1,
        le=64,
        description="Processes that serve. They share the port, the data folder and the limits below. Default: one for "
        "every 4 cores that the process, or its container, may use.",
    )
    compute_slots: int = Field(
        default_factory=available_cores,
        gt=0,
        description="Photos analysed at once. Default: the cores that the process, or its container, may use.",
    )
    queue_size: int = Field(64, ge=0, description="Photos that may wait for a compute slot.")
    queue_wait_seconds: float = Field(10.0, gt=0, description="Longest wait for a compute slot, seconds.")
    request_seconds: float = Field(30.0, gt=0, description="Longest a request may take to arrive, seconds.")
    header_seconds: float = Field(
        15.0,
        gt=0,
        description="Longest a connection may take over the headers of a request, or leave its answer unread, seconds.",
    )
    shutdown_seconds: float | None = Field(
        None,
        gt=0,
        description="Longest that requests under way may take once the server is told to stop, seconds; then they are "
        "told not_ready. Default: queue_wait_seconds and 5 more.",
    )
    max_connections: int = Field(
        1000,
        gt=0,
        description="Most connections at work at once; beyond it, callers are told queue_full. Silent connections are "
        "closed, the longest silent first, to make room.",
    )
    max_held_bytes: int = Field(
        256 * MIB, gt=0, description="Most bytes of request bodies held at once; what is beyond is told queue_full."
    )
    log_level: Literal["info", "warning", "error"] = Field(
        "info",
        description="Which lines the log has, on stderr. info: one line for each request too. warning: faults, and "
        "calls without a valid key. error: faults only.",
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="Of the lines of the log: text, or one JSON object each."
    )
    metrics_without_key: Literal["loopback", "never"] = Field(
        "loopback",
        description="Who may read /metrics without a key. loopback: programs on this machine, whose requests no proxy "
        "has passed on; set never where a proxy on this machine keeps that to itself, see "
        "[operations](operations.md#metrics-and-alerts). Any other needs a key with the scope metrics.",
    )
    image_urls: bool = Field(
        False,
        description="Take http(s) addresses of images, on public hosts only. This machine then fetches what a caller "
        "with a key names.",
    )
    image_url_seconds: float = Field(
        10.0, gt=0, description="Longest that fetching all images of one request may take, seconds."
    )

    max_job_bytes: int = Field(
        1024 * MIB,
        gt=0,
        description="Largest archive of POST /jobs, bytes. It is stored beside the database until its job has ended, "
        "see [bulk jobs](jobs.md).",
    )
    max_job_items: int = Field(10_000, gt=0, le=100_000, description="Most photos in one POST /jobs.")
    max_job_unpacked_bytes: int = Field(
        4096 * MIB,
        gt=0,
        description="Most bytes that the photos of an archive may have unpacked, all together. They are unpacked one "
        "by one, in memory.",
    )
    job_upload_seconds: float = Field(
        600.0, gt=0, description="Longest that an archive of POST /jobs may take to arrive, seconds."
    )
    max_waiting_jobs: int = Field(
        20, gt=0, description="Most bulk jobs that are queued or running; beyond it, callers are told queue_full."
    )
    job_days: int = Field(
        30,
        ge=1,
        le=3650,
        description="How long a job is kept once it has ended, with the outcomes of its photos, which name subjects "
        "and files; days.",
    )
    webhook_addresses: WebhookAddresses = Field(
        default_factory=tuple,
        description="Addresses that may be told when a bulk job has ended, separated by commas: "
        "`https://hr.example/hooks,http://10.0.0.7:9000`. Scheme, host and port must be equal, and a path begins with "
        "that of the address. Default: none, and a request with a webhook is refused.",
    )
    webhook_secret: SecretStr | None = Field(
        None,
        description="Signs what is sent to them, as Standard Webhooks says: `whsec_` and 24 to 64 bytes in base64. "
        "Two, with a comma between, while receivers change from the one to the other.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_plain(cls, value: object, info: ValidationInfo) -> object:
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = set(get_args(annotation) or [annotation])
        if int in kinds:
            return plain_integer(value)
        return plain_number(value) if float in kinds else value

    @field_validator("webhook_secret")
    @classmethod
    def _signs(cls, value: SecretStr | None) -> SecretStr | None:
        return _webhook_secrets(value)

    @cached_property
    def grace_seconds(self) -> float:
        """Seconds that requests under way may take once the server is told to stop."""
        return self.shutdown_seconds or self.queue_wait_seconds + SERVICE_SECONDS

    def for_one_of(self, workers: int) -> Settings:
        """The settings of one of several processes: its share of what is limited for all, rounded up."""
        shared = ("compute_slots", "queue_size", "max_connections", "max_held_bytes", "model_memory_bytes")
        share = {name: -(-getattr(self, name) // workers) for name in shared}
        return self.model_copy(update=share)

    @cached_property
    def refuses_unavailable_models(self) -> bool:
        """Whether a model that is not installed or not calibrated is refused, by the setting or its older form."""
        if "unavailable_models" in self.model_fields_set:
            return self.unavailable_models == "refuse"
        return self.facenet512_stand_in is False

    @cached_property
    def sqlalchemy_url(self) -> str:
        """With its password, if it has one."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute() / 'vultus.db'}"

    @cached_property
    def key_file(self) -> Path:
        """The file of the installation key."""
        return self.installation_key_file or self.data_dir.absolute() / "installation.key"

    @cached_property
    def shared_index_dir(self) -> Path:
        """Of the segments that worker processes share, while they run."""
        return self.data_dir.absolute() / "shared-index"


def unknown_variables() -> dict[str, str | None]:
    """Variables with our prefix, of the environment and `.env`, that are no setting: each with the nearest setting.

    None: no setting has a name like it; it may be another program's.
    """
    sources = (EnvSettingsSource(Settings), DotEnvSettingsSource(Settings))
    names = sorted({name.lower() for source in sources for name in source.env_vars})
    prefix = str(Settings.model_config["env_prefix"]).lower()
    ours = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    return {
        variable(name): next(map(variable, get_close_matches(name, Settings.model_fields, 1, ALIKE)), None)
        for name in ours
        if name not in Settings.model_fields and name not in OF_THE_CLIENT
    }


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return f"{Settings.model_config['env_prefix']}{field.upper()}"


def settings_page() -> str:
    """docs/settings.md, generated from the fields."""
    lines = [
        "# Settings",
        "",
        "Environment variables, or lines of a `.env` file in the folder where the service is started.",
        "`vultus serve` takes the same as flags. A variable whose name is nearly that of a setting is refused with the",
        "setting's name; any other that begins with `VULTUS_` is named on stderr and has no effect.",
        "`VULTUS_URL` and `VULTUS_KEY` are read by the [Python client](client.md).",
        "",
        "| Variable | Default | Meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() or field.default_factory or field.default is None else f"`{field.default}`"
        lines.append(f"| `{variable(name)}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"
