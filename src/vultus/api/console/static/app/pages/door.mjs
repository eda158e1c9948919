// Door: the webcam is searched once or twice a second, and the name stands there in big letters. Nothing is stored.
import { useEffect, useRef, useState } from "preact/hooks";
import { get } from "../api.mjs";
import { html } from "../html.mjs";
import { t } from "../i18n.mjs";
import { Icon } from "../icons.mjs";
import { AsCode } from "../parts/as-code.mjs";
import { ProblemNote } from "../parts/problem.mjs";
import { useWebcam, WebcamFault } from "../parts/webcam.mjs";
import { Sign } from "./door/sign.mjs";
import { useDoor } from "./door/watch.mjs";

export default function Door({ collection }) {
  const video = useRef();
  const screen = useRef();
  const [on, setOn] = useState(false);
  const [hidden, setHidden] = useState(false);
  const [camera, setCamera] = useState("");
  const [live, setLive] = useState(false);
  const fault = useWebcam(video, { camera, on });
  const { seen, waits, problem } = useDoor(video, { on: on && !fault, collection, live });
  const runs = on && !fault && !problem;
  useEffect(() => {
    if (fault || problem) setOn(false); // the camera goes off with it
  }, [fault, problem]);
  useStopWhenHidden(runs, () => (setOn(false), setHidden(true)));
  useScreenStaysOn(runs);
  useEffect(() => {
    if (runs) screen.current.scrollIntoView({ block: "nearest" }); // of a video outside the window browsers draw no frame
  }, [runs]);
  const start = () => (setHidden(false), setOn(true));
  const openFull = () => screen.current.requestFullscreen().catch(() => {}); // the browser may not allow it
  return html`
    <div class="page">
      <header class="page-head"><h1>${t("door.title")}</h1><p class="hint">${t("door.what")}</p></header>
      <div class="row">
        ${runs
          ? html`<button type="button" class="button" onClick=${() => setOn(false)}>${t("door.stop")}</button>`
          : html`<button type="button" class="button primary" onClick=${start}><${Icon} name="camera" />${t("door.start")}</button>`}
        ${runs && document.fullscreenEnabled && html`
          <button type="button" class="button" onClick=${openFull}><${Icon} name="expand" />${t("door.full")}</button>
        `}
        <${Cameras} on=${runs} camera=${camera} onCamera=${setCamera} />
        <${Liveness} live=${live} onLive=${setLive} />
      </div>
      ${hidden && html`<p class="note warn" role="alert"><${Icon} name="unreliable" />${t("door.hidden")}</p>`}
      ${fault && html`<${WebcamFault} fault=${fault} />`}
      ${problem && html`<${ProblemNote} problem=${problem} />`}
      ${runs && html`
        <div class="door" ref=${screen}>
          <${Sign} seen=${seen} waits=${waits} />
          <video class="door-video" ref=${video} autoplay muted playsinline aria-label=${t("webcam.picture")}></video>
        </div>
      `}
      <p class="hint">${t("door.notes")}</p>
      <${AsCode} method="POST" path="find" form=${{ img: "@frame.jpg", collection, top_k: 2, liveness: live ? "report" : undefined }}
        python=${`who = client.find("frame.jpg", collection=${JSON.stringify(collection)}, top_k=2).best\nprint(who.name if who else "unknown")`} />
    </div>
  `;
}

// A tab that nobody sees must not film.
function useStopWhenHidden(runs, stop) {
  useEffect(() => {
    if (!runs) return;
    const look = () => document.hidden && stop();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [runs]);
}

function useScreenStaysOn(runs) {
  useEffect(() => {
    const lock = runs && navigator.wakeLock?.request("screen").catch(() => null); // a battery that is low, for example
    return () => lock && lock.then((held) => held?.release());
  }, [runs]);
}

// Browsers tell the names of cameras only once one may be used.
function Cameras({ on, camera, onCamera }) {
  const [known, setKnown] = useState([]);
  useEffect(() => {
    if (!on) return;
    const look = () => navigator.mediaDevices?.enumerateDevices().then((all) => setKnown(all.filter(({ kind, label }) => kind === "videoinput" && label)));
    const timer = setInterval(look, 2000);
    look();
    return () => clearInterval(timer);
  }, [on]);
  if (!known.length) return null;
  return html`
    <select class="choice camera" aria-label=${t("door.camera")} value=${camera} onChange=${({ target }) => onCamera(target.value)}>
      <option value="">${t("door.any_camera")}</option>
      ${known.map(({ deviceId, label }) => html`<option key=${deviceId} value=${deviceId}>${label}</option>`)}
    </select>
  `;
}

// Offered where the server has the model.
function Liveness({ live, onLive }) {
  const [installed, setInstalled] = useState(false);
  useEffect(() => {
    get("capabilities").then(({ liveness }) => setInstalled(liveness?.installed === true), () => {});
  }, []);
  if (!installed) return null;
  return html`<label class="check"><input type="checkbox" checked=${live} onChange=${() => onLive(!live)} />${t("door.live")}</label>`;
}
