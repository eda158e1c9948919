// Collections: how many people each has, how it is searched, and its rules in words; make, change, delete.
import { useState } from "preact/hooks";
import { get } from "../api.mjs";
import { html } from "../html.mjs";
import { moment, number, t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";
import { useAnswer } from "../parts/records/answer.mjs";
import { AsCode } from "../parts/as-code.mjs";
import { DataTable } from "../parts/records/data-table.mjs";
import { ProblemNote } from "../parts/problem.mjs";
import { Announced } from "../parts/verdict.mjs";
import { session, useCollection } from "../session.mjs";
import { DeleteCollection } from "./collections/delete.mjs";
import { ChangeRules, NewCollection } from "./collections/forms.mjs";
import { rulesInWords } from "./collections/rules.mjs";

const DIALOGS = { create: NewCollection, rules: ChangeRules, delete: DeleteCollection };

export default function Collections({ collection: chosen }) {
  const { answer, problem, busy, again } = useAnswer((signal) => get("collections", {}, { signal }), [chosen]);
  const [open, setOpen] = useState(null); // {dialog, collection}
  const close = () => setOpen(null);
  const done = (now) => {
    close();
    if (now && now !== chosen) useCollection(now);
    else again();
  };
  const Dialog = DIALOGS[open?.dialog];
  const collections = answer?.collections ?? [];
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("collections.title")}</h1><p class="hint">${t("collections.what")}</p></header>
      ${session.get().may("enroll") && html`
        <div class="row">
          <button type="button" class="button primary" onClick=${() => setOpen({ dialog: "create" })}><${Icon} name="add" />${t("collections.create")}</button>
        </div>
      `}
      <${Announced} busy=${busy}>
        <div class="stack">
          ${problem && html`<${ProblemNote} problem=${problem} />`}
          ${busy && !answer && html`<p class="hint busy">${t("collections.loading")}</p>`}
          ${answer && !collections.length && html`<p class="note">${t("collections.none")}</p>`}
          ${collections.length > 0 && html`<${List} collections=${collections} chosen=${chosen} onOpen=${(dialog, collection) => setOpen({ dialog, collection })} />`}
        </div>
      <//>
      <${AsCode} path="collections" python=${"for one in client.collections.list():\n    print(one.collection, one.subjects, one.policies)"} />
      ${Dialog && html`<${Dialog} of=${open.collection} all=${collections} onClose=${close} onDone=${done} />`}
    </div>
  `;
}

const List = ({ collections, chosen, onOpen }) => html`
  <${DataTable} caption=${t("collections.title")}
    heads=${[t("collections.name"), t("collections.enrolled"), t("collections.search"), t("collections.rules"), t("collections.actions")]}
    rows=${collections.map((one) => ({ key: one.collection, cells: cellsOf(one, chosen, onOpen) }))} />
`;

const cellsOf = (one, chosen, onOpen) => [
  html`<strong><bdi>${one.collection}</bdi></strong>${one.collection === chosen && html`<span class="tag good">${t("collections.chosen")}</span>`}
    <span class="hint">${one.model}</span><span class="hint">${t("collections.since", { time: moment(one.created_at, { dateStyle: "medium" }) })}</span>`,
  html`<span>${t("collections.people", { count: one.subjects })}</span><span class="hint">${t("collections.faces", { count: one.faces })}</span>`,
  html`<${Search} search=${one.search} />`,
  html`<${Rules} policies=${one.policies} />`,
  html`<div class="row"><${Actions} one=${one} chosen=${chosen} onOpen=${onOpen} /></div>`,
];

function Search({ search: { kind, recall, building } }) {
  const share = number(recall, { style: "percent", maximumFractionDigits: 1 });
  return html`
    <span>${kind === "exact" ? t("collections.search_exact") : t("collections.search_index", { share })}</span>
    ${building && html`<span class="tag">${t("collections.building")}</span>`}
  `;
}

function Rules({ policies }) {
  const rules = rulesInWords(policies);
  return html`<ul class="plain">${rules.map((rule) => html`<li key=${rule}>${rule}</li>`)}</ul>`;
}

function Actions({ one, chosen, onOpen }) {
  const { may } = session.get();
  return html`
    ${one.collection !== chosen && html`<button type="button" class="button quiet" onClick=${() => useCollection(one.collection)}>${t("collections.choose")}</button>`}
    ${may("admin") && html`<button type="button" class="button quiet" onClick=${() => onOpen("rules", one)}>${t("collections.change")}</button>`}
    ${may("erase") && html`<button type="button" class="button quiet danger" onClick=${() => onOpen("delete", one)}>${t("collections.delete")}</button>`}
  `;
}
