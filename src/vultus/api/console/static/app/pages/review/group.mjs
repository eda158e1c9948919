// Faces that may show one person: the first ones, when they were seen, and what can be done with them.
import { address } from "../../api.mjs";
import { html } from "../../html.mjs";
import { moment, t } from "../../i18n.mjs";
import { StoredPhoto } from "../../parts/stored-photo.mjs";
import { session } from "../../session.mjs";

const SHOWN = 6;

export const UnknownFace = ({ collection, face, alt = "" }) => html`
  <${StoredPhoto} path=${address`collections/${collection}/unknown/${face.id}/photo`} alt=${alt} />
`;

// ignored: whether these are the faces that are not to be listed.
export function Group({ collection, group, ignored, onOpen, onIgnore }) {
  const { faces, first_seen: first, last_seen: last } = group;
  const seen = t("review.seen", { count: faces.length });
  return html`
    <li class="card group">
      <div class="thumbs" role="img" aria-label=${seen}>
        ${faces.slice(0, SHOWN).map((face) => html`<${UnknownFace} key=${face.id} collection=${collection} face=${face} />`)}
        ${faces.length > SHOWN && html`<span class="no-photo">+${faces.length - SHOWN}</span>`}
      </div>
      <p><strong>${seen}</strong></p>
      <p class="hint">${faces.length > 1 ? t("review.seen_from", { first: moment(first), last: moment(last) }) : moment(last)}</p>
      <div class="row tight">
        ${session.get().may("enroll") && html`<button type="button" class="button small" onClick=${() => onOpen("assign")}>${t("review.assign")}</button>`}
        ${session.get().may("enroll") && html`<button type="button" class="button small" onClick=${onIgnore}>${t(ignored ? "review.not_ignore" : "review.ignore")}</button>`}
        ${session.get().may("erase") && html`<button type="button" class="button small" onClick=${() => onOpen("erase")}>${t("review.erase")}</button>`}
      </div>
    </li>
  `;
}
