// Edits metadata as rows of a name and a value, and the moment at which the person is erased by itself.
import { useRef, useState } from "preact/hooks";
import { patch } from "../../api.mjs";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { pathOf, pythonOf } from "./calls.mjs";
import { shown } from "./details.mjs";

let rows = 0;
const rowOf = ([name, value]) => ({ id: rows++, name, text: shown(value), value });

export function EditDetails({ person, onChanged, onClose }) {
  const [pairs, setPairs] = useState(() => Object.entries(person.metadata).map(rowOf));
  const [expiry, setExpiry] = useState(localOf(person.expires_at));
  const { run, busy, problem } = useAction();
  const wrong = faultOf(pairs);
  const changes = changesOf(person, pairs, expiry);
  const save = async (event) => {
    event.preventDefault();
    if (wrong) return;
    if (Object.keys(changes).length === 0) return onClose();
    if (await run(() => patch(pathOf(person), changes))) (onClose(), onChanged());
  };
  return html`
    <${Dialog} title=${t("people.details_edit")} onClose=${onClose}>
      <form class="stack" onSubmit=${save}>
        <${Rows} pairs=${pairs} onPairs=${setPairs} />
        <label class="field">
          <span>${t("people.expiry")}</span>
          <input type="datetime-local" value=${expiry} aria-describedby="expiry-hint" onInput=${({ target }) => setExpiry(target.value)} />
        </label>
        <p class="hint" id="expiry-hint">${t("people.expiry_hint")}</p>
        ${wrong && html`<p class="note warn" role="status">${t(wrong)}</p>`}
        ${problem && html`<${ProblemNote} problem=${problem} />`}
        <div class="row">
          <button class="button primary" disabled=${busy || Boolean(wrong)}>${t("people.save")}</button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
      </form>
      <${AsCode} method="PATCH" path=${pathOf(person)} json=${changes} python=${pythonOf(person, "update", changes.metadata ? `, metadata=json.loads(${JSON.stringify(JSON.stringify(changes.metadata))})` : ", metadata={}")} />
    <//>
  `;
}

function Rows({ pairs, onPairs }) {
  const list = useRef();
  const change = (id, changed) => onPairs(pairs.map((row) => (row.id === id ? { ...row, ...changed } : row)));
  const add = () => {
    onPairs([...pairs, rowOf(["", ""])]);
    setTimeout(() => list.current?.querySelector(".detail:last-of-type input")?.focus());
  };
  return html`
    <fieldset class="rows" ref=${list}>
      <legend>${t("people.details")}</legend>
      ${pairs.map(({ id, name, text }) => html`
        <div class="detail" key=${id}>
          <input aria-label=${t("people.detail_name")} placeholder=${t("people.detail_name")} value=${name} dir="auto" onInput=${({ target }) => change(id, { name: target.value })} />
          <input aria-label=${t("people.detail_value")} placeholder=${t("people.detail_value")} value=${text} dir="auto" onInput=${({ target }) => change(id, { text: target.value })} />
          <button type="button" class="button quiet" aria-label="${t("people.detail_remove")} ${name}" onClick=${() => onPairs(pairs.filter((row) => row.id !== id))}><${Icon} name="close" /></button>
        </div>
      `)}
      <button type="button" class="button" onClick=${add}><${Icon} name="add" />${t("people.detail_add")}</button>
    </fieldset>
  `;
}

const used = (pairs) => pairs.filter(({ name, text }) => name.trim() || text.trim());

function faultOf(pairs) {
  const names = used(pairs).map(({ name }) => name.trim());
  if (names.includes("")) return "people.detail_no_name";
  return new Set(names).size < names.length ? "people.detail_twice" : null;
}

// Only what differs. A value that was no text, such as a number or a list, stays of its kind while it reads as JSON.
function changesOf(person, pairs, expiry) {
  const metadata = Object.fromEntries(used(pairs).map((row) => [row.name.trim(), valueOf(row)]));
  return {
    ...(JSON.stringify(metadata) !== JSON.stringify(person.metadata) && { metadata }),
    ...(expiry !== localOf(person.expires_at) && { expires_at: expiry ? new Date(expiry).toISOString() : "" }),
  };
}

function valueOf({ text, value }) {
  if (text === shown(value)) return value;
  if (typeof value === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// As the field has it: in the time zone of whoever looks at it, to the minute.
function localOf(moment) {
  if (!moment) return "";
  const at = new Date(moment);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
