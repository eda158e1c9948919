// What was found for one face: the verdict, its error rate, the candidates beside the face, and what can be done.
import { useState } from "preact/hooks";
import { html } from "../../html.mjs";
import { rich, t } from "../../i18n.mjs";
import { Cautions, RateNote } from "../../parts/evidence.mjs";
import { EnrollForm } from "../../parts/enroll-form.mjs";
import { Verdict } from "../../parts/verdict.mjs";
import { session } from "../../session.mjs";
import { Candidate, nameOf } from "./candidate.mjs";
import { NotThem } from "./not-them.mjs";

export const FaceResult = ({ answer, face, file, alone, onEnrolled }) => html`
  <div class="stack">
    <${Verdict} kind=${face.decision} title=${titleOf(face)}>
      <p>${reasonOf(face, answer.gallery)}</p>
      ${face.decision !== "unreliable" && html`<${RateNote} rule=${face.threshold_rule} sentence="who.rate" />`}
    <//>
    <${Cautions} answer=${face} />
    <${Actions} collection=${answer.collection} face=${face} file=${file} alone=${alone} onEnrolled=${onEnrolled} />
    ${face.matches.length > 0 && html`
      <section class="stack">
        <h3>${t("who.candidates")}</h3>
        <ol class="candidates">
          ${face.matches.map((match) => html`<${Candidate} key=${match.face_id} match=${match} face=${face} file=${file} />`)}
        </ol>
      </section>
    `}
  </div>
`;

function Actions({ collection, face, file, alone, onEnrolled }) {
  const [doing, setDoing] = useState(null);
  const close = () => setDoing(null);
  const action = (name, word) => html`<button type="button" class="button" onClick=${() => setDoing(name)}>${t(word)}</button>`;
  return html`
    <div class="row">
      ${face.decision === "match" && action("not", "who.not_them")}
      ${session.get().may("enroll") && action("enroll", "who.enroll")}
    </div>
    ${doing === "not" && html`<${NotThem} match=${face.matches[0]} face=${face} file=${file} onClose=${close} />`}
    ${doing === "enroll" && html`
      <${EnrollForm} file=${file} area=${alone ? null : face.facial_area} collection=${collection} onClose=${close} onEnrolled=${onEnrolled} />
    `}
  `;
}

function titleOf({ decision, matches }) {
  const [first, second] = matches.map((match) => html`<bdi>${nameOf(match)}</bdi>`);
  if (decision === "match") return rich("who.match", { name: first });
  if (decision === "ambiguous") return rich("who.ambiguous", { first, second });
  return t(decision === "unknown" ? "who.unknown" : "who.not_judged");
}

function reasonOf({ decision, reason }, gallery) {
  if (decision === "unknown" && gallery.faces === 0) return t("who.nobody_enrolled");
  if (decision === "unreliable") return html`${t("who.reason_unreliable")} <span lang="en" dir="auto">${reason}</span>`;
  return t(`who.reason_${decision}`, { count: gallery.subjects });
}
