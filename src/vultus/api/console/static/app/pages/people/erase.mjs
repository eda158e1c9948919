// Erases a person: says what goes and what stays, and asks for the name to be typed.
import { useEffect, useState } from "preact/hooks";
import { erase, get } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { PersonName, Portrait, nameOf } from "../../parts/person/portrait.mjs";
import { TypedConfirm } from "../../parts/typed-confirm.mjs";
import { pathOf, pythonOf } from "./calls.mjs";

const GONE = ["subject_not_found", "collection_not_found"];

// onEnd({receipt}) after the erasure; onEnd({gone}) where somebody else was first.
export function Erase({ person: known, onEnd, onClose }) {
  const person = useLatest(known, onEnd);
  const { subject, name } = person;
  const orId = name && name !== subject && html` ${rich("people.erase_or_id", { id: html`<bdi><code>${subject}</code></bdi>` })}`;
  return html`
    <${Dialog} title=${t("people.erase_title")} onClose=${onClose}>
      <${TypedConfirm} words=${[nameOf(person), subject]} hint=${html`${t("people.erase_final")}${orId}`} action=${t("people.erase_do")}
        onConfirm=${() => erased(person, onEnd)} onClose=${onClose}>
        <div class="person-line"><${Portrait} person=${person} size=${128} /><strong><${PersonName} person=${person} /></strong></div>
        <${Goes} person=${person} />
      <//>
      <${AsCode} method="DELETE" path=${pathOf(person)} python=${`receipt = ${pythonOf(person, "erase")}\nprint(receipt.deleted)`} />
    <//>
  `;
}

// As the server has the person now: another window may have changed or erased it since the page was shown.
function useLatest(known, onEnd) {
  const [person, setPerson] = useState(known);
  useEffect(() => {
    get(pathOf(known)).then(setPerson, ({ code }) => GONE.includes(code) && onEnd({ gone: known.subject }));
  }, []);
  return person;
}

async function erased(person, onEnd) {
  try {
    const answer = await erase(pathOf(person));
    onEnd({ receipt: { person, answer, at: new Date().toISOString() } });
  } catch (problem) {
    if (!GONE.includes(problem.code)) throw problem;
    onEnd({ gone: person.subject });
  }
}

const Goes = ({ person }) => {
  const details = Object.keys(person.metadata).length;
  return html`
    <div class="note bad">
      <div>
        <p>${t("people.erase_goes")}</p>
        <ul>
          <li>${t("people.erase_faces", { count: person.faces })}</li>
          ${person.photos > 0 && html`<li>${t("people.erase_photos", { count: person.photos })}</li>`}
          <li>${details ? t("people.erase_record_details", { count: details }) : t("people.erase_record")}</li>
        </ul>
      </div>
    </div>
    <p class="hint">${t("people.erase_stays")}</p>
  `;
};
