// Chooses a person of the collection by name or id: a field, and those who were found with their pictures.
import { useId, useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { PersonName, Portrait, nameOf } from "./portrait.mjs";
import { ProblemNote } from "../problem.mjs";
import { useSubjects } from "./subjects.mjs";

const SHOWN = 8;

// chosen: a subject or null. without: the id of one who cannot be chosen. onType: what stands in the field now.
export function PersonPicker({ label, collection, without, chosen, onChoose, onType }) {
  const [typed, setTyped] = useState("");
  const group = useId();
  const { people, busy, problem } = useSubjects(collection, { q: typed, limit: SHOWN + 1 });
  const others = people.filter(({ subject }) => subject !== without).slice(0, SHOWN);
  if (chosen && !others.some(({ subject }) => subject === chosen.subject)) others.unshift(chosen); // chosen of an earlier list
  const type = ({ target }) => (setTyped(target.value), onChoose(null), onType?.(target.value));
  return html`
    <label class="field">
      <span>${label}</span>
      <input type="search" value=${typed} maxlength="256" autocomplete="off" autofocus dir="auto" onInput=${type} />
    </label>
    ${problem && html`<${ProblemNote} problem=${problem} />`}
    <div aria-live="polite">
      ${!busy && !problem && !others.length && html`<p class="hint">${t("picker.nobody")}</p>`}
      ${others.length > 0 && html`
        <fieldset class="known">
          <legend>${t("picker.choose")}</legend>
          ${others.map((one) => html`
            <label key=${one.subject}>
              <input type="radio" name=${group} checked=${chosen?.subject === one.subject} onChange=${() => onChoose(one)} />
              <${Portrait} person=${one} size=${96} />
              <span><${PersonName} person=${one} />${nameOf(one) !== one.subject && html`<bdi class="hint">${one.subject}</bdi>`}</span>
            </label>
          `)}
        </fieldset>
      `}
    </div>
  `;
}
