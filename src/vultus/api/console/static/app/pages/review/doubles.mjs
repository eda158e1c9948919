// People of the collection who may be one and the same, pair by pair: merge them, or say that they are different.
import { useEffect, useState } from "preact/hooks";
import { address, get, post } from "../../api.mjs";
import { html } from "../../html.mjs";
import { moment, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { LastChange } from "../../parts/person/last-change.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { useAnswer } from "../../parts/records/answer.mjs";
import { session } from "../../session.mjs";
import { Pair } from "./pair.mjs";

const MOST = 100; // pairs at a time
const AGAIN_MS = 1500;
const UNDER_WAY = ["queued", "running"];

export function Doubles({ collection }) {
  const path = address`collections/${collection}/duplicates`;
  const { answer, problem, again } = useAnswer((signal) => get(path, { limit: MOST }, { signal }), [path]);
  const running = UNDER_WAY.includes(answer?.job?.state);
  useEffect(() => {
    if (!running) return;
    const timer = setTimeout(again, AGAIN_MS);
    return () => clearTimeout(timer);
  }, [answer]);
  return html`
    <div class="stack">
      <p class="hint">${t("review.doubles_what")}</p>
      <${LastChange} onUndone=${again} />
      ${problem && (problem.code === "collection_not_found" ? html`<p>${t("review.no_pairs")}</p>` : html`<${ProblemNote} problem=${problem} />`)}
      ${answer && html`<${Search} path=${path} job=${answer.job} running=${running} onStarted=${again} />`}
      ${answer?.job && html`<${Pairs} answer=${answer} running=${running} onChanged=${again} />`}
      <${AsCode} path=${path} python=${`client.duplicates.search(collection=${JSON.stringify(collection)})\nfor pair in client.duplicates.get(collection=${JSON.stringify(collection)}).pairs:\n    print(pair.first.subject, pair.second.subject, pair.similarity)`} />
    </div>
  `;
}

function Search({ path, job, running, onStarted }) {
  const { run, busy, problem } = useAction();
  const start = async () => (await run(() => post(path))) && onStarted();
  return html`
    <div class="row">
      ${session.get().may("enroll") && html`<button type="button" class="button" disabled=${busy || running} onClick=${start}>${t(job ? "review.search_again" : "review.search")}</button>`}
      <p class="hint" role="status">${stateOf(job, running)}</p>
    </div>
    ${running && job.total > 0 && html`<progress max=${job.total} value=${job.done} aria-label=${t("review.searching")}></progress>`}
    ${problem && html`<${ProblemNote} problem=${problem} />`}
  `;
}

function stateOf(job, running) {
  if (!job) return t("review.never");
  if (running) return t("review.searching");
  const at = job.ended_at;
  return job.state === "done" ? at && t("review.searched", { moment: moment(at) }) : t("review.search_failed");
}

function Pairs({ answer, running, onChanged }) {
  const { pairs, collection, more_pairs: more } = answer;
  const none = !pairs.some((pair) => pair.above_threshold);
  return html`
    ${!running && none && html`<p class="note">${t(pairs.length ? "review.none_alike" : "review.no_pairs")}</p>`}
    <ul class="groups pairs-of-two">
      ${pairs.map((pair) => html`<${Pair} key=${`${pair.first.subject}/${pair.second.subject}`} collection=${collection} pair=${pair} onChanged=${onChanged} />`)}
    </ul>
    ${more && html`<p class="hint">${t("review.more_pairs", { count: pairs.length })}</p>`}
  `;
}
