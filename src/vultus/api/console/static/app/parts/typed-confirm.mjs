// Asks for a name to be typed before something is erased that cannot be brought back.
import { useId, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { rich, t } from "../i18n.mjs";
import { useAction } from "./action.mjs";
import { ProblemNote } from "./problem.mjs";

const plain = (text) => text.normalize("NFC").trim().replace(/\s+/gu, " ");

// words: what may be typed, the one that is asked for first; hint: below the field; action: what the button says;
// children: what goes; onConfirm: answers with a promise.
export function TypedConfirm({ words, hint, action, children, onConfirm, onClose }) {
  const [typed, setTyped] = useState("");
  const { run, busy, problem } = useAction();
  const id = useId();
  const agreed = words.map(plain).includes(plain(typed));
  const confirm = (event) => {
    event.preventDefault();
    if (agreed) run(onConfirm);
  };
  return html`
    <form class="stack" onSubmit=${confirm}>
      ${children}
      <label class="field">
        <span>${rich("confirm.type", { word: html`<bdi class="typed">${words[0]}</bdi>` })}</span>
        <input value=${typed} autofocus autocomplete="off" autocapitalize="off" spellcheck=${false} dir="auto" aria-describedby=${id}
          onInput=${({ target }) => setTyped(target.value)} />
      </label>
      <p class="hint" id=${id}>${hint}</p>
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      <div class="row">
        <button class="button danger" disabled=${busy || !agreed}>${action}</button>
        <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
      </div>
    </form>
  `;
}
