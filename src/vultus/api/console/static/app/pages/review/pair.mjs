// Two people side by side, by their most similar faces.
import { useState } from "preact/hooks";
import { address, post } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { Dialog } from "../../parts/dialog.mjs";
import { changed } from "../../parts/person/last-change.mjs";
import { PersonName, nameOf } from "../../parts/person/portrait.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { Scale } from "../../parts/scale.mjs";
import { FaceCrop } from "../../parts/stored-photo.mjs";
import { link } from "../../router.mjs";
import { session } from "../../session.mjs";

export function Pair({ collection, pair, onChanged }) {
  const { first, second } = pair;
  const [merges, setMerges] = useState(false);
  const [apart, setApart] = useState(false);
  const { run, busy, problem } = useAction();
  const dismiss = async (dismissed) => {
    const fields = { subject: first.subject, other: second.subject, dismissed };
    if (await run(() => post(address`collections/${collection}/duplicates/dismiss`, fields))) setApart(dismissed);
  };
  return html`
    <li class="card group">
      <div class="two-people">${[first, second].map((person) => html`<${One} key=${person.subject} person=${person} />`)}</div>
      <${Scale} similarity=${pair.similarity} threshold=${pair.threshold} />
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      <div role="status">${apart && html`<p class="note good">${t("review.apart")}</p>`}</div>
      ${session.get().may("enroll") && html`
        <div class="row tight">
          ${!apart && html`<button type="button" class="button small" disabled=${busy} onClick=${() => setMerges(true)}>${t("review.same")}</button>`}
          <button type="button" class="button small" disabled=${busy} onClick=${() => dismiss(!apart)}>${t(apart ? "review.not_apart" : "review.different")}</button>
        </div>
      `}
      ${merges && html`<${MergePair} collection=${collection} people=${[first, second]} onClose=${() => setMerges(false)} onMerged=${onChanged} />`}
    </li>
  `;
}

const One = ({ person }) => html`
  <a class="person" href=${link("people", person.subject)}>
    <${FaceCrop} faceId=${person.face_id} size=${256} />
    <span class="person-name"><${PersonName} person=${person} /></span>
    ${nameOf(person) !== person.subject && html`<bdi class="hint">${person.subject}</bdi>`}
  </a>
`;

// One button for each: whose name, id and details stay.
function MergePair({ collection, people, onClose, onMerged }) {
  const [into, setInto] = useState(people[0]);
  const { run, busy, problem } = useAction();
  const from = people.find((one) => one !== into);
  const path = address`collections/${collection}/subjects/${from.subject}/merge`;
  const merge = async (event) => {
    event.preventDefault();
    const merged = await run(() => post(path, { into: into.subject }));
    if (!merged) return;
    const names = { from: html`<${PersonName} person=${from} />`, into: html`<${PersonName} person=${into} />` };
    changed(merged.undo, () => rich("review.merged", names));
    onClose();
    onMerged();
  };
  return html`
    <${Dialog} title=${t("review.same")} onClose=${onClose}>
      <form class="stack" onSubmit=${merge}>
        <fieldset class="known">
          <legend>${t("review.keeps")}</legend>
          ${people.map((one) => html`
            <label key=${one.subject}>
              <input type="radio" name="into" checked=${one === into} onChange=${() => setInto(one)} />
              <span class="portrait"><${FaceCrop} faceId=${one.face_id} size=${256} /></span>
              <span><${PersonName} person=${one} />${nameOf(one) !== one.subject && html`<bdi class="hint">${one.subject}</bdi>`}</span>
            </label>
          `)}
        </fieldset>
        ${problem && html`<${ProblemNote} problem=${problem} />`}
        <div class="row">
          <button class="button primary" disabled=${busy}>${t("review.merge_do")}</button>
          <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
        </div>
      </form>
      <${AsCode} method="POST" path=${path} json=${{ into: into.subject }} python=${`client.subjects.merge(${JSON.stringify(from.subject)}, into=${JSON.stringify(into.subject)}, collection=${JSON.stringify(collection)})`} />
    <//>
  `;
}
