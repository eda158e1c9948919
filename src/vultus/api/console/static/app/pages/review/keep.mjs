// Whether the collection keeps faces of nobody known, and for how many days: off unless an admin chooses it.
import { useState } from "preact/hooks";
import { address, patch } from "../../api.mjs";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { session } from "../../session.mjs";

const USUAL_DAYS = 14;
const MOST_DAYS = 365;

export function Keep({ collection, days, onKept }) {
  const [wanted, setWanted] = useState(days ?? USUAL_DAYS);
  const { run, busy, problem } = useAction();
  const path = address`collections/${collection}`;
  const set = async (keep) => {
    if (await run(() => patch(path, { policies: { keep_unknown_days: keep } }))) onKept();
  };
  const submit = (event) => (event.preventDefault(), event.target.reportValidity() && set(Number(wanted)));
  const off = days === null;
  return html`
    <div class=${off ? "card stack" : "stack"}>
      ${off && html`<h2>${t("review.off")}</h2>`}
      <p class=${off ? "" : "hint"}>${off ? t("review.off_what") : t("review.on", { count: days })}</p>
      ${session.get().may("admin") && html`
        <details open=${off}>
          <summary>${t("review.keep_change")}</summary>
          <form class="row keep" onSubmit=${submit}>
            <label class="field"><span>${t("review.keep_days")}</span><input type="number" min="1" max=${MOST_DAYS} required value=${wanted} onInput=${({ target }) => setWanted(target.value)} /></label>
            <button class="button" disabled=${busy}>${t("review.keep_do")}</button>
            ${!off && html`<button type="button" class="button" disabled=${busy} onClick=${() => set(null)}>${t("review.keep_not")}</button>`}
          </form>
          <p class="hint">${t("review.keep_care")}</p>
          <${AsCode} method="PATCH" path=${path} json=${{ policies: { keep_unknown_days: Number(wanted) } }}
            python=${`client.collections.set_policies({"keep_unknown_days": ${Number(wanted)}}, collection=${JSON.stringify(collection)})`} />
        </details>
      `}
      ${off && !session.get().may("admin") && html`<p class="hint">${t("review.keep_ask")}</p>`}
      ${problem && html`<${ProblemNote} problem=${problem} />`}
    </div>
  `;
}
