// Asks for a name to be typed before something is erased that cannot be brought back.
import { useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { ProblemNote } from "../../parts/problem.mjs";

// word: what has to be typed; action: what the button says; children: what goes; onConfirm: answers with a promise.
export function TypedConfirm({ word, action, children, onConfirm, onClose }) {
  const [typed, setTyped] = useState("");
  const [sent, setSent] = useState({});
  const same = typed.trim().normalize() === word.trim().normalize();
  const confirm = (event) => {
    event.preventDefault();
    if (!same) return;
    setSent({ busy: true });
    onConfirm().catch((problem) => setSent({ problem }));
  };
  return html`
    <form class="stack" onSubmit=${confirm}>
      ${children}
      <label class="field">
        <span>${rich("collections.type_name", { word: html`<bdi class="tag bad">${word}</bdi>` })}</span>
        <input value=${typed} autocomplete="off" autocapitalize="off" spellcheck=${false} dir="auto" onInput=${(event) => setTyped(event.target.value)} />
      </label>
      ${sent.problem && html`<${ProblemNote} problem=${sent.problem} />`}
      <div class="row">
        <button class="button danger" disabled=${sent.busy || !same}>${action}</button>
        <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
      </div>
    </form>
  `;
}
