// The import while it runs and afterwards: how far it is, why it waits, and what became of each photo.
import { html } from "../../html.mjs";
import { number, t } from "../../i18n.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { end } from "./import.mjs";
import { Outcomes } from "./outcomes.mjs";
import { Fact } from "./preview.mjs";

const FEW = 10; // photos after which the time left can be told
const MINUTE_MS = 60_000;

export function Sending({ sent }) {
  const { phase, problem, photos, collection } = sent;
  const open = phase === "running" || phase === "paused";
  const count = (...states) => number(photos.filter(({ state }) => states.includes(state)).length);
  return html`
    <section class="card stack">
      <p role="status" class="state">${stateOf(sent)}</p>
      ${problem && html`<${ProblemNote} problem=${problem} /><p>${t("add.stopped_keeps")}</p>`}
      <${Bar} sent=${sent} />
      <dl class="facts">
        <${Fact} name=${t("add.tab_enrolled")} value=${count("enrolled")} />
        <${Fact} name=${t("add.photo_there")} value=${count("there", "earlier")} />
        <${Fact} name=${t("add.tab_refused")} value=${count("refused")} />
        <${Fact} name=${t("layout.collection")} value=${html`<bdi>${collection}</bdi>`} />
      </dl>
      <div class="row">
        ${phase === "running" && html`<button type="button" class="button" onClick=${() => sent.pause()}>${t("add.pause")}</button>`}
        ${phase === "paused" && html`<button type="button" class="button primary" onClick=${() => sent.start()}>${t("add.go_on")}</button>`}
        ${open && html`<button type="button" class="button" onClick=${() => sent.cancel()}>${t("dialog.cancel")}</button>`}
        ${!open && html`<button type="button" class="button primary" onClick=${end}>${t("add.other")}</button>`}
      </div>
    </section>
    <${Outcomes} sent=${sent} />
  `;
}

function Bar({ sent }) {
  const { done, photos } = sent;
  const words = t("add.progress", { done, total: photos.length });
  return html`
    <div class="bar-row">
      <progress max=${photos.length} value=${done} aria-label=${words}></progress>
      <span>${words}</span>
      ${sent.phase === "running" && html`<span class="hint">${timeLeft(sent)}</span>`}
    </div>
  `;
}

const AWAY = ["unreachable", "not_ready", "unexpected"];

function stateOf({ phase, waits }) {
  if (!waits) return t(`add.state_${phase}`);
  if (waits.code === "rate_limited") return t("add.waits_rate");
  return t(AWAY.includes(waits.code) ? "add.waits_server" : "add.waits_busy");
}

function timeLeft({ began, photos, done, sentBefore }) {
  const sent = done - sentBefore;
  if (sent < FEW || began === null) return "";
  const minutes = ((photos.length - done) * (performance.now() - began)) / sent / MINUTE_MS;
  const unit = minutes < 1 ? "second" : "minute";
  const value = Math.max(1, Math.round(minutes < 1 ? 60 * minutes : minutes));
  return t("add.time_left", { time: number(value, { style: "unit", unit, unitDisplay: "long" }) });
}
