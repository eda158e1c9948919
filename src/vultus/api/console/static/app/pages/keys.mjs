// Keys: which there are, what each may do and when it was used last; make, renew, revoke.
import { useState } from "preact/hooks";
import { get } from "../api.mjs";
import { html } from "../html.mjs";
import { moment, t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";
import { useAnswer } from "../parts/records/answer.mjs";
import { AsCode } from "../parts/as-code.mjs";
import { DataTable } from "../parts/records/data-table.mjs";
import { ProblemNote } from "../parts/problem.mjs";
import { since } from "../parts/records/units.mjs";
import { Announced } from "../parts/verdict.mjs";
import { link } from "../router.mjs";
import { session } from "../session.mjs";
import { NewKey } from "./keys/new-key.mjs";
import { Renew, Revoke } from "./keys/renew-revoke.mjs";
import { ShownOnce } from "./keys/shown-once.mjs";

const DIALOGS = { create: NewKey, renew: Renew, revoke: Revoke };

export default function Keys() {
  if (session.get().keyless) return html`<div class="page"><h1>${t("keys.title")}</h1><p class="note">${t("keys.keyless")}</p></div>`;
  return html`<${List} />`;
}

function List() {
  const { answer, problem, busy, again } = useAnswer((signal) => get("keys", {}, { signal }));
  const [open, setOpen] = useState(null); // {dialog, key}
  const [made, setMade] = useState(null);
  const close = () => setOpen(null);
  const done = (made) => (close(), setMade(made ?? null), again());
  const Dialog = DIALOGS[open?.dialog];
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("keys.title")}</h1><p class="hint">${t("keys.what")}</p></header>
      <div class="row">
        <button type="button" class="button primary" onClick=${() => setOpen({ dialog: "create" })}><${Icon} name="add" />${t("keys.create")}</button>
      </div>
      <${Announced} busy=${busy}>
        <div class="stack">
          ${problem && html`<${ProblemNote} problem=${problem} />`}
          ${busy && !answer && html`<p class="hint busy">${t("keys.loading")}</p>`}
          ${answer && html`<${Tables} keys=${answer.keys} onOpen=${(dialog, key) => setOpen({ dialog, key })} />`}
        </div>
      <//>
      <${AsCode} path="keys" python=${"for key in client.keys.list():\n    print(key.name, key.scopes, key.last_used_at)"} />
      ${Dialog && html`<${Dialog} named=${open.key} onClose=${close} onDone=${done} />`}
      ${made && html`<${ShownOnce} made=${made} onClose=${() => setMade(null)} />`}
    </div>
  `;
}

const ended = ({ revoked_at, expires_at }) => revoked_at !== null || (expires_at !== null && new Date(expires_at) <= new Date());

function Tables({ keys, onOpen }) {
  const old = keys.filter(ended);
  return html`
    <${KeyTable} keys=${keys.filter((key) => !ended(key))} onOpen=${onOpen} />
    ${old.length > 0 && html`
      <details>
        <summary>${t("keys.ended", { count: old.length })}</summary>
        <${KeyTable} keys=${old} onOpen=${onOpen} />
      </details>
    `}
  `;
}

const KeyTable = ({ keys, onOpen }) => html`
  <${DataTable} caption=${t("keys.title")}
    heads=${[t("keys.name"), t("keys.may"), t("keys.used"), t("keys.ends"), t("keys.actions")]}
    rows=${keys.map((key) => ({ key: key.id, quiet: ended(key), cells: cellsOf(key, onOpen) }))} />
`;

const cellsOf = (key, onOpen) => [
  html`<strong><bdi>${key.name}</bdi></strong>${key.id === session.get().key.id && html`<span class="tag good">${t("keys.own")}</span>`}<span class="hint"><code>${key.id.slice(0, 8)}</code></span>`,
  html`<${Grants} granted=${key} />`,
  key.last_used_at ? html`<time datetime=${key.last_used_at} title=${moment(key.last_used_at)}>${since(key.last_used_at)}</time>` : t("keys.never_used"),
  html`<span>${endOf(key)}</span>${key.requests_per_minute && html`<span class="hint">${t("keys.rate", { count: key.requests_per_minute })}</span>`}`,
  html`<div class="row"><${Actions} of=${key} onOpen=${onOpen} /></div>`,
];

const Grants = ({ granted: { scopes, collections } }) => html`
  <span>${(scopes.includes("admin") ? ["admin"] : scopes).map((scope) => t(`keys.short_${scope}`)).join(", ")}</span>
  <span class="hint">${collections ? html`${t("keys.only_in")} <bdi>${collections.join(", ")}</bdi>` : t("keys.everywhere")}</span>
`;

function endOf({ revoked_at, expires_at }) {
  if (revoked_at) return t("keys.revoked", { time: moment(revoked_at) });
  if (!expires_at) return t("keys.never_ends");
  return moment(expires_at);
}

function Actions({ of: key, onOpen }) {
  const activity = html`<a class="button quiet" href=${`${link("activity")}?key=${encodeURIComponent(key.id)}`}>${t("keys.activity")}</a>`;
  if (ended(key)) return activity;
  return html`
    ${activity}
    <button type="button" class="button quiet" onClick=${() => onOpen("renew", key)}>${t("keys.renew")}</button>
    <button type="button" class="button quiet danger" onClick=${() => onOpen("revoke", key)}>${t("keys.revoke")}</button>
  `;
}
