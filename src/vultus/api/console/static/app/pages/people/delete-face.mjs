// Erases one photo of a person, after a look at what goes.
import { address, erase } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { PersonName } from "../../parts/person/portrait.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { FaceCrop } from "../../parts/stored-photo.mjs";

const GONE = ["face_not_found", "subject_not_found"];

export function DeleteFace({ person, face, last, onChanged, onClose }) {
  const { run, busy, problem } = useAction();
  const path = address`faces/${face.face_id}`;
  const name = html`<${PersonName} person=${person} />`;
  const over = () => (onClose(), onChanged());
  const gone = GONE.includes(problem?.code);
  return html`
    <${Dialog} title=${t("people.delete_title")} onClose=${gone ? over : onClose}>
      ${!gone && html`<div class="pair"><${FaceCrop} faceId=${face.face_id} size=${256} alt=${t("people.photo")} /></div>`}
      ${gone ? html`<p role="status">${t("people.delete_gone")}</p>` : html`<p>${rich(face.photo ? "people.delete_what" : "people.delete_face_only", { name })}</p>`}
      ${last && !gone && html`<p class="note warn">${rich("people.delete_last", { name })}</p>`}
      ${problem && !gone && html`<${ProblemNote} problem=${problem} />`}
      <div class="row">
        ${gone
          ? html`<button type="button" class="button primary" onClick=${over}>${t("dialog.close")}</button>`
          : html`
              <button type="button" class="button danger" disabled=${busy} onClick=${async () => (await run(() => erase(path))) !== undefined && over()}>${t("people.delete_do")}</button>
              <button type="button" class="button" autofocus onClick=${onClose}>${t("dialog.cancel")}</button>
            `}
      </div>
      <${AsCode} method="DELETE" path=${path} python=${`client.faces.erase("${face.face_id}")`} />
    <//>
  `;
}
