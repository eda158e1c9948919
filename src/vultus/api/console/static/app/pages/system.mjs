// System: is it ready, what should somebody look at, how busy, how full and how fast is it, which models answer.
import { useState } from "preact/hooks";
import { ask, get } from "../api.mjs";
import { html } from "../html.mjs";
import { moment, number, t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";
import { AsCode } from "../parts/as-code.mjs";
import { Facts } from "../parts/records/data-table.mjs";
import { usePolled } from "../parts/records/polled.mjs";
import { ProblemNote } from "../parts/problem.mjs";
import { bytes, duration, since } from "../parts/records/units.mjs";
import { Announced, Verdict } from "../parts/verdict.mjs";
import { session } from "../session.mjs";
import { Latency, latencies } from "./system/latency.mjs";
import { Models } from "./system/models.mjs";

const EVERY_MS = 10_000;

export default function System() {
  const [paused, setPaused] = useState(false);
  const { answer, problem, at, busy, again } = usePolled(load, EVERY_MS, paused);
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("system.title")}</h1><p class="hint">${t("system.what")}</p></header>
      <div class="row">
        <button type="button" class="button" onClick=${again}>${t("system.again")}</button>
        <button type="button" class="button" onClick=${() => setPaused(!paused)}>${t(paused ? "system.go_on" : "system.pause")}</button>
        ${at && html`<span class="hint">${t("system.as_of", { time: moment(at, { timeStyle: "medium" }) })}</span>`}
      </div>
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      ${answer ? html`<${Status} status=${answer.status} /><${Latency} calls=${answer.calls} />` : busy && html`<p class="hint busy">${t("system.loading")}</p>`}
      <${Models} used=${answer?.status.models ?? []} />
      <${AsCode} path="status" python=${`status = client.status()\nprint(status.status, *status.warnings, sep="\\n")`} />
    </div>
  `;
}

// The times of calls need the scope metrics and a key for all collections.
async function load(signal) {
  const { key, may } = session.get();
  const measured = may("metrics") && !key.collections;
  const [status, text] = await Promise.all([
    get("status", {}, { signal }),
    measured ? ask("GET", "metrics", { as: "text", signal }) : null,
  ]);
  return { status, calls: text && latencies(text) };
}

const Status = ({ status }) => html`
  <${Announced}>
    <div class="stack">
      <${Verdict} kind=${verdictOf(status)} title=${t(status.status === "ready" ? "system.ready" : "system.not_ready")}>
        ${status.reason && html`<p lang="en" dir="auto">${status.reason}</p>`}
        <p>${status.warnings.length ? t("system.warnings", { count: status.warnings.length }) : t("system.no_warnings")}</p>
      <//>
      ${status.warnings.map((warning) => html`
        <div class="note warn" key=${warning}><${Icon} name="unreliable" /><p lang="en" dir="auto">${warning}</p></div>
      `)}
    </div>
  <//>
  <${Part} title="system.service" pairs=${serviceOf(status)} />
  <${Part} title="system.load" pairs=${loadOf(status)} />
  <${Part} title="system.storage" pairs=${storageOf(status)} />
`;

const verdictOf = ({ status, warnings }) => (status !== "ready" || warnings.length ? "unreliable" : "match");

const Part = ({ title, pairs }) => html`<section class="card stack"><h2>${t(title)}</h2><${Facts} pairs=${pairs} /></section>`;

const of = (part, whole) => t("system.of", { part: number(part), whole: number(whole) });

const serviceOf = ({ version, uptime_seconds, device, precision, workers, enrolled }) => [
  [t("system.version"), version],
  [t("system.uptime"), duration(uptime_seconds)],
  [t("system.computes"), [device, precision].filter(Boolean).join(", ")],
  [t("system.processes"), of(workers.serving, workers.wanted)],
  [t("system.restarts"), workers.restarts > 0 ? number(workers.restarts) : null],
  [t("system.memory"), bytes(workers.memory_bytes)],
  [t("system.people"), number(enrolled.subjects)],
  [t("system.faces"), number(enrolled.faces)],
  [t("system.unknown_faces"), number(enrolled.unknown_faces)],
  [t("system.collections"), number(enrolled.collections)],
];

const loadOf = ({ queue }) => [
  [t("system.requests"), number(queue.requests)],
  [t("system.slots"), of(queue.busy_slots, queue.compute_slots)],
  [t("system.waiting"), of(queue.waiting, queue.may_wait)],
  [t("system.connections"), number(queue.connections)],
];

const storageOf = ({ storage }) => [
  [t("system.database"), t(storage.database_up ? "system.answers" : "system.silent")],
  [t("system.database_size"), bytes(storage.database_bytes + storage.wal_bytes)],
  [t("system.photos"), bytes(storage.photo_bytes)],
  [t("system.photos_left"), photosLeft(storage)],
  [t("system.disk_free"), t("system.of", { part: bytes(storage.disk_free_bytes), whole: bytes(storage.disk_bytes) })],
  [t("system.backup"), storage.last_backup ? since(storage.last_backup) : t("system.no_backup")],
  [t("system.audit_waiting"), number(storage.audit_lines_waiting)],
  [t("system.audit_lost"), storage.audit_lines_lost > 0 ? number(storage.audit_lines_lost) : null],
];

const photosLeft = ({ photos_waiting: count, photos_waiting_since: first }) =>
  first ? t("system.photos_left_since", { photos: number(count), time: since(first) }) : number(count);
