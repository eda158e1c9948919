// The name that people read, and the id that programs use.
import { useState } from "preact/hooks";
import { patch, post } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { changed } from "../../parts/person/last-change.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { go } from "../../router.mjs";
import { pathOf, pythonOf } from "./calls.mjs";

export function Rename({ person, onChanged, onClose }) {
  const [name, setName] = useState(person.name ?? "");
  const [id, setId] = useState(person.subject);
  const { run, busy, problem } = useAction();
  const renamed = name.trim() !== (person.name ?? "");
  const moved = id !== person.subject;
  const save = async (event) => {
    event.preventDefault();
    const saved = await run(async () => {
      if (renamed) await patch(pathOf(person), { name: name.trim() });
      return moved ? post(`${pathOf(person)}/rename`, { subject: id }) : person;
    });
    if (!saved) return;
    onClose();
    if (saved.undo) {
      changed(saved.undo, () => rich("people.renamed", { id: html`<bdi>${saved.subject}</bdi>` }));
      go("people", saved.subject);
    } else if (renamed) onChanged();
  };
  return html`
    <${Dialog} title=${t("people.do_rename")} onClose=${onClose}>
      <form class="stack" onSubmit=${save}>
        <label class="field">
          <span>${t("people.name")}</span>
          <input value=${name} maxlength="256" autocomplete="off" autofocus dir="auto" onInput=${({ target }) => setName(target.value)} />
        </label>
        <label class="field">
          <span>${t("people.id")}</span>
          <input value=${id} maxlength="256" autocomplete="off" spellcheck=${false} required dir="auto" aria-describedby="id-hint" onInput=${({ target }) => setId(target.value)} />
        </label>
        <p class="hint" id="id-hint">${t("people.id_hint")}</p>
        ${problem && html`<${ProblemNote} problem=${problem} />`}
        <div class="row">
          <button class="button primary" disabled=${busy || !(renamed || moved)}>${t("people.save")}</button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
      </form>
      ${moved
        ? html`<${AsCode} method="POST" path="${pathOf(person)}/rename" json=${{ subject: id }} python=${pythonOf(person, "rename", `, ${JSON.stringify(id)}`)} />`
        : html`<${AsCode} method="PATCH" path=${pathOf(person)} json=${{ name: name.trim() }} python=${pythonOf(person, "update", `, name=${JSON.stringify(name.trim())}`)} />`}
    <//>
  `;
}
