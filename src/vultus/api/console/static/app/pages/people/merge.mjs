// Two records of one person become one: all photos go to the other, whose name stays. Can be undone.
import { useState } from "preact/hooks";
import { post } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { changed } from "../../parts/person/last-change.mjs";
import { PersonPicker } from "../../parts/person/picker.mjs";
import { PersonName, Portrait } from "../../parts/person/portrait.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { go } from "../../router.mjs";
import { pathOf, pythonOf } from "./calls.mjs";

export function Merge({ person, onClose }) {
  const [other, setOther] = useState(null);
  const [keeps, setKeeps] = useState(true); // the other one keeps its name
  const { run, busy, problem } = useAction();
  const [from, into] = keeps ? [person, other] : [other, person];
  const merge = async (event) => {
    event.preventDefault();
    const merged = other && (await run(() => post(`${pathOf(from)}/merge`, { into: into.subject })));
    if (!merged) return;
    const names = { from: html`<${PersonName} person=${from} />`, into: html`<${PersonName} person=${into} />` };
    changed(merged.undo, () => rich("people.merged", { count: merged.moved, ...names }));
    onClose();
    go("people", into.subject);
  };
  return html`
    <${Dialog} title=${t("people.merge_title")} onClose=${onClose}>
      <form class="stack" onSubmit=${merge}>
        <p>${rich("people.merge_what", { name: html`<${PersonName} person=${person} />` })}</p>
        <${PersonPicker} label=${t("people.merge_with")} collection=${person.collection} without=${person.subject} chosen=${other} onChoose=${setOther} />
        ${other && html`<${Keeps} people=${[other, person]} keeps=${keeps} onKeeps=${setKeeps} />`}
        ${problem && html`<${ProblemNote} problem=${problem} />`}
        <div class="row">
          <button class="button primary" disabled=${busy || !other}>${t("people.merge_do")}</button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
      </form>
      ${other && html`<${AsCode} method="POST" path="${pathOf(from)}/merge" json=${{ into: into.subject }} python=${pythonOf(from, "merge", `, into=${JSON.stringify(into.subject)}`)} />`}
    <//>
  `;
}

const Keeps = ({ people, keeps, onKeeps }) => html`
  <fieldset class="known">
    <legend>${t("people.merge_keeps")}</legend>
    ${people.map((one, i) => html`
      <label>
        <input type="radio" name="keeps" checked=${keeps === (i === 0)} onChange=${() => onKeeps(i === 0)} />
        <${Portrait} person=${one} size=${96} /><span><${PersonName} person=${one} /><span class="hint">${t("people.faces", { count: one.faces })}</span></span>
      </label>
    `)}
  </fieldset>
`;
