// "This is somebody else": shows the enrolled face that matched and leads to its person. Nothing is changed here.
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { Scale } from "../../parts/scale.mjs";
import { Pair, PersonLink, nameOf } from "./candidate.mjs";

export const NotThem = ({ match, face, file, onClose }) => html`
  <${Dialog} title=${t("who.not_them_title")} onClose=${onClose}>
    <p>${rich("who.not_them_what", { name: html`<bdi>${nameOf(match)}</bdi>` })}</p>
    <${Pair} match=${match} face=${face} file=${file} />
    <${Scale} similarity=${match.similarity} threshold=${match.threshold} />
    <ul>
      <li>${t("who.not_them_wrong_photo")}</li>
      <li>${t("who.not_them_alike")}</li>
    </ul>
    <p>${t("who.not_them_person")} <${PersonLink} match=${match} /></p>
    <p class="hint">${t("who.not_them_nothing")}</p>
  <//>
`;
