// Erases a person: says what goes and what stays, and asks for the name to be typed.
import { useEffect, useId, useState } from "preact/hooks";
import { erase, get } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { PersonName, Portrait, nameOf } from "../../parts/person/portrait.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { pathOf, pythonOf } from "./calls.mjs";

const GONE = ["subject_not_found", "collection_not_found"];
const plain = (text) => text.normalize("NFC").trim().replace(/\s+/gu, " ");

// onEnd({receipt}) after the erasure; onEnd({gone}) where somebody else was first.
export function Erase({ person: known, onEnd, onClose }) {
  const person = useLatest(known, onEnd);
  const [typed, setTyped] = useState("");
  const { run, busy, problem } = useAction();
  const hint = useId();
  const wanted = [person.subject, person.name].filter(Boolean).map(plain);
  const agreed = wanted.includes(plain(typed));
  const confirm = async (event) => {
    event.preventDefault();
    if (agreed) await run(() => erased(person, onEnd));
  };
  const name = html`<${PersonName} person=${person} />`;
  return html`
    <${Dialog} title=${t("people.erase_title")} onClose=${onClose}>
      <form class="stack" onSubmit=${confirm}>
        <div class="person-line"><${Portrait} person=${person} size=${128} /><strong>${name}</strong></div>
        <${Goes} person=${person} />
        <label class="field">
          <span>${rich("people.erase_type", { name: html`<bdi class="typed">${nameOf(person)}</bdi>` })}</span>
          <input value=${typed} autocomplete="off" spellcheck=${false} autofocus dir="auto" aria-describedby=${hint} onInput=${({ target }) => setTyped(target.value)} />
        </label>
        <p class="hint" id=${hint}>${t("people.erase_final")}${person.name && person.name !== person.subject && html` ${rich("people.erase_or_id", { id: html`<bdi><code>${person.subject}</code></bdi>` })}`}</p>
        ${problem && html`<${ProblemNote} problem=${problem} />`}
        <div class="row">
          <button class="button danger" disabled=${busy || !agreed}>${t("people.erase_do")}</button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
      </form>
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
