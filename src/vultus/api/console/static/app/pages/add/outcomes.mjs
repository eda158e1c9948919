// What became of each photo, with the photo and a sentence; and what can be done about those that were refused.
import { useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { has, number, rich, t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { Paged } from "../../parts/paged.mjs";
import { sentenceOf } from "../../parts/problem.mjs";
import { Tabs } from "../../parts/tabs.mjs";
import { Thumb } from "../../parts/thumb.mjs";
import { link } from "../../router.mjs";
import { session } from "../../session.mjs";

const ALIKE = "looks_like_another_subject";
const MAY_PASS = ["internal", "unreachable"]; // another try may do
const isRefused = ({ state }) => state === "refused";
const isToCheck = ({ cautions }) => cautions?.length > 0;
const KINDS = [
  ["all", () => true],
  ["refused", isRefused],
  ["check", isToCheck],
  ["enrolled", ({ state }) => state === "enrolled"],
];
const ICONS = { enrolled: "match", there: "match", earlier: "match", refused: "unreliable" };

export function Outcomes({ sent }) {
  const [kind, setKind] = useState(0);
  const { photos } = sent;
  const lists = KINDS.map(([, belongs]) => photos.filter(belongs));
  const names = KINDS.map(([name], i) => `${t(`add.tab_${name}`)} (${number(lists[i].length)})`);
  return html`
    <${Retries} sent=${sent} refused=${lists[1]} />
    <${Tabs} label=${t("add.outcomes")} names=${names} chosen=${kind} onChoose=${setKind}>
      ${lists[kind].length === 0 && html`<p class="hint">${t("add.nothing")}</p>`}
      <${Paged} key=${kind} items=${lists[kind]} keyOf=${({ path }) => path} label=${names[kind]}
        line=${(photo) => html`<${PhotoLine} photo=${photo} retry=${sent.phase !== "cancelled" && ((face) => sent.retry([photo], face))} />`} />
    <//>
  `;
}

function Retries({ sent, refused }) {
  if (sent.phase === "cancelled") return null;
  const several = refused.filter(({ problem }) => problem.code === "multiple_faces");
  const passing = refused.filter(({ problem }) => MAY_PASS.includes(problem.code));
  if (several.length + passing.length === 0) return null;
  const button = (list, key, face) =>
    list.length > 0 && html`<button type="button" class="button" onClick=${() => sent.retry(list, face)}>${t(key, { photos: list.length })}</button>`;
  return html`<div class="row">${button(several, "add.largest_all", "largest")}${button(passing, "add.again_all")}</div>`;
}

function PhotoLine({ photo, retry }) {
  const { path, file, state, person, problem, cautions = [] } = photo;
  return html`
    <div class="outcome ${state}">
      <${Thumb} file=${file} />
      <div class="line-words">
        <span><strong><bdi>${person.name}</bdi></strong> <bdi class="path hint">${path}</bdi></span>
        <span class="said">${ICONS[state] && html`<${Icon} name=${ICONS[state]} />`}${problem && isRefused(photo) ? refusalOf(problem) : t(`add.photo_${state}`)}</span>
        ${cautions.map((caution) => html`<span class="said warned"><${Icon} name="unreliable" /><span>${t(`caution.${caution.code}`)} <${Other} caution=${caution} /></span></span>`)}
      </div>
      ${retry && problem?.code === "multiple_faces" && isRefused(photo) && html`
        <button type="button" class="button" onClick=${() => retry("largest")}>${t("add.largest_one")}</button>
      `}
    </div>
  `;
}

const refusalOf = (problem) => (has(`add.refused_${problem.code}`) ? t(`add.refused_${problem.code}`) : sentenceOf(problem));

// The person whom the face fits as well.
function Other({ caution: { code, subject } }) {
  if (!subject || code !== ALIKE) return null;
  const name = html`<bdi>${subject}</bdi>`;
  const shown = session.get().may("read") ? html`<a href=${link("people", subject)}>${name}</a>` : html`<strong>${name}</strong>`;
  return rich("add.other_person", { name: shown });
}
