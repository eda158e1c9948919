// The photos of a person, each with its quality in words and what can be done with it.
import { useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { moment, t } from "../../i18n.mjs";
import { lazy } from "../../lazy.mjs";
import { nameOf } from "../../parts/person/portrait.mjs";
import { FaceCrop } from "../../parts/stored-photo.mjs";
import { session } from "../../session.mjs";
import { Quality } from "./quality.mjs";

const DIALOGS = {
  photo: { scope: "read", Dialog: lazy(() => import("./whole-photo.mjs"), "WholePhoto") },
  cover: { scope: "enroll", Dialog: lazy(() => import("./whole-photo.mjs"), "Cover") },
  move: { scope: "enroll", Dialog: lazy(() => import("./move.mjs"), "Move") },
  delete: { scope: "erase", Dialog: lazy(() => import("./delete-face.mjs"), "DeleteFace") },
};

export function Faces({ person, faces, onChanged }) {
  const [open, setOpen] = useState(null);
  const chosen = DIALOGS[open?.name];
  return html`
    <section class="stack">
      <h2>${t("people.photos")}</h2>
      ${faces.length === 0 && html`<p class="note warn">${t("people.no_faces")}</p>`}
      <ul class="photos">
        ${faces.map((face, i) => html`<${FaceCard} key=${face.face_id} person=${person} face=${face} place=${i + 1} onOpen=${(name) => setOpen({ name, face })} />`)}
      </ul>
      ${chosen && html`<${chosen.Dialog} person=${person} face=${open.face} last=${faces.length === 1} onChanged=${onChanged} onClose=${() => setOpen(null)} />`}
    </section>
  `;
}

function FaceCard({ person, face, place, onOpen }) {
  const title = t("people.photo_of", { place, name: nameOf(person) });
  const cover = face.face_id === person.cover_face;
  const names = Object.keys(DIALOGS).filter((name) => session.get().may(DIALOGS[name].scope) && possible(name, face, cover));
  return html`
    <li class="card face-card">
      <${FaceCrop} faceId=${face.face_id} size=${256} alt=${title} />
      <div class="stack">
        <p class="hint">${moment(face.created_at, { dateStyle: "medium" })}${cover && person.faces > 1 && html` <span class="tag">${t("people.is_cover")}</span>`}</p>
        <${Quality} quality=${face.quality} />
        <div class="row tight">
          ${names.map((name) => html`
            <button type="button" class="button small" aria-label="${t(`people.face_${name}`)}: ${title}" onClick=${() => onOpen(name)}>${t(`people.face_${name}`)}</button>
          `)}
        </div>
      </div>
    </li>
  `;
}

const possible = (name, face, cover) => (name === "photo" ? face.photo : name === "cover" ? face.photo && !cover : true);
