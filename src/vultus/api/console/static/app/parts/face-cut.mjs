// Cuts a face out of a photo in the browser: to show it beside an enrolled one, or to send it alone.
import { useEffect, useState } from "preact/hooks";
import { html } from "../html.mjs";
import { Icon } from "../icons.mjs";
import { t } from "../i18n.mjs";
import { useBlobUrl } from "./photo.mjs";

const QUALITY = 0.95;
export const TIGHT = 0.15; // as the crops of the server: 1.3 times the longer side
export const WITH_ROOM = 0.75; // what a detector needs around a face
const made = new WeakMap(); // photo -> its cuts
// One photo is decoded at a time, and once for all its faces that are asked for: 40 megapixels are 160 MB of pixels.
let line = Promise.resolve();
let asked = 0;
let decoded = null;

// A JPEG of a square around the face, with a margin as a share of its longer side on each side; null where the browser
// cannot read the photo. facial_area: in pixels of the upright photo, as createImageBitmap gives it.
export function cutFace(file, area, margin) {
  if (!made.has(file)) made.set(file, new Map());
  const cuts = made.get(file);
  const name = [area.x, area.y, area.w, area.h, margin].join();
  if (!cuts.has(name)) cuts.set(name, inLine(async () => cut(await pixelsOf(file), area, margin)));
  return cuts.get(name);
}

function inLine(work) {
  asked++;
  const done = line.then(work).catch(() => null);
  line = done.then(() => --asked === 0 && forget());
  return done;
}

async function pixelsOf(file) {
  if (decoded?.file === file) return decoded.pixels;
  forget();
  decoded = { file, pixels: await createImageBitmap(file).catch(() => null) };
  return decoded.pixels;
}

function forget() {
  decoded?.pixels?.close();
  decoded = null;
}

async function cut(photo, { x, y, w, h }, margin) {
  if (!photo) return null;
  const side = Math.min(Math.max(w, h) * (1 + 2 * margin), photo.width, photo.height);
  const from = (centre, length) => Math.min(Math.max(centre - side / 2, 0), length - side);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = Math.round(side);
  const place = [from(x + w / 2, photo.width), from(y + h / 2, photo.height), side, side];
  canvas.getContext("2d").drawImage(photo, ...place, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  return blob && new File([blob], "face.jpg", { type: "image/jpeg" });
}

export function FaceCut({ file, area, alt }) {
  const [cut, setCut] = useState(undefined);
  useEffect(() => {
    let left = false;
    cutFace(file, area, TIGHT).then((made) => left || setCut(made));
    return () => (left = true);
  }, [file, area]);
  const url = useBlobUrl(cut);
  if (url) return html`<img class="stored" src=${url} alt=${alt} />`;
  return html`<span class="no-photo" role="img" aria-label=${cut === null ? t("photo.none") : alt}><${Icon} name="photo" /></span>`;
}
