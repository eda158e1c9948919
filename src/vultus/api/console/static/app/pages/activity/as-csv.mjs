// What the filter finds, as a CSV file: one line for each decision, or for each line of the audit that has none.
import { useRef, useState } from "preact/hooks";
import { get } from "../../api.mjs";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { csvOf, saveCsv } from "../../parts/records/csv.mjs";
import { ProblemNote } from "../../parts/problem.mjs";

const A_PAGE = 1000;
const MOST = 50_000; // lines of the audit: some 20 MB
const LINE = ["number", "at", "actor", "action", "outcome", "collection", "object_count", "request_id"];
const DECISION = ["decision", "similarity", "score", "threshold", "rule", "expected", "model_id"];
const HEADS = [...LINE, "key_name", "objects", ...DECISION, "face_ids"];

export function AsCsv({ wanted, keys }) {
  const [state, setState] = useState({});
  const stop = useRef(null);
  const write = async () => {
    stop.current = new AbortController();
    const rows = [];
    try {
      setState({ lines: 0 });
      const { lines, cut } = await collect(wanted, rows, keys, stop.current.signal, (so_far) => setState({ lines: so_far }));
      saveCsv(`vultus-activity-${new Date().toISOString().slice(0, 10)}.csv`, csvOf(HEADS, rows));
      setState({ done: lines, cut });
    } catch (problem) {
      setState(problem.name === "AbortError" ? {} : { problem });
    }
  };
  if (state.lines !== undefined)
    return html`
      <p class="hint busy" role="status">${t("activity.csv_writing", { count: state.lines })}</p>
      <button type="button" class="button" onClick=${() => stop.current.abort()}>${t("dialog.cancel")}</button>
    `;
  return html`
    <button type="button" class="button" onClick=${write}>${t("activity.csv")}</button>
    <span role="status" class="hint">
      ${state.done !== undefined && t(state.cut ? "activity.csv_cut" : "activity.csv_done", { count: state.done })}
    </span>
    ${state.problem && html`<${ProblemNote} problem=${state.problem} />`}
  `;
}

async function collect(wanted, rows, keys, signal, onLines) {
  let cursor = null;
  let lines = 0;
  do {
    const page = await get("audit", { ...wanted, cursor, limit: A_PAGE }, { signal });
    rows.push(...page.lines.flatMap((line) => rowsOf(line, keys)));
    lines += page.lines.length;
    cursor = page.next_cursor;
    onLines(lines);
  } while (cursor && lines < MOST);
  return { lines, cut: cursor !== null };
}

function rowsOf(line, keys) {
  const of = [...LINE.map((name) => line[name]), keys.get(line.actor) ?? null, line.objects.join(" ")];
  const decisions = line.decisions.length ? line.decisions : [{ face_ids: [] }];
  return decisions.map((one) => [...of, ...DECISION.map((name) => one[name]), one.face_ids.join(" ")]);
}
