// Enrolls faces that were seen, for a person of the collection or a new one. Which of them: each can be left out.
import { useState } from "preact/hooks";
import { address, post } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { PersonPicker } from "../../parts/person/picker.mjs";
import { PersonName } from "../../parts/person/portrait.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { UnknownFace } from "./group.mjs";

const MOST = 100; // ids that one call takes

export function Assign({ collection, group, onClose, onGone, onAssigned }) {
  const faces = group.faces.slice(0, MOST);
  const [left, setLeft] = useState(new Set());
  const [chosen, setChosen] = useState(null);
  const [typed, setTyped] = useState("");
  const { run, busy, problem } = useAction();
  const path = address`collections/${collection}/unknown/assign`;
  const ids = faces.map(({ id }) => id).filter((id) => !left.has(id));
  const name = typed.trim();
  const who = chosen ? { subject: chosen.subject } : { name };
  const assign = async (event) => {
    event.preventDefault();
    const made = await run(() => post(path, { ids, ...who }));
    if (made) onAssigned(made);
  };
  const gone = ["not_found", "face_not_found"].includes(problem?.code);
  return html`
    <${Dialog} title=${t("review.assign_title")} onClose=${gone ? onGone : onClose}>
      <form class="stack" onSubmit=${assign}>
        <${Chosen} collection=${collection} faces=${faces} left=${left} onLeft=${setLeft} />
        <${PersonPicker} label=${t("review.whose")} collection=${collection} chosen=${chosen} onChoose=${setChosen} onType=${setTyped} />
        <p class="hint">${t("enroll.consent")}</p>
        ${gone && html`<p class="note warn" role="status">${t("review.assign_gone")}</p>`}
        ${problem && !gone && html`<${ProblemNote} problem=${problem} />`}
        <div class="row">
          <button class="button primary" disabled=${busy || gone || !ids.length || !(chosen || name)}>
            ${chosen ? rich("review.assign_to", { name: html`<${PersonName} person=${chosen} />` }) : name ? rich("review.assign_new", { name: html`<bdi>${name}</bdi>` }) : t("review.assign_do")}
          </button>
          <button type="button" class="button" onClick=${gone ? onGone : onClose}>${t("dialog.cancel")}</button>
        </div>
      </form>
      <${AsCode} method="POST" path=${path} json=${{ ids, ...who }} python=${`client.unknown_faces.assign(${JSON.stringify(ids)}, ${chosen ? "subject" : "name"}=${JSON.stringify(chosen?.subject ?? name)}, collection=${JSON.stringify(collection)})`} />
    <//>
  `;
}

function Chosen({ collection, faces, left, onLeft }) {
  const toggle = (id) => onLeft(new Set(left.has(id) ? [...left].filter((one) => one !== id) : [...left, id]));
  return html`
    <fieldset class="rows">
      <legend>${t("review.which")}</legend>
      <div class="thumbs">
        ${faces.map((face, i) => html`
          <label key=${face.id} class="thumb">
            <input type="checkbox" checked=${!left.has(face.id)} onChange=${() => toggle(face.id)} />
            <${UnknownFace} collection=${collection} face=${face} alt=${t("review.face", { place: i + 1 })} />
          </label>
        `)}
      </div>
    </fieldset>
  `;
}
