// A photo of this computer, small, in a list. Drawn while its line is shown; its address is given back afterwards.
import { useState } from "preact/hooks";
import { html } from "../html.mjs";
import { Icon } from "../icons.mjs";
import { useBlobUrl } from "./photo.mjs";

export function Thumb({ file }) {
  const url = useBlobUrl(file);
  const [unknown, setUnknown] = useState(false); // a HEIC in most browsers
  if (!url || unknown) return html`<span class="thumb"><${Icon} name="photo" /></span>`;
  return html`<img class="thumb" src=${url} alt="" loading="lazy" decoding="async" onError=${() => setUnknown(true)} />`;
}
