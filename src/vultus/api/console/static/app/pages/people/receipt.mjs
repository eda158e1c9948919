// What an erasure removed, to copy or to keep as a file. The server keeps no copy with the name.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { moment, number, t } from "../../i18n.mjs";
import { Icon } from "../../icons.mjs";
import { nameOf } from "../../parts/person/portrait.mjs";
import { saveFile } from "../../parts/save-file.mjs";
import { link } from "../../router.mjs";

// erased: {person: as it was, answer: of DELETE, at}
export function Receipt({ erased }) {
  const [copied, setCopied] = useState(false);
  const title = useRef();
  const lines = linesOf(erased);
  const text = [t("people.receipt"), "", ...lines.map(([name, value]) => `${name}: ${value}`), ""].join("\n");
  const copy = () => navigator.clipboard?.writeText(text).then(() => setCopied(true), () => setCopied(false));
  const { other_spellings: others = [] } = erased.answer;
  useEffect(() => title.current.focus(), []);
  return html`
    <div class="page">
      <section class="card receipt" role="status">
        <h1 tabindex="-1" ref=${title}><${Icon} name="match" />${t("people.receipt")}</h1>
        <dl class="pairs">${lines.map(([name, value]) => html`<div><dt>${name}</dt><dd dir="auto">${value}</dd></div>`)}</dl>
        ${others.length > 0 && html`
          <div class="note warn"><div><p>${t("people.receipt_others")}</p>
            <ul>${others.map((id) => html`<li><a href=${link("people", id)}><bdi>${id}</bdi></a></li>`)}</ul></div></div>
        `}
        <div class="row">
          <button type="button" class="button" onClick=${() => saveFile(text, "receipt.txt")}>${t("people.receipt_save")}</button>
          ${navigator.clipboard && html`<button type="button" class="button" onClick=${copy}><${Icon} name="copy" /><span aria-live="polite">${copied ? t("code.copied") : t("code.copy")}</span></button>`}
          <a class="button primary" href=${link("people")}>${t("people.title")}</a>
        </div>
        <p class="hint">${t("people.receipt_hint")}</p>
      </section>
    </div>
  `;
}

// Photos that the person had and that were not removed show somebody else too, or wait for their storage.
function linesOf({ person, answer, at }) {
  const { faces, photos, photos_left: left = 0 } = answer.deleted;
  const shared = Math.max(person.photos - photos - left, 0);
  return [
    [t("people.receipt_who"), nameOf(person)],
    [t("people.id"), answer.subject],
    [t("layout.collection"), person.collection],
    [t("people.receipt_when"), moment(at, { dateStyle: "long", timeStyle: "long" })],
    [t("people.receipt_faces"), number(faces)],
    [t("people.receipt_photos"), number(photos)],
    ...(left ? [[t("people.receipt_left"), number(left)]] : []),
    ...(shared ? [[t("people.receipt_shared"), number(shared)]] : []),
    [t("people.receipt_server"), new URL(".", document.baseURI).href],
  ];
}
