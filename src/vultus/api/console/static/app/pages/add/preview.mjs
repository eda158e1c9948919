// What will be sent, before it is: the people with their photos, the names, and what is left out and why.
import { useEffect, useMemo, useState } from "preact/hooks";
import { get } from "../../api.mjs";
import { html } from "../../html.mjs";
import { number, t } from "../../i18n.mjs";
import { Paged } from "../../parts/paged.mjs";
import { Import, importing } from "./import.mjs";
import { interrupted, isMarked } from "./marks.mjs";
import { PersonLine } from "./person-line.mjs";
import { likelyMode, peopleOf, sortFiles } from "./sort.mjs";

const MIB = 1024 * 1024;
const MOST_BYTES = 10 * MIB; // of a server that does not say
const MODES = ["folders", "names", "one"];

export const megabytes = (bytes) => number(bytes / MIB, { maximumFractionDigits: 1 });

export function Preview({ found, collection }) {
  const most = useLimit();
  const { photos, leftOut } = useMemo(() => sortFiles(found, most), [found, most]);
  const likely = useMemo(() => likelyMode(photos), [photos]);
  const [mode, setMode] = useState(null);
  const [one, setOne] = useState(null);
  const [, draw] = useState(0);
  const [resend, setResend] = useState(false);
  const by = mode ?? likely.mode;
  const name = one ?? likely.root ?? "";
  const people = useMemo(() => peopleOf(photos, { ...likely, mode: by }, name), [photos, likely, by, name]);
  const chosen = people.filter(({ skipped }) => !skipped).flatMap((person) => person.photos);
  const earlier = interrupted() ? chosen.filter((photo) => isMarked(photo, collection)) : [];
  const unnamed = people.some(({ skipped, subject }) => !skipped && !subject);
  const start = () => {
    if (!resend) for (const photo of earlier) photo.state = "earlier";
    const made = new Import(chosen, collection);
    importing.set(made);
    made.start();
  };
  return html`
    <${Facts} photos=${chosen} people=${people} leftOut=${leftOut} earlier=${earlier} />
    ${photos.length === 0 && html`<p class="note bad" role="alert">${t("add.none")}</p>`}
    ${photos.length > 0 && html`
      <${Mode} mode=${by} onMode=${setMode} one=${name} onOne=${setOne} />
      ${earlier.length > 0 && html`
        <label class="check"><input type="checkbox" checked=${resend} onChange=${() => setResend(!resend)} />${t("add.resend")}</label>
      `}
      <section class="stack">
        <h2>${t("add.people")}</h2>
        <${Paged} items=${people} keyOf=${({ subject }) => subject} label=${t("add.people")}
          line=${(person) => html`<${PersonLine} person=${person} collection=${collection} onChange=${() => draw((times) => times + 1)} />`} />
      </section>
    `}
    ${leftOut.length > 0 && html`<${LeftOut} leftOut=${leftOut} most=${most} />`}
    <p class="hint">${t("enroll.consent")}</p>
    <div class="row">
      <button type="button" class="button primary" disabled=${!chosen.length || unnamed} onClick=${start}>${t("add.start")}</button>
      <button type="button" class="button" onClick=${() => importing.set(null)}>${t("add.other")}</button>
    </div>
  `;
}

function useLimit() {
  const [most, setMost] = useState(MOST_BYTES);
  useEffect(() => {
    get("capabilities").then(({ limits }) => setMost(limits?.image_bytes ?? MOST_BYTES), () => {});
  }, []);
  return most;
}

export const Fact = ({ name, value }) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

const Facts = ({ photos, people, leftOut, earlier }) => html`
  <dl class="facts">
    <${Fact} name=${t("add.people")} value=${number(people.filter(({ skipped }) => !skipped).length)} />
    <${Fact} name=${t("add.photos")} value=${number(photos.length)} />
    <${Fact} name=${t("add.size")} value=${t("add.megabytes", { size: megabytes(photos.reduce((sum, { file }) => sum + file.size, 0)) })} />
    <${Fact} name=${t("add.left_out")} value=${number(leftOut.length)} />
    ${earlier.length > 0 && html`<${Fact} name=${t("add.earlier")} value=${number(earlier.length)} />`}
  </dl>
`;

const Mode = ({ mode, onMode, one, onOne }) => html`
  <div class="modes">
    <label class="field">
      <span>${t("add.mode")}</span>
      <select value=${mode} onChange=${({ target }) => onMode(target.value)}>
        ${MODES.map((each) => html`<option value=${each}>${t(`add.mode_${each}`)}</option>`)}
      </select>
    </label>
    ${mode === "one" && html`
      <label class="field">
        <span>${t("add.one_name")}</span>
        <input value=${one} maxlength="256" required autocomplete="off" dir="auto" onInput=${({ target }) => onOne(target.value)} />
      </label>
    `}
  </div>
`;

const LeftOut = ({ leftOut, most }) => html`
  <details>
    <summary>${t("add.left_out")}: ${number(leftOut.length)}</summary>
    <${Paged} items=${leftOut} keyOf=${({ path }) => path} label=${t("add.left_out")} line=${({ path, reason, size }) => html`
      <div class="line-words">
        <bdi class="path">${path}</bdi>
        <span class="hint">${t(`add.left_${reason}`, { size: megabytes(size ?? 0), most: megabytes(most) })}</span>
      </div>
    `} />
  </details>
`;
