// The stored photo with the face marked in it; and the face that shows the person everywhere.
import { useEffect, useState } from "preact/hooks";
import { getBlob, address, patch } from "../../api.mjs";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { Photo } from "../../parts/photo.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { FaceCrop } from "../../parts/stored-photo.mjs";
import { pathOf, pythonOf } from "./calls.mjs";

export function WholePhoto({ face, onClose }) {
  const [file, setFile] = useState(null);
  const { run, problem } = useAction();
  const path = address`faces/${face.face_id}/photo`;
  useEffect(() => void run(() => getBlob(path)).then((blob) => blob && setFile(blob)), []);
  return html`
    <${Dialog} title=${t("people.photo")} onClose=${onClose}>
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      ${file ? html`<${Photo} file=${file} faces=${face.facial_area ? [face] : []} />` : !problem && html`<p class="hint" aria-busy="true">…</p>`}
      <p class="hint">${t("people.photo_size", { width: face.photo.width, height: face.photo.height })}</p>
      <${AsCode} path=${path} python=${`photo = client.faces.photo("${face.face_id}")`} />
    <//>
  `;
}

export function Cover({ person, face, onChanged, onClose }) {
  const { run, busy, problem } = useAction();
  const choose = async () => {
    if (await run(() => patch(pathOf(person), { cover_face: face.face_id }))) (onClose(), onChanged());
  };
  return html`
    <${Dialog} title=${t("people.face_cover")} onClose=${onClose}>
      <div class="pair"><${FaceCrop} faceId=${face.face_id} size=${256} alt=${t("people.photo")} /></div>
      <p>${t("people.cover_what")}</p>
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      <div class="row">
        <button type="button" class="button primary" disabled=${busy} onClick=${choose}>${t("people.cover_do")}</button>
        <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
      </div>
      <${AsCode} method="PATCH" path=${pathOf(person)} json=${{ cover_face: face.face_id }} python=${pythonOf(person, "update", `, cover_face="${face.face_id}"`)} />
    <//>
  `;
}
