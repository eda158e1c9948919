// A long list, a page at a time, so that ten thousand lines are no more work than one page of them.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";

const LINES = 25;

// line(item): the markup of one; keyOf(item): what it is known by. label: of the list, for those who do not see it.
export function Paged({ items, line, keyOf, label, lines = LINES }) {
  const [chosen, setChosen] = useState(0);
  const pages = Math.max(1, Math.ceil(items.length / lines));
  const page = Math.min(chosen, pages - 1);
  const from = page * lines;
  const shown = items.slice(from, from + lines);
  const step = (by, word) => html`
    <button type="button" class="button" disabled=${page + by < 0 || page + by >= pages} onClick=${() => setChosen(page + by)}>${t(word)}</button>
  `;
  return html`
    <ul class="lines" aria-label=${label}>${shown.map((item) => html`<li key=${keyOf(item)}>${line(item)}</li>`)}</ul>
    ${pages > 1 && html`
      <nav class="row" aria-label=${label}>
        ${step(-1, "paged.before")}
        <span aria-live="polite">${t("paged.range", { from: from + 1, to: from + shown.length, total: items.length })}</span>
        ${step(1, "paged.after")}
      </nav>
    `}
  `;
}
