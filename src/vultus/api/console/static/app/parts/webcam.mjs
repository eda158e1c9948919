// A photo from the webcam of whoever looks at the page. Browsers lend it to https and localhost only.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";
import { Dialog } from "./dialog.mjs";
import { link } from "../router.mjs";

const QUALITY = 0.92;
const REASONS = { NotAllowedError: "webcam.not_allowed", NotFoundError: "webcam.none", NotReadableError: "webcam.in_use" };
const WANTED = { video: { width: { ideal: 1280 }, height: { ideal: 960 } }, audio: false };

export function Webcam({ onPhoto, onClose }) {
  const video = useRef();
  const fault = useWebcam(video);
  const [ready, setReady] = useState(false);
  return html`
    <${Dialog} title=${t("webcam.title")} onClose=${onClose}>
      ${fault
        ? html`<${WebcamFault} fault=${fault} />`
        : html`<video class="webcam" ref=${video} autoplay muted playsinline aria-label=${t("webcam.picture")} onPlaying=${() => setReady(true)}></video>`}
      <div class="row">
        ${!fault && html`
          <button type="button" class="button primary" disabled=${!ready} onClick=${async () => onPhoto(await still(video.current))}>
            <${Icon} name="camera" />${t("webcam.take")}
          </button>
        `}
        <button type="button" class="button" onClick=${onClose}>${t("dialog.cancel")}</button>
      </div>
    <//>
  `;
}

// The key of the sentence that says why there is no picture; null while there is one. The camera goes off at the end.
// camera: the deviceId of one of several; on: whether it is wanted now.
export function useWebcam(video, { camera = "", on = true } = {}) {
  const [fault, setFault] = useState(null);
  useEffect(() => {
    if (!on) return;
    setFault(null);
    if (!navigator.mediaDevices?.getUserMedia) return setFault(isSecureContext ? "webcam.none" : "webcam.plain_http");
    let stream = null;
    let left = false;
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    navigator.mediaDevices.getUserMedia(wantedOf(camera)).then(
      (opened) => {
        stream = opened;
        for (const track of opened.getTracks()) track.onended = () => left || setFault("webcam.in_use"); // pulled out
        if (left) stop();
        else video.current.srcObject = opened;
      },
      (problem) => left || setFault(REASONS[problem.name] ?? "webcam.in_use"),
    );
    return () => ((left = true), stop());
  }, [camera, on]);
  return fault;
}

const wantedOf = (camera) => (camera ? { ...WANTED, video: { ...WANTED.video, deviceId: { exact: camera } } } : WANTED);

export const WebcamFault = ({ fault }) => html`
  <div class="note bad" role="alert">
    <${Icon} name="unreliable" />
    <div>
      <p>${t(fault, { host: location.host })}</p>
      ${fault === "webcam.plain_http" && html`<p><a href=${link("help", "reverse-proxy")}>${t("webcam.proxy")}</a></p>`}
    </div>
  </div>
`;

// What the webcam shows now, as a JPEG file.
export async function still(video) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  return new File([blob], "webcam.jpg", { type: "image/jpeg" });
}
