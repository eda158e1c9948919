// Enrolls a face of a photo: for a person of the collection, found by name, or for a new one.
import { useEffect, useId, useState } from "preact/hooks";
import { address, get, postForm } from "../api.mjs";
import { html } from "../html.mjs";
import { rich, t } from "../i18n.mjs";
import { session } from "../session.mjs";
import { Dialog } from "./dialog.mjs";
import { Cautions } from "./evidence.mjs";
import { WITH_ROOM, cutFace } from "./face-cut.mjs";
import { ProblemNote } from "./problem.mjs";

const SHOWN = 6;

// area: the face of a group photo, which is cut out; null: the photo is sent as it is.
export function EnrollForm({ file, area, collection, onClose, onEnrolled }) {
  const [name, setName] = useState("");
  const [person, setPerson] = useState(null);
  const [sent, setSent] = useState({});
  const enroll = async (event) => {
    event.preventDefault();
    setSent({ busy: true });
    const img = area ? await cutFace(file, area, WITH_ROOM) : file;
    if (!img) return setSent({ problem: { code: "not_cut", detail: "" } });
    const who = person ? { subject: person.subject } : { name: name.trim() };
    postForm("enroll", { img, collection, ...who, face: area ? "largest" : "only" }).then(
      (answer) => setSent({ answer }),
      (problem) => setSent({ problem }),
    );
  };
  if (sent.answer) return html`<${Enrolled} answer=${sent.answer} onClose=${() => (onClose(), onEnrolled(sent.answer))} />`;
  return html`
    <${Dialog} title=${t("enroll.title")} onClose=${onClose}>
      <form class="stack" onSubmit=${enroll}>
        <${NameField} name=${name} onName=${(typed) => (setName(typed), setPerson(null))} />
        <${Known} q=${name.trim()} collection=${collection} person=${person} onPerson=${setPerson} />
        <p class="hint">${t("enroll.consent")}</p>
        ${sent.problem && html`<${ProblemNote} problem=${sent.problem} />`}
        <div class="row">
          <button class="button primary" disabled=${sent.busy || !(person || name.trim())}>
            ${person ? rich("enroll.add_to", { name: html`<bdi>${person.name ?? person.subject}</bdi>` }) : t("enroll.new")}
          </button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
      </form>
    <//>
  `;
}

const NameField = ({ name, onName }) => html`
  <label class="field">
    <span>${t("enroll.name")}</span>
    <input value=${name} maxlength="256" autocomplete="off" autofocus dir="auto" onInput=${(event) => onName(event.target.value)} />
  </label>
`;

// People of the collection whose name has what was typed.
function Known({ q, collection, person, onPerson }) {
  const [people, setPeople] = useState([]);
  const id = useId();
  useEffect(() => {
    if (!q || !session.get().may("read")) return setPeople([]);
    const stop = new AbortController();
    const found = get(address`collections/${collection}/subjects`, { q, limit: SHOWN }, { signal: stop.signal });
    found.then((page) => setPeople(page.subjects), () => {}); // a new collection has nobody yet
    return () => stop.abort();
  }, [q, collection]);
  if (!people.length) return null;
  return html`
    <fieldset class="known">
      <legend>${t("enroll.known")}</legend>
      <label><input type="radio" name=${id} checked=${!person} onChange=${() => onPerson(null)} />${t("enroll.new_person")}</label>
      ${people.map((one) => html`
        <label key=${one.subject}>
          <input type="radio" name=${id} checked=${person?.subject === one.subject} onChange=${() => onPerson(one)} />
          <bdi>${one.name ?? one.subject}</bdi> <span class="hint">${t("enroll.photos", { count: one.faces })}</span>
        </label>
      `)}
    </fieldset>
  `;
}

const Enrolled = ({ answer, onClose }) => html`
  <${Dialog} title=${t("enroll.done")} onClose=${onClose}>
    <p class="note good" role="status">${rich("enroll.done_what", { name: html`<bdi>${answer.name ?? answer.subject}</bdi>` })}</p>
    <${Cautions} answer=${answer} />
    <div class="row"><button type="button" class="button primary" onClick=${onClose}>${t("dialog.close")}</button></div>
  <//>
`;
