// One of the two photos: which of its faces is compared, and another one instead.
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { DropTarget } from "../../parts/drop-target.mjs";
import { FaceCut } from "../../parts/face-cut.mjs";
import { Photo } from "../../parts/photo.mjs";

const MOST_SHOWN = 12; // faces with a picture each

// A photo, its faces, which of them was compared, and which was asked for: places in the answer of /detect.
export const EMPTY = { file: null, faces: null, chosen: 0, index: undefined };

// The faces of an image of an answer, most prominent first, and the place of the one that was compared.
export function facesOf({ chosen, other_faces }, image) {
  const place = chosen[image]?.index ?? 0;
  return { faces: other_faces[image].toSpliced(place, 0, chosen[image]).filter(Boolean), chosen: place };
}

export function Side({ label, side, pastes, onChange }) {
  const { file, faces, chosen } = side;
  const choose = (i) => onChange({ chosen: i, index: i });
  const several = faces?.length > 1;
  return html`
    <section class="stack" aria-label=${label}>
      <h2>${label}</h2>
      <${DropTarget} label=${t("same.drop")} pastes=${pastes} onPhoto=${(taken) => onChange({ ...EMPTY, file: taken })}>
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
