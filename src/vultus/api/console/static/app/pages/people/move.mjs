// Moves a face to another person, or makes a new one of it. Can be undone.
import { useState } from "preact/hooks";
import { address, patch, post } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { changed } from "../../parts/person/last-change.mjs";
import { PersonPicker } from "../../parts/person/picker.mjs";
import { PersonName, nameOf } from "../../parts/person/portrait.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { FaceCrop } from "../../parts/stored-photo.mjs";
import { pathOf } from "./calls.mjs";

export function Move({ person, face, onChanged, onClose }) {
  const [chosen, setChosen] = useState(null);
  const [typed, setTyped] = useState("");
  const { run, busy, problem } = useAction();
  const path = address`faces/${face.face_id}/move`;
  const to = async (subject, name) => {
    const moved = await run(() => post(path, { subject }));
    if (!moved) return;
    changed(moved.undo, () => rich("people.moved", { name: html`<bdi>${name}</bdi>` }));
    if (moved.created) await run(() => patch(pathOf(moved), { name }));
    onClose();
    onChanged();
  };
  const name = typed.trim();
  return html`
    <${Dialog} title=${t("people.move_title")} onClose=${onClose}>
      <div class="pair"><${FaceCrop} faceId=${face.face_id} size=${256} alt=${t("people.photo")} /></div>
      <form class="stack" onSubmit=${(event) => (event.preventDefault(), chosen && to(chosen.subject, nameOf(chosen)))}>
        <${PersonPicker} label=${t("people.move_whose")} collection=${person.collection} without=${person.subject} chosen=${chosen} onChoose=${setChosen} onType=${setTyped} />
        ${problem && html`<${ProblemNote} problem=${problem} />`}
        <div class="row">
          <button class="button primary" disabled=${busy || !chosen}>
            ${chosen ? rich("people.move_to", { name: html`<${PersonName} person=${chosen} />` }) : t("people.move_do")}
          </button>
          ${name && !chosen && html`
            <button type="button" class="button" disabled=${busy} onClick=${() => to(newId(), name)}>${rich("people.move_new", { name: html`<bdi>${name}</bdi>` })}</button>
          `}
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
      </form>
      <${AsCode} method="POST" path=${path} json=${{ subject: chosen?.subject ?? "ID" }} python=${`client.faces.move("${face.face_id}", ${JSON.stringify(chosen?.subject ?? "ID")})`} />
    <//>
  `;
}

// As the server makes ids: 32 hexadecimal digits. randomUUID is not there on plain http.
const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
