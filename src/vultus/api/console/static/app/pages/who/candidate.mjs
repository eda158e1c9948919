// One person that came into question: the enrolled face beside the one of the photo, and how alike they are.
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { FaceCut } from "../../parts/face-cut.mjs";
import { Scale } from "../../parts/scale.mjs";
import { FaceCrop } from "../../parts/stored-photo.mjs";
import { link } from "../../router.mjs";
import { session } from "../../session.mjs";

export const nameOf = ({ name, subject }) => name ?? subject;

export const Candidate = ({ match, face, file }) => html`
  <li class="card candidate">
    <${Pair} match=${match} face=${face} file=${file} />
    <div class="stack">
      <p class="candidate-name">
        <${PersonLink} match=${match} />
        <span class=${match.above_threshold ? "tag good" : "tag"}>${t(match.above_threshold ? "who.above" : "who.below")}</span>
      </p>
      <${Scale} similarity=${match.similarity} threshold=${match.threshold} />
    </div>
  </li>
`;

// The face of the photo, and the enrolled one where the key may see it.
export const Pair = ({ match, face, file }) => html`
  <div class="pair">
    <${FaceCut} file=${file} area=${face.facial_area} alt=${t("who.face_of_photo")} />
    ${session.get().may("read") && html`<${FaceCrop} faceId=${match.face_id} alt=${t("who.enrolled_face", { name: nameOf(match) })} />`}
  </div>
`;

export const PersonLink = ({ match }) => {
  const name = html`<bdi>${nameOf(match)}</bdi>`;
  return session.get().may("read") ? html`<a href=${link("people", match.subject)}>${name}</a>` : html`<strong>${name}</strong>`;
};
