// Who is this? One photo, searched in the collection: the verdict in words, then what is behind it, face by face.
import { useEffect, useState } from "preact/hooks";
import { postForm } from "../api.mjs";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { lazy } from "../lazy.mjs";
import { AsCode } from "../parts/as-code.mjs";
import { DropTarget } from "../parts/drop-target.mjs";
import { FaceCut } from "../parts/face-cut.mjs";
import { Photo } from "../parts/photo.mjs";
import { ProblemNote, sentenceOf } from "../parts/problem.mjs";
import { Tabs } from "../parts/tabs.mjs";
import { Announced, Verdict } from "../parts/verdict.mjs";

const FaceResult = lazy(() => import("./who/face-result.mjs"), "FaceResult");
const MOST_SHOWN = 12; // faces with a picture each
const NOT_JUDGED = ["no_face_detected", "low_quality", "presentation_attack_suspected", "liveness_not_judged"];

export default function Who({ collection }) {
  const [file, setFile] = useState(null);
  const [chosen, setChosen] = useState(0);
  const { answer, problem, busy, again } = useSearch(file, collection);
  const photo = (taken) => {
    setChosen(0);
    setFile(taken);
  };
  const faces = answer?.faces ?? [];
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("who.title")}</h1><p class="hint">${t("who.what")}</p></header>
      <div class=${file ? "two" : "stack"}>
        <${DropTarget} label=${t("who.drop")} onPhoto=${photo}>
          ${file && html`<${Photo} file=${file} faces=${faces} chosen=${chosen} onChoose=${setChosen} />`}
        <//>
        <${Announced} busy=${busy}>
          <div class="stack">
            ${busy && html`<p class="hint busy">${t("who.searching")}</p>`}
            ${problem && html`<${NoAnswer} problem=${problem} onAgain=${again} />`}
            ${answer && html`<${Faces} answer=${answer} file=${file} chosen=${chosen} onChoose=${setChosen} onEnrolled=${again} />`}
          </div>
        <//>
      </div>
      <${AsCode} method="POST" path="find" form=${{ img: "@photo.jpg", collection, faces: "all" }}
        python=${`found = client.find("photo.jpg", collection=${JSON.stringify(collection)}, faces="all")\nfor face in found.faces:\n    print(face.decision, [match.name for match in face.matches if match.above_threshold])`} />
    </div>
  `;
}

// The answer of /find for the photo; asked again for another photo or collection. An earlier answer that comes later is
// of no use any more.
function useSearch(file, collection) {
  const [found, setFound] = useState({});
  const [times, setTimes] = useState(0);
  useEffect(() => {
    if (!file) return setFound({});
    const stop = new AbortController();
    setFound({ busy: true });
    postForm("find", { img: file, collection, faces: "all" }, { signal: stop.signal }).then(
      (answer) => setFound({ answer }),
      (problem) => problem.name !== "AbortError" && setFound({ problem }),
    );
    return () => stop.abort();
  }, [file, collection, times]);
  return { ...found, again: () => setTimes(times + 1) };
}

const NoAnswer = ({ problem, onAgain }) =>
  NOT_JUDGED.includes(problem.code)
    ? html`
        <${Verdict} kind="unreliable" title=${t("who.not_judged")}><p>${sentenceOf(problem)}</p><//>
        <p class="hint" lang="en" dir="auto">${problem.detail}</p>
      `
    : html`<${ProblemNote} problem=${problem} onAgain=${onAgain} />`;

function Faces({ answer, file, chosen, onChoose, onEnrolled }) {
  const { faces } = answer;
  const result = html`
    <${FaceResult} key=${chosen} answer=${answer} face=${faces[chosen]} file=${file} alone=${answer.faces_found === 1} onEnrolled=${onEnrolled} />
  `;
  if (faces.length === 1) return result;
  const names = faces.map((face, i) => html`<${TabName} face=${face} place=${i + 1} file=${faces.length <= MOST_SHOWN && file} />`);
  return html`
    <p>${t("who.several", { count: answer.faces_found })}</p>
    <${Tabs} label=${t("who.faces")} names=${names} chosen=${chosen} onChoose=${onChoose}>${result}<//>
  `;
}

// file: of the picture of the face; false: none is shown.
const TabName = ({ face, place, file }) => {
  const best = face.matches[0];
  return html`${file && html`<${FaceCut} file=${file} area=${face.facial_area} alt="" />`} ${place}: ${face.decision === "match" ? html`<bdi>${best.name ?? best.subject}</bdi>` : t(`who.short_${face.decision}`)}`;
};
