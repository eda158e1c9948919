// Makes a collection, and changes the rules of one.
import { useState } from "preact/hooks";
import { address, get, patch, put } from "../../api.mjs";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { useAnswer } from "../../parts/records/answer.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { NO_RULES, RuleFields, changesOf, fieldsOf } from "./rules.mjs";

const NAME = "[A-Za-z0-9_\\-]+";

export function NewCollection({ all, onClose, onDone }) {
  const [name, setName] = useState("");
  const [model, setModel] = useState("");
  const [fields, setFields] = useState(NO_RULES);
  const taken = all.some(({ collection }) => collection === name);
  const policies = changesOf(fields);
  const json = { ...(model && { model }), ...(Object.keys(policies).length && { policies }) };
  const send = () => put(address`collections/${name}`, json).then(() => onDone(name));
  return html`
    <${Form} title=${t("collections.create")} button=${t("collections.create_it")} ready=${name && !taken} onSend=${send} onClose=${onClose}>
      <label class="field">
        <span>${t("collections.name_of")}</span>
        <input required autofocus pattern=${NAME} title=${t("collections.name_rule")} maxlength="64" autocomplete="off" autocapitalize="off" spellcheck=${false} dir="ltr" value=${name}
          onInput=${(event) => setName(event.target.value.trim())} />
      </label>
      <p class="hint">${t("collections.name_rule")}</p>
      ${taken && html`<p class="note bad" role="alert">${t("error.collection_exists")}</p>`}
      <${ModelChoice} model=${model} onModel=${setModel} />
      <${RuleFields} fields=${fields} onChange=${setFields} />
      <${AsCode} method="PUT" path=${address`collections/${name || "NAME"}`} json=${json}
        python=${`client.collections.create("${name || "NAME"}"${pythonOf(json)})`} />
    <//>
  `;
}

const python = (value) => JSON.stringify(value).replace(/\btrue\b/g, "True").replace(/\bfalse\b/g, "False").replace(/\bnull\b/g, "None");
const pythonOf = (json) => Object.entries(json).map(([name, value]) => `, ${name}=${python(value)}`).join("");

function ModelChoice({ model, onModel }) {
  const { answer } = useAnswer((signal) => get("capabilities", {}, { signal }));
  const models = (answer?.models ?? []).filter(({ installed }) => installed);
  return html`
    <label class="field">
      <span>${t("collections.model_of")}</span>
      <select value=${model} onChange=${(event) => onModel(event.target.value)}>
        <option value="">${t("collections.model_default")}</option>
        ${models.map(({ model_id }) => html`<option key=${model_id} value=${model_id}>${model_id}</option>`)}
      </select>
    </label>
  `;
}

export function ChangeRules({ of: one, onClose, onDone }) {
  const before = fieldsOf(one.policies);
  const [fields, setFields] = useState(before);
  const policies = changesOf(fields, before);
  const path = address`collections/${one.collection}`;
  const send = () => patch(path, { policies }).then(() => onDone());
  return html`
    <${Form} title=${t("collections.change")} button=${t("collections.change_it")} ready=${Object.keys(policies).length > 0} onSend=${send} onClose=${onClose}>
      <p><strong><bdi>${one.collection}</bdi></strong></p>
      <p class="hint">${t("collections.change_what")}</p>
      <${RuleFields} fields=${fields} before=${before} onChange=${setFields} />
      <${AsCode} method="PATCH" path=${path} json=${{ policies }}
        python=${`client.collections.set_policies(${python(policies)}, collection="${one.collection}")`} />
    <//>
  `;
}

function Form({ title, button, ready, onSend, onClose, children }) {
  const [sent, setSent] = useState({});
  const send = (event) => {
    event.preventDefault();
    if (!ready) return;
    setSent({ busy: true });
    onSend().catch((problem) => setSent({ problem }));
  };
  return html`
    <${Dialog} title=${title} onClose=${onClose}>
      <form class="stack" onSubmit=${send}>
        ${children}
        ${sent.problem && html`<${ProblemNote} problem=${sent.problem} />`}
        <div class="row">
          <button class="button primary" disabled=${sent.busy || !ready}>${button}</button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
      </form>
    <//>
  `;
}
