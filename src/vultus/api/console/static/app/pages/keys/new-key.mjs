// Makes a key: what it is for, what it may do, in which collections, and for how long.
import { useEffect, useState } from "preact/hooks";
import { post } from "../../api.mjs";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { listCollections } from "../../session.mjs";

const SCOPES = ["find", "verify", "read", "enroll", "erase", "represent", "override", "metrics"];
const DAYS = [1, 7, 30, 90, 365];
const START = { name: "", scopes: ["find", "read"], collections: null, days: "", rate: "" };

export function NewKey({ onClose, onDone }) {
  const [wanted, setWanted] = useState(START);
  const [sent, setSent] = useState({});
  const change = (changed) => setWanted({ ...wanted, ...changed });
  const incomplete = !wanted.name.trim() || !wanted.scopes.length || wanted.collections?.length === 0;
  const create = (event) => {
    event.preventDefault();
    if (incomplete) return;
    setSent({ busy: true });
    post("keys", fieldsOf(wanted)).then(onDone, (problem) => setSent({ problem }));
  };
  return html`
    <${Dialog} title=${t("keys.create")} onClose=${onClose}>
      <form class="stack" onSubmit=${create}>
        <label class="field">
          <span>${t("keys.name_of")}</span>
          <input required autofocus maxlength="256" autocomplete="off" dir="auto" placeholder=${t("keys.name_like")} value=${wanted.name}
            onInput=${(event) => change({ name: event.target.value })} />
        </label>
        <${Checks} legend=${t("keys.may_do")} names=${SCOPES} chosen=${wanted.scopes} onChosen=${(scopes) => change({ scopes })} words=${Scope} />
        <p class="hint">${t("keys.no_admin")} <code dir="ltr">vultus keys create NAME --scope admin</code></p>
        <${Collections} chosen=${wanted.collections} onChosen=${(collections) => change({ collections })} />
        <div class="filters">
          <label class="field">
            <span>${t("keys.works_for")}</span>
            <select value=${wanted.days} onChange=${(event) => change({ days: event.target.value })}>
              <option value="">${t("keys.until_revoked")}</option>
              ${DAYS.map((count) => html`<option value=${String(count)}>${t("keys.days", { count })}</option>`)}
            </select>
          </label>
          <label class="field">
            <span>${t("keys.rate_of")}</span>
            <input type="number" min="1" step="1" inputmode="numeric" placeholder=${t("keys.no_limit")} value=${wanted.rate}
              onInput=${(event) => change({ rate: event.target.value })} />
          </label>
        </div>
        ${sent.problem && html`<${ProblemNote} problem=${sent.problem} />`}
        <div class="row">
          <button class="button primary" disabled=${sent.busy || incomplete}>${t("keys.create_it")}</button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
        <${AsCode} method="POST" path="keys" json=${fieldsOf(wanted)}
          python=${`made = client.keys.create(${JSON.stringify(wanted.name)}, scopes=${JSON.stringify(wanted.scopes)})\nprint(made.key)`} />
      </form>
    <//>
  `;
}

const fieldsOf = ({ name, scopes, collections, days, rate }) => ({
  name: name.trim(),
  scopes,
  ...(collections && { collections }),
  ...(days && { expires_at: new Date(Date.now() + 86_400_000 * Number(days)).toISOString() }),
  ...(rate && { requests_per_minute: Number(rate) }),
});

// One or more of some names; words: a component that says what one means.
function Checks({ legend, names, chosen, onChosen, words: Words }) {
  const toggle = (name) => onChosen(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return html`
    <fieldset class="choices">
      <legend>${legend}</legend>
      ${names.map((name) => html`
        <label class="check" key=${name}>
          <input type="checkbox" checked=${chosen.includes(name)} onChange=${() => toggle(name)} /><${Words} name=${name} />
        </label>
      `)}
    </fieldset>
  `;
}

const Scope = ({ name }) => html`<span>${t(`keys.scope_${name}`)} <code class="hint" dir="ltr">${name}</code></span>`;
const Name = ({ name }) => html`<bdi>${name}</bdi>`;

function Collections({ chosen, onChosen }) {
  const [names, setNames] = useState([]);
  useEffect(() => {
    listCollections().then((known) => setNames(known ?? []), () => {}); // then only "all" can be chosen
  }, []);
  if (!names.length) return null;
  return html`
    <label class="check">
      <input type="checkbox" checked=${chosen === null} onChange=${() => onChosen(chosen === null ? [] : null)} />
      <span>${t("keys.all_collections")}</span>
    </label>
    ${chosen && html`<${Checks} legend=${t("keys.only_these")} names=${names} chosen=${chosen} onChosen=${onChosen} words=${Name} />`}
  `;
}
