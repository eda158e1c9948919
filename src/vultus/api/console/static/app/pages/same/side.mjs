// One of the two photos: which of its faces is compared, and another one instead.
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { DropTarget } from "../../parts/drop-target.mjs";
import { FaceCut, WITH_ROOM, cutFace } from "../../parts/face-cut.mjs";
import { Photo } from "../../parts/photo.mjs";

const MOST_SHOWN = 12; // faces with a picture each

// The faces of an image of an answer: the one that was compared first, then the others, most prominent first.
export const facesOf = ({ chosen, other_faces }, image) => [chosen[image], ...other_faces[image]].filter(Boolean);

// side: {file, cut, faces, chosen}; cut: the face that was chosen, as a photo of its own.
export function Side({ label, side, pastes, onChange }) {
  const { file, faces, chosen } = side;
  const choose = async (i) => {
    const cut = i === 0 ? null : await cutFace(file, faces[i].facial_area, WITH_ROOM);
    if (i === 0 || cut) onChange({ chosen: i, cut });
  };
  const several = faces?.length > 1;
  return html`
    <section class="stack" aria-label=${label}>
      <h2>${label}</h2>
      <${DropTarget} label=${t("same.drop")} pastes=${pastes} onPhoto=${(taken) => onChange({ file: taken, cut: null, faces: null, chosen: 0 })}>
        ${file && html`<${Photo} file=${file} faces=${faces ?? []} chosen=${chosen} onChoose=${several ? choose : undefined} />`}
      <//>
      ${several && html`<${FaceChoice} file=${file} faces=${faces} chosen=${chosen} onChoose=${choose} label=${label} />`}
    </section>
  `;
}

const FaceChoice = ({ file, faces, chosen, onChoose, label }) => html`
  <fieldset class="known faces">
    <legend>${t("same.several", { count: faces.length })}</legend>
    ${faces.map((face, i) => html`
      <label>
        <input type="radio" name=${label} checked=${i === chosen} onChange=${() => onChoose(i)} />
        ${faces.length <= MOST_SHOWN && html`<${FaceCut} file=${file} area=${face.facial_area} alt="" />`}
        ${i === 0 ? t("same.face_used") : t("same.face_other", { place: i + 1 })}
      </label>
    `)}
  </fieldset>
`;
