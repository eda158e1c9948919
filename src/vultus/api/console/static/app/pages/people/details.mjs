// What is kept beside the photos: metadata as names and values, and when the person is erased by itself.
import { useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { t } from "../../i18n.mjs";
import { lazy } from "../../lazy.mjs";
import { session } from "../../session.mjs";

const EditDetails = lazy(() => import("./edit-details.mjs"), "EditDetails");

// Text as it is; everything else as JSON.
export const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));

export function Details({ person, onChanged }) {
  const [edits, setEdits] = useState(false);
  const pairs = Object.entries(person.metadata);
  return html`
    <section class="stack">
      <h2>${t("people.details")}</h2>
      ${pairs.length > 0
        ? html`<dl class="pairs card">${pairs.map(([name, value]) => html`<div key=${name}><dt><bdi>${name}</bdi></dt><dd dir="auto">${shown(value)}</dd></div>`)}</dl>`
        : html`<p class="hint">${t("people.details_none")}</p>`}
      ${session.get().may("enroll") && html`<p class="row"><button type="button" class="button" onClick=${() => setEdits(true)}>${t("people.details_edit")}</button></p>`}
      ${edits && html`<${EditDetails} person=${person} onChanged=${onChanged} onClose=${() => setEdits(false)} />`}
    </section>
  `;
}
