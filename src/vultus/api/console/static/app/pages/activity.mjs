// Activity: the lines of the audit, newest first: who did what, when, and what was decided, with filters and as CSV.
import { useEffect, useState } from "preact/hooks";
import { get } from "../api.mjs";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { useAnswer } from "../parts/records/answer.mjs";
import { AsCode } from "../parts/as-code.mjs";
import { ProblemNote } from "../parts/problem.mjs";
import { Announced } from "../parts/verdict.mjs";
import { session } from "../session.mjs";
import { AsCsv } from "./activity/as-csv.mjs";
import { Filters, pythonOf, wantedOf } from "./activity/filters.mjs";
import { Lines } from "./activity/lines.mjs";

const LINES = 50;

export default function Activity({ route }) {
  const wanted = wantedOf(route.query);
  const keys = useKeyNames();
  const { lines, next, problem, busy, more, again } = useLines(wanted);
  const search = new URLSearchParams(wanted).toString();
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("activity.title")}</h1><p class="hint">${t("activity.what")}</p></header>
      <${Filters} key=${search} query=${route.query} keys=${keys} onSame=${again} />
      <${Announced} busy=${busy}>
        <div class="stack">
          ${problem && html`<${ProblemNote} problem=${problem} />`}
          ${lines.length > 0 && html`<${Lines} lines=${lines} keys=${keys} />`}
          ${lines.length > 0 && html`<p class="hint" role="status">${t("activity.shown", { count: lines.length })} ${!next && !busy && t("activity.all")}</p>`}
          ${busy && html`<p class="hint busy">${t("activity.loading")}</p>`}
          ${!busy && !problem && !lines.length && html`<p class="note">${t(search ? "activity.none_found" : "activity.none")}</p>`}
        </div>
      <//>
      <div class="row">
        ${next && html`<button type="button" class="button" disabled=${busy} onClick=${more}>${t("activity.more")}</button>`}
        ${lines.length > 0 && html`<${AsCsv} key=${search} wanted=${wanted} keys=${keys} />`}
      </div>
      <${AsCode} path=${`audit${search && `?${search}`}`} python=${pythonOf(wanted)} />
    </div>
  `;
}

// The names of keys by their ids; empty on a server without keys.
function useKeyNames() {
  const { answer } = useAnswer((signal) => (session.get().keyless ? Promise.resolve({ keys: [] }) : get("keys", {}, { signal })));
  return new Map((answer?.keys ?? []).map(({ id, name }) => [id, name]));
}

// The pages so far as one list; next: the cursor of the page after them.
function useLines(wanted) {
  const [before, setBefore] = useState([]);
  const [cursor, setCursor] = useState(null);
  const [times, setTimes] = useState(0);
  const search = JSON.stringify(wanted);
  const start = () => (setBefore([]), setCursor(null));
  useEffect(start, [search]);
  const { answer, problem, busy } = useAnswer(
    async (signal) => ({ search, cursor, ...(await get("audit", { ...wanted, cursor, limit: LINES }, { signal })) }),
    [search, cursor, times],
  );
  const page = answer?.search === search && answer.cursor === cursor ? answer : { lines: [], next_cursor: null };
  const lines = [...before, ...page.lines];
  const more = () => (setBefore(lines), setCursor(page.next_cursor));
  const again = () => (start(), setTimes(times + 1));
  return { lines, next: page.next_cursor, problem, busy, more, again };
}
