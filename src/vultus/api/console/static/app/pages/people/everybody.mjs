// The grid of all people: their cover faces and names, searched, sorted, page after page.
import { useEffect, useRef, useState } from "preact/hooks";
import { address, get } from "../../api.mjs";
import { html } from "../../html.mjs";
import { moment, t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { LastChange } from "../../parts/person/last-change.mjs";
import { PersonName, Portrait } from "../../parts/person/portrait.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { useSubjects } from "../../parts/person/subjects.mjs";
import { go, link, replaceAddress } from "../../router.mjs";
import { session } from "../../session.mjs";
import { NewPerson, Nobody } from "./new-person.mjs";

const SORTS = ["name", "newest", "id"];
const day = (text) => moment(text, { dateStyle: "medium" });

export function Everybody({ query, collection }) {
  const [q, setQ] = useState(query.get("q") ?? "");
  const [sort, setSort] = useState(SORTS.includes(query.get("sort")) ? query.get("sort") : "name");
  const [adds, setAdds] = useState(false);
  const { people, busy, problem, more } = useSubjects(collection, { q, sort });
  useEffect(() => keepInAddress(q, sort), [q, sort]);
  const empty = !busy && !problem && !people.length;
  const add = () => setAdds(true);
  return html`
    <div class="page">
      <header class="page-head split">
        <div><h1>${t("people.title")}</h1><${Totals} collection=${collection} /></div>
        ${session.get().may("enroll") && html`<button type="button" class="button primary" onClick=${add}><${Icon} name="add" />${t("people.add")}</button>`}
      </header>
      <${LastChange} onUndone=${({ subject }) => go("people", subject.subject)} />
      ${empty && !q ? html`<${Nobody} onAdd=${add} />` : html`<${Search} q=${q} sort=${sort} onQ=${setQ} onSort=${setSort} />`}
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      <${Found} people=${people} busy=${busy} more=${more} q=${q} sort=${sort} />
      ${adds && html`<${NewPerson} collection=${collection} onClose=${() => setAdds(false)} />`}
      <${AsCode} path=${pathOf(collection, q, sort)} python=${pythonOf(collection, q, sort)} />
    </div>
  `;
}

const Search = ({ q, sort, onQ, onSort }) => html`
  <form class="search" role="search" onSubmit=${(event) => event.preventDefault()}>
    <label class="field">
      <span>${t("people.search")}</span>
      <input type="search" value=${q} maxlength="256" autocomplete="off" dir="auto" onInput=${({ target }) => onQ(target.value)} />
    </label>
    <label class="field">
      <span>${t("people.sort")}</span>
      <select value=${sort} onChange=${({ target }) => onSort(target.value)}>
        ${SORTS.map((one) => html`<option value=${one}>${t(`people.sort_${one}`)}</option>`)}
      </select>
    </label>
  </form>
`;

// The next page comes below; where the button goes away with the last one, the focus goes to the first who came.
function Found({ people, busy, more, q, sort }) {
  const list = useRef();
  const before = useRef(null);
  useEffect(() => {
    if (before.current === null || busy) return;
    if (!more) list.current.children[before.current]?.querySelector("a").focus();
    before.current = null;
  }, [busy]);
  const fetchMore = () => ((before.current = people.length), more());
  const words = q && !busy ? (more ? t("people.found_first", { count: people.length }) : t("people.found", { count: people.length })) : "";
  return html`
    <p class=${words ? "hint" : "unseen"} role="status">${words}</p>
    <ul class="people" ref=${list} aria-busy=${busy}>
      ${people.map((person) => html`<li key=${person.subject}><${Card} person=${person} sort=${sort} /></li>`)}
    </ul>
    ${(more || (busy && people.length > 0)) && html`<p class="row centred"><button type="button" class="button" disabled=${busy} onClick=${fetchMore}>${t("people.more")}</button></p>`}
  `;
}

const Card = ({ person, sort }) => html`
  <a class="person" href=${link("people", person.subject)}>
    <${Portrait} person=${person} size=${256} />
    <span class="person-name"><${PersonName} person=${person} /></span>
    <span class="hint">
      ${sort === "newest" ? t("people.added", { moment: day(person.created_at) }) : sort === "id" ? html`<bdi>${person.subject}</bdi>` : t("people.faces", { count: person.faces })}
    </span>
  </a>
`;

function Totals({ collection }) {
  const [totals, setTotals] = useState(null);
  useEffect(() => {
    get(address`collections/${collection}`).then(setTotals, () => {}); // the list says what is wrong
  }, []);
  return html`<p class="hint">${totals ? html`${t("people.people", { count: totals.subjects })} · ${t("people.faces", { count: totals.faces })}` : html`\u00a0`}</p>`;
}

// So that the way back from a person leads to the same list.
function keepInAddress(q, sort) {
  const kept = new URLSearchParams({ ...(q && { q }), ...(sort !== "name" && { sort }) }).toString();
  replaceAddress(`#/people${kept && `?${kept}`}`);
}

const pathOf = (collection, q, sort) => `${address`collections/${collection}/subjects`}?${new URLSearchParams({ sort, ...(q && { q }) })}`;

const pythonOf = (collection, q, sort) => {
  const options = [...(q ? [`query=${JSON.stringify(q)}`] : []), `sort="${sort}"`, `collection=${JSON.stringify(collection)}`];
  return `for person in client.subjects.list(${options.join(", ")}):\n    print(person.subject, person.name, person.faces)`;
};
