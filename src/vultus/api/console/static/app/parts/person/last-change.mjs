// The last change that can be undone, a rename, merge or move: told on the page that shows its result.
import { post, address } from "../../api.mjs";
import { html } from "../../html.mjs";
import { moment, t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { collection } from "../../session.mjs";
import { store, useStore } from "../../store.mjs";
import { useAction } from "../action.mjs";
import { ProblemNote } from "../problem.mjs";

const last = store(null);
collection.follow(() => last.set(null));

// undo: {id, until} of an answer; sentence: a function that gives what was done, as text or markup.
export const changed = (undo, sentence) => last.set({ undo, sentence });

// onUndone(answer): of POST /undo.
export function LastChange({ onUndone }) {
  const change = useStore(last);
  const { run, busy, problem } = useAction();
  const undo = async () => {
    const answer = await run(() => post(address`undo/${change.undo.id}`));
    if (!answer) return;
    last.set(null);
    onUndone(answer);
  };
  return html`
    <div aria-live="polite">
      ${change && html`
        <div class="note good change">
          <${Icon} name="match" />
          <div class="stack">
            <p>${change.sentence()}</p>
            <p class="row">
              <button type="button" class="button" disabled=${busy} onClick=${undo}>${t("undo.undo")}</button>
              <button type="button" class="button quiet" onClick=${() => last.set(null)}>${t("undo.good")}</button>
              <span class="hint">${t("undo.until", { moment: moment(change.undo.until) })}</span>
            </p>
          </div>
        </div>
      `}
      ${problem && html`<${ProblemNote} problem=${problem} />`}
    </div>
  `;
}
