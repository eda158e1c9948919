// A photo with its faces drawn on it: boxes and landmarks in the pixels of the upright photo. The list below the photo
// says the same in words. faces: [{facial_area, landmarks?}]; chosen: the index of the one the page is about.
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";

export function Photo({ file, faces = [], chosen = 0, onChoose }) {
  const url = useBlobUrl(file);
  const [size, setSize] = useState(null);
  const [shown, setShown] = useState(true);
  useEffect(() => setShown(true), [file]);
  const words = faces.length ? t("photo.faces", { count: faces.length }) : t("photo.alone");
  if (!url) return null;
  if (!shown) return html`<p class="photo-hidden">${t("photo.not_shown", { name: file.name ?? "" })}</p>`;
  return html`
    <figure class="photo">
      <img src=${url} alt=${words} onError=${() => setShown(false)}
        onLoad=${({ target }) => setSize([target.naturalWidth, target.naturalHeight])} />
      ${size && faces.length > 0 && html`
        <svg viewBox="0 0 ${size[0]} ${size[1]}" aria-hidden="true">
          ${faces.map((face, i) => html`<${Face} key=${i} face=${face} chosen=${i === chosen} unit=${Math.max(...size) / 400} onChoose=${onChoose && (() => onChoose(i))} />`)}
        </svg>
      `}
    </figure>
  `;
}

function Face({ face, chosen, unit, onChoose }) {
  const { x, y, w, h } = face.facial_area;
  const points = landmarksOf(face);
  return html`
    <g class=${chosen ? "face chosen" : "face"} onClick=${onChoose}>
      <rect class="halo" x=${x} y=${y} width=${w} height=${h} rx=${w / 12} />
      <rect x=${x} y=${y} width=${w} height=${h} rx=${w / 12} />
      ${chosen && points.map(([px, py]) => html`<circle cx=${px} cy=${py} r=${Math.max(2.5 * unit, w / 22)} />`)}
    </g>
  `;
}

// All five where the answer has them, else the eyes.
const landmarksOf = ({ landmarks, facial_area: { left_eye, right_eye } }) =>
  landmarks ?? [left_eye, right_eye].filter(Boolean);

// The address of a file or blob for an <img>, given back when it is not shown any more.
export function useBlobUrl(blob) {
  const [url, setUrl] = useState(null);
  useEffect(() => {
    if (!blob) return setUrl(null);
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return blob ? url : null;
}
