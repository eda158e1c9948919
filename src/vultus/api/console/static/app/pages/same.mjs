// Same person? Two photos, compared at an error rate that is chosen in words.
import { useEffect, useState } from "preact/hooks";
import { postForm } from "../api.mjs";
import { html } from "../html.mjs";
import { oneIn, t } from "../i18n.mjs";
import { AsCode } from "../parts/as-code.mjs";
import { Cautions, RateNote } from "../parts/evidence.mjs";
import { ProblemNote, sentenceOf } from "../parts/problem.mjs";
import { Scale } from "../parts/scale.mjs";
import { Announced, Verdict } from "../parts/verdict.mjs";
import { EMPTY, Side, facesOf } from "./same/side.mjs";

const RATES = [1e-2, 1e-3, 1e-4, 1e-5, 1e-6];
const NOT_JUDGED = ["no_face_detected", "low_quality", "presentation_attack_suspected", "liveness_not_judged"];
const IMAGES = ["img1", "img2"];

export default function Same() {
  const [sides, setSides] = useState([EMPTY, EMPTY]);
  const [rate, setRate] = useState("");
  const change = (i) => (changed) => setSides((now) => now.map((side, j) => (i === j ? { ...side, ...changed } : side)));
  const { answer, problem, busy, again } = useComparison(sides, rate, (found) =>
    IMAGES.forEach((image, i) => change(i)(facesOf(found, image))),
  );
  const free = sides.findIndex(({ file }) => !file); // the side that takes what is pasted
  const side = (i, name) => html`
    <${Side} label=${t(name)} side=${sides[i]} pastes=${i === (free < 0 ? 1 : free)} onChange=${change(i)} />
  `;
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("same.title")}</h1><p class="hint">${t("same.what")}</p></header>
      <div class="sides">${side(0, "same.first")}${side(1, "same.second")}</div>
      <${RateChoice} rate=${rate} onRate=${setRate} />
      <${Announced} busy=${busy}>
        <div class="stack">
          ${busy && html`<p class="hint busy">${t("same.comparing")}</p>`}
          ${problem && html`<${NoAnswer} problem=${problem} onAgain=${again} />`}
          ${answer && html`<${Result} answer=${answer} />`}
        </div>
      <//>
      <${AsCode} method="POST" path="verify" form=${{ img1: "@a.jpg", img2: "@b.jpg", ...optionsOf(sides, rate) }}
        python=${`same = client.verify("a.jpg", "b.jpg"${named(optionsOf(sides, rate))})\nprint(bool(same), same.decision, same.similarity)`} />
    </div>
  `;
}

// What is asked beside the photos: a rate, and which of their faces.
function optionsOf(sides, rate) {
  const indexes = IMAGES.map((image, i) => [`${image}_face_index`, sides[i].index]);
  return Object.fromEntries([...indexes, ["target_fmr", rate]].filter(([, value]) => (value ?? "") !== ""));
}

const named = (options) => Object.entries(options).map(([name, value]) => `, ${name}=${value}`).join("");

// The answer of /verify for both photos, asked again for another rate or another face of them.
function useComparison(sides, rate, onAnswer) {
  const [found, setFound] = useState({});
  const [times, setTimes] = useState(0);
  const [img1, img2] = sides.map(({ file }) => file);
  useEffect(() => {
    if (!img1 || !img2) return setFound({});
    const stop = new AbortController();
    setFound({ busy: true });
    postForm("verify", { img1, img2, ...optionsOf(sides, rate) }, { signal: stop.signal }).then(
      (answer) => (setFound({ answer }), onAnswer(answer)),
      (problem) => problem.name !== "AbortError" && setFound({ problem }),
    );
    return () => stop.abort();
  }, [img1, img2, ...sides.map(({ index }) => index), rate, times]);
  return { ...found, again: () => setTimes(times + 1) };
}

const RateChoice = ({ rate, onRate }) => html`
  <label class="field rate">
    <span>${t("same.rate")}</span>
    <select value=${rate} onChange=${(event) => onRate(event.target.value)}>
      <option value="">${t("same.rate_default")}</option>
      ${RATES.map((one) => html`<option value=${String(one)}>${t("same.rate_one", { count: oneIn(one) })}</option>`)}
    </select>
  </label>
`;

const KINDS = { match: "match", no_match: "unknown", unreliable: "unreliable" };

const Result = ({ answer }) => html`
  <${Verdict} kind=${KINDS[answer.decision]} title=${t(`same.${answer.decision}`)}>
    ${answer.decision === "unreliable"
      ? html`<p>${t("same.reason_unreliable")} <span lang="en" dir="auto">${answer.reason}</span></p>`
      : html`<p>${t(`same.reason_${answer.decision}`)}</p><${RateNote} rule=${answer.threshold_rule} sentence="same.passes" />`}
  <//>
  <div class="card"><${Scale} similarity=${answer.similarity} threshold=${answer.threshold_rule.similarity_threshold} /></div>
  <${Cautions} answer=${answer} />
`;

const NoAnswer = ({ problem, onAgain }) =>
  NOT_JUDGED.includes(problem.code)
    ? html`
        <${Verdict} kind="unreliable" title=${t("same.unreliable")}><p>${sentenceOf(problem)}</p><//>
        <p class="hint" lang="en" dir="auto">${problem.detail}</p>
      `
    : html`<${ProblemNote} problem=${problem} onAgain=${onAgain} />`;
