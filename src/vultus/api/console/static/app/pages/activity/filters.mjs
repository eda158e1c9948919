// Which lines are shown: as GET /audit has its filters, kept in the address, so that a link and "back" have them too.
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { useAnswer } from "../../parts/records/answer.mjs";
import { link } from "../../router.mjs";
import { listCollections } from "../../session.mjs";
import { ACTIONS, ACTORS, DECISIONS, actionName } from "./words.mjs";

const NAMES = ["action", "decision", "key", "collection", "request_id", "since", "until"];
const MOMENTS = ["since", "until"]; // in the address as the clock of this browser has them, without a time zone

// The query of GET /audit.
export const wantedOf = (query) =>
  Object.fromEntries(filled(query).map(([name, value]) => [name, MOMENTS.includes(name) ? momentOf(value) : value]));

const filled = (query) => NAMES.map((name) => [name, query.get(name)?.trim()]).filter(([, value]) => value);
const momentOf = (local) => (Number.isNaN(Date.parse(local)) ? local : new Date(local).toISOString());

export function pythonOf(wanted) {
  const sent = Object.entries(wanted).map(([name, value]) => {
    const text = JSON.stringify(value);
    return `${name}=${MOMENTS.includes(name) ? `datetime.fromisoformat(${text})` : text}`;
  });
  const imported = MOMENTS.some((name) => name in wanted) ? "from datetime import datetime\n\n" : "";
  return `${imported}for line in client.audit.lines(${sent.join(", ")}):\n    print(line.at, line.actor, line.action, line.outcome)`;
}

// onSame: the same lines are asked for again.
export function Filters({ query, keys, onSame }) {
  const collections = useAnswer(listCollections).answer ?? [];
  const show = (event) => {
    event.preventDefault();
    const sent = filled(new FormData(event.target));
    const address = link("activity") + (sent.length ? `?${new URLSearchParams(sent)}` : "");
    if (address === location.hash) onSame();
    else location.hash = address;
  };
  return html`
    <form class="card stack" onSubmit=${show}>
      <div class="filters">
        <${Choice} name="action" query=${query} options=${ACTIONS.map((one) => [one, actionName(one)])} />
        <${Choice} name="decision" query=${query} options=${DECISIONS.map((one) => [one, t(`activity.decision_${one}`)])} />
        <${Choice} name="key" query=${query} options=${[...keys, ...ACTORS.map((one) => [one, t(`activity.actor_${one}`)])]} />
        <${Choice} name="collection" query=${query} options=${collections.map((one) => [one, one])} />
        <${Field} name="since" type="datetime-local" query=${query} />
        <${Field} name="until" type="datetime-local" query=${query} />
        <${Field} name="request_id" query=${query} />
      </div>
      <div class="row">
        <button class="button primary"><${Icon} name="search" />${t("activity.show")}</button>
        ${filled(query).length > 0 && html`<a class="button" href=${link("activity")}>${t("activity.clear")}</a>`}
      </div>
    </form>
  `;
}

// What the address asks for is among the options, also where it is none of them.
function Choice({ name, query, options }) {
  const chosen = query.get(name) ?? "";
  const known = !chosen || options.some(([value]) => value === chosen) ? options : [[chosen, chosen], ...options];
  return html`
    <label class="field">
      <span>${t(`activity.filter_${name}`)}</span>
      <select name=${name} dir="auto">
        <option value="">${t("activity.any")}</option>
        ${known.map(([value, shown]) => html`<option key=${value} value=${value} selected=${value === chosen}>${shown}</option>`)}
      </select>
    </label>
  `;
}

const Field = ({ name, type = "text", query }) => html`
  <label class="field">
    <span>${t(`activity.filter_${name}`)}</span>
    <input name=${name} type=${type} maxlength="64" autocomplete="off" spellcheck=${false} dir="ltr" value=${query.get(name) ?? ""} />
  </label>
`;
