// The way in for a photo: drop it, paste it, choose the file, or take it by the webcam. The photo is sent to the server
// as it is, whatever its format and size: what cannot be read is refused there, with a sentence.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";
import { lazy } from "../lazy.mjs";

const Webcam = lazy(() => import("./webcam.mjs"), "Webcam");
const TYPES = "image/*,.heic,.heif,.avif,.tif,.tiff";

// onPhoto(file); several: called for each of the files. pastes: whether it takes what is pasted anywhere on the page.
// children: the photo that it holds.
export function DropTarget({ label, onPhoto, several = false, pastes = true, children }) {
  const id = useId();
  const input = useRef();
  const [over, setOver] = useState(false);
  const [films, setFilms] = useState(false);
  usePaste(pastes, onPhoto);
  const take = (files) => files.slice(0, several ? files.length : 1).forEach(onPhoto);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(imagesOf(event.dataTransfer));
  };
  const filmed = (photo) => {
    setFilms(false);
    onPhoto(photo);
  };
  return html`
    <div class=${over ? "drop over" : "drop"} onDragOver=${(event) => (event.preventDefault(), setOver(true))}
      onDragLeave=${() => setOver(false)} onDrop=${drop}>
      <input class="unseen" type="file" id=${id} accept=${TYPES} multiple=${several} ref=${input}
        onChange=${({ target }) => (take([...target.files]), (target.value = ""))} />
      ${children ?? html`<label class="drop-label" for=${id}><${Icon} name="photo" /><strong>${label}</strong><span>${t("drop.how")}</span></label>`}
      <div class="drop-ways">
        <label class="button" for=${id}>${children ? t("drop.another") : t("drop.choose")}</label>
        <button type="button" class="button" onClick=${() => setFilms(true)}><${Icon} name="camera" />${t("drop.webcam")}</button>
      </div>
      ${films && html`<${Webcam} onPhoto=${filmed} onClose=${() => setFilms(false)} />`}
    </div>
  `;
}

// A file named like a picture counts too: browsers know no type of HEIC.
const imagesOf = (transfer) =>
  [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/") || !file.type);

function usePaste(pastes, onPhoto) {
  const latest = useRef(onPhoto);
  latest.current = onPhoto;
  useEffect(() => {
    if (!pastes) return;
    const paste = (event) => {
      const [image] = imagesOf(event.clipboardData);
      if (image) latest.current(image);
    };
    addEventListener("paste", paste);
    return () => removeEventListener("paste", paste);
  }, [pastes]);
}
