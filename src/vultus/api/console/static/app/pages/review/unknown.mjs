// Faces of nobody known, grouped by who they may show: to assign, to ignore or to erase. Kept only where the collection
// says so.
import { useState } from "preact/hooks";
import { address, get } from "../../api.mjs";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { useAction } from "../../parts/action.mjs";
import { AsCode } from "../../parts/as-code.mjs";
import { ProblemNote } from "../../parts/problem.mjs";
import { useAnswer } from "../../parts/records/answer.mjs";
import { link } from "../../router.mjs";
import { session } from "../../session.mjs";
import { Assign } from "./assign.mjs";
import { EraseUnknown } from "./erase-unknown.mjs";
import { Group } from "./group.mjs";
import { Keep } from "./keep.mjs";
import { postEach } from "./post-each.mjs";

const MOST = 50; // groups at a time

export function Unknown({ collection }) {
  const path = address`collections/${collection}/unknown`;
  const [ignored, setIgnored] = useState(false); // whether those are shown
  const { answer, problem, again } = useAnswer((signal) => get(path, { limit: MOST, ignored }, { signal }), [path, ignored]);
  const { run, problem: failed } = useAction();
  const [open, setOpen] = useState(null);
  const [said, setSaid] = useState(null);
  const close = () => setOpen(null);
  const done = (sentence) => (close(), setSaid(sentence), again());
  const ignore = async ({ faces }) => {
    const ids = faces.map(({ id }) => id);
    const ended = await run(() => postEach(`${path}/ignore`, ids, { ignored: !ignored }));
    if (ended) done(t(ignored ? "review.listed_again" : "review.ignored", { count: ids.length }));
  };
  return html`
    <div class="stack">
      <div role="status">${said && html`<p class="note good">${said}</p>`}</div>
      ${problem && problem.code !== "collection_not_found" && html`<${ProblemNote} problem=${problem} />`}
      ${problem?.code === "collection_not_found" && html`<p>${t("review.nobody_seen")}</p>`}
      ${failed && html`<${ProblemNote} problem=${failed} />`}
      ${answer && html`<${Groups} answer=${answer} ignored=${ignored} onOpen=${setOpen} onKept=${again} onIgnore=${ignore} onShow=${setIgnored} />`}
      ${open?.name === "assign" && html`<${Assign} collection=${collection} group=${open.group} onClose=${close} onGone=${() => (close(), again())} onAssigned=${(made) => done(assigned(made))} />`}
      ${open?.name === "erase" && html`<${EraseUnknown} collection=${collection} group=${open.group} count=${answer.faces + answer.ignored_faces} onClose=${close} onErased=${(count) => done(t("review.erased", { count }))} />`}
      <${AsCode} path=${path} python=${`for group in client.unknown_faces.list(collection=${JSON.stringify(collection)}).groups:\n    print(len(group.faces), group.first_seen, group.last_seen)`} />
      ${answer?.groups.length > 0 && html`<${IgnoreAsCode} path=${path} ignored=${ignored} collection=${collection} faces=${answer.groups[0].faces} />`}
    </div>
  `;
}

// Of the first group: whether its faces are ignored.
const IgnoreAsCode = ({ path, ignored, collection, faces }) => html`
  <${AsCode} method="POST" path="${path}/ignore" json=${{ ids: faces.map(({ id }) => id), ignored: !ignored }}
    python=${`client.unknown_faces.ignore([face.id for face in group.faces], ignored=${ignored ? "False" : "True"}, collection=${JSON.stringify(collection)})`} />
`;

const assigned = ({ face_ids: faces, subject, name }) =>
  rich("review.assigned", { count: faces.length, name: html`<a href=${link("people", subject)}><bdi>${name ?? subject}</bdi></a>` });

function Groups({ answer, ignored, onOpen, onKept, onIgnore, onShow }) {
  const { collection, groups, faces, ignored_faces: hidden, keep_days: days } = answer;
  return html`
    <${Keep} collection=${collection} days=${days} onKept=${onKept} />
    ${groups.length === 0 && days !== null && !ignored && html`<p>${t("review.nobody_seen")}</p>`}
    ${(ignored || hidden > 0) && html`
      <p class="row tight">
        <span class="hint">${t("review.ignored_what", { count: hidden })}</span>
        <button type="button" class="button small" onClick=${() => onShow(!ignored)}>${t(ignored ? "review.show_others" : "review.show_ignored")}</button>
      </p>
    `}
    ${faces > 0 && html`
      <div class="row">
        <p>${t("review.faces", { count: faces })}</p>
        ${session.get().may("erase") && !ignored && html`<button type="button" class="button" onClick=${() => onOpen({ name: "erase", group: null })}>${t("review.erase_all")}</button>`}
      </div>
    `}
    <ul class="groups">
      ${groups.map((group) => html`<${Group} key=${group.faces[0].id} collection=${collection} group=${group} ignored=${ignored} onOpen=${(name) => onOpen({ name, group })} onIgnore=${() => onIgnore(group)} />`)}
    </ul>
    ${answer.more_groups && html`<p class="hint">${t("review.more_groups", { count: groups.length })}</p>`}
  `;
}
