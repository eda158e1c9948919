// One person of what will be sent: some photos, the name, and whether somebody of that id or name is enrolled already.
import { useEffect, useState } from "preact/hooks";
import { address, get } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { Thumb } from "../../parts/thumb.mjs";
import { session } from "../../session.mjs";

const SHOWN = 3;
const LIKE = 20;

export function PersonLine({ person, collection, onChange }) {
  const change = (changed) => (Object.assign(person, changed), onChange());
  const label = person.subject;
  return html`
    <div class=${person.skipped ? "person skipped" : "person"}>
      <label class="check">
        <input type="checkbox" checked=${!person.skipped} aria-label=${t("add.send_one", { name: label })}
          onChange=${() => change({ skipped: !person.skipped })} />
      </label>
      <span class="thumbs">${person.photos.slice(0, SHOWN).map(({ path, file }) => html`<${Thumb} key=${path} file=${file} />`)}</span>
      <div class="stack">
        <input value=${person.name} maxlength="256" autocomplete="off" dir="auto" disabled=${person.into !== null} aria-label=${t("add.name_of", { name: label })}
          onChange=${({ target }) => change({ name: target.value.trim() || label, edited: target.value.trim() !== "" })} />
        <span class="hint">${t("enroll.photos", { count: person.photos.length })}${person.name !== label && html` · <bdi>${label}</bdi>`}</span>
        <${Known} person=${person} collection=${collection} onChange=${change} />
      </div>
    </div>
  `;
}

// Somebody of that id: the photos are added. Somebody of that name: it is asked, as two people may have one name.
function Known({ person, collection, onChange }) {
  const people = useLike(person, collection);
  const same = people.find(({ subject }) => subject === person.subject);
  if (same) return html`<span class="hint">${rich("add.known", { name: html`<bdi>${same.name ?? same.subject}</bdi>` })}</span>`;
  const alike = people.filter(({ name }) => name && folded(name) === folded(person.name));
  if (!alike.length) return null;
  return html`
    <label class="field">
      <span>${t("add.same_name")}</span>
      <select value=${person.into ?? ""} onChange=${({ target }) => onChange({ into: target.value || null })}>
        <option value="">${t("enroll.new_person")}</option>
        ${alike.map(({ name, subject }) => html`<option value=${subject}>${t("add.same_yes", { name, id: subject })}</option>`)}
      </select>
    </label>
  `;
}

const folded = (name) => name.normalize("NFKC").toLowerCase();

function useLike({ subject, name }, collection) {
  const [people, setPeople] = useState([]);
  useEffect(() => {
    if (!session.get().may("read") || !subject) return;
    const stop = new AbortController();
    const found = (q) => get(address`collections/${collection}/subjects`, { q, limit: LIKE, sort: "id" }, { signal: stop.signal });
    Promise.all([...new Set([subject, name])].map(found)).then(
      (pages) => setPeople(pages.flatMap((page) => page.subjects)),
      () => {}, // a new collection has nobody yet
    );
    return () => stop.abort();
  }, [subject, name, collection]);
  return people;
}
